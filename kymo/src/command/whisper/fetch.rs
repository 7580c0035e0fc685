//! whisper-fetch.py: prints the points of a range.

use super::python::{self, Times};
use super::{Console, split_path};
use anyhow::Result;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use tsdb::whisper::{self, Resolution};
use tsdb::{Fetched, Timestamp, Window, is_gap};

/// whisper-fetch.py reads a day unless told otherwise.
pub(super) const DAY_SECS: i64 = 86_400;

/// What `fetch` takes.
#[derive(Args, Debug)]
pub struct FetchArgs {
    /// The file
    #[arg(value_name = "path")]
    args: Vec<OsString>,
    /// Epoch seconds; a day ago when left out
    #[arg(long, value_parser = python::option_int, allow_hyphen_values = true)]
    from: Option<i64>,
    /// Epoch seconds; now when left out
    #[arg(long, value_parser = python::option_int, allow_hyphen_values = true)]
    until: Option<i64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print readable times
    #[arg(long)]
    pretty: bool,
    /// How --pretty prints them, as strftime takes it
    #[arg(short, long = "time-format", value_name = "FORMAT", allow_hyphen_values = true)]
    time_format: Option<String>,
    /// Leave out null values, zero values, or both
    #[arg(long, value_enum)]
    drop: Option<Drop>,
}

/// Which values are left out.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Drop {
    Nulls,
    Zeroes,
    Empty,
}

impl Drop {
    fn keeps(self, value: f64) -> bool {
        match self {
            Drop::Nulls => !is_gap(value),
            Drop::Zeroes => value != 0.0,
            Drop::Empty => !is_gap(value) && value != 0.0,
        }
    }
}

pub fn run(args: &FetchArgs, console: &mut Console<'_>) -> Result<u8> {
    let Some((path, _)) = split_path(&args.args, 1).filter(|(_, more)| more.is_empty()) else {
        return console.help("fetch");
    };
    let from = args.from.map_or(console.now - DAY_SECS, Timestamp);
    let until = args.until.map_or(console.now, Timestamp);
    let fetched = whisper::fetch(&path, Window { from, until }, console.now, Resolution::Finest)?;
    let Some(mut fetched) = fetched else { return console.fail("No data in selected timerange") };
    if let Some(drop) = args.drop {
        fetched.values.retain(|value| drop.keeps(*value));
    }
    if args.json {
        print_json(&fetched, console)?;
    } else {
        print_lines(&fetched, &Times::new(args.pretty, args.time_format.as_deref()), console)?;
    }
    Ok(0)
}

/// As the original: what is dropped moves the later values forward in time.
fn print_lines(fetched: &Fetched, times: &Times, console: &mut Console<'_>) -> Result<()> {
    let mut at = fetched.start;
    for value in &fetched.values {
        let value = if is_gap(*value) { "None".to_owned() } else { python::fixed(*value) };
        writeln!(console.out, "{}\t{value}", times.text(at.0)?)?;
        at = at + i64::from(fetched.step.secs());
    }
    Ok(())
}

fn print_json(fetched: &Fetched, console: &mut Console<'_>) -> Result<()> {
    let value = |value: &f64| if is_gap(*value) { "null".to_owned() } else { python::repr(*value) };
    let values = fetched.values.iter().map(value).collect::<Vec<_>>().join(", ");
    let (start, end, step) = (fetched.start.0, fetched.end.0, fetched.step.secs());
    writeln!(console.out, "{{\n    \"start\" : {start},\n    \"end\" : {end},\n    \"step\" : {step},")?;
    writeln!(console.out, "    \"values\" : [{values}]\n  }}")?;
    Ok(())
}
