//! whisper-auto-update.py: rewrites the values of a range. The original is a frame for a function of one's own; as it
//! comes, that function makes bytes of gigabytes.

use super::fetch::DAY_SECS;
use super::python::{self, Times};
use super::{Console, split_path};
use anyhow::Result;
use clap::Args;
use std::ffi::OsString;
use tsdb::whisper::{self, Resolution};
use tsdb::{GAP, Timestamp, Window, is_gap};

/// What `auto-update` takes.
#[derive(Args, Debug)]
pub struct AutoUpdateArgs {
    /// The file
    #[arg(value_name = "path")]
    args: Vec<OsString>,
    /// Epoch seconds; a day ago when left out
    #[arg(long, value_parser = python::option_int, allow_hyphen_values = true)]
    from: Option<i64>,
    /// Epoch seconds; now when left out
    #[arg(long, value_parser = python::option_int, allow_hyphen_values = true)]
    until: Option<i64>,
    /// Print readable times
    #[arg(long)]
    pretty: bool,
}

pub fn run(args: &AutoUpdateArgs, console: &mut Console<'_>) -> Result<u8> {
    let Some((path, _)) = split_path(&args.args, 1) else { return console.help("auto-update") };
    let from = args.from.map_or(console.now - DAY_SECS, Timestamp);
    let until = args.until.map_or(console.now, Timestamp);
    let fetched = whisper::fetch(&path, Window { from, until }, console.now, Resolution::Finest)?;
    let Some(fetched) = fetched else { return console.fail("No data in selected timerange") };
    let times = Times::new(args.pretty, None);
    let mut at = fetched.start;
    for old in fetched.values {
        let new = if is_gap(old) { GAP } else { old * 1024.0 * 1024.0 * 1024.0 };
        let time = times.text(at.0)?;
        writeln!(console.out, "{time}\t{} -> {}", python::repr_or_none(old), python::repr_or_none(new))?;
        if !is_gap(new) {
            whisper::update(&path, at, new, console.now)?;
        }
        at = at + i64::from(fetched.step.secs());
    }
    Ok(0)
}
