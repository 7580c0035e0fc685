//! whisper-update.py: writes points that are given or read line by line.

use super::{Console, python, split_path};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use std::ffi::OsString;
use std::io::BufRead;
use tsdb::Timestamp;
use tsdb::whisper;

/// What `update` takes.
#[derive(Args, Debug)]
pub struct UpdateArgs {
    /// The file, then points such as 1700000000:7 or N:7; without points they are read from standard input, one a line
    #[arg(value_name = "path [timestamp:value]")]
    args: Vec<OsString>,
}

pub fn run(args: &UpdateArgs, console: &mut Console<'_>) -> Result<u8> {
    let Some((path, mut points)) = split_path(&args.args, 1) else { return console.help("update") };
    if points.is_empty() {
        points = console.input.lines().collect::<Result<_, _>>().context("read points")?;
    }
    let points = points.iter().map(|point| parse(point, console.now)).collect::<Result<Vec<_>>>()?;
    // One point is an update, which refuses what it does not cover; several are an update_many, which leaves that out.
    match points[..] {
        [(at, value)] => whisper::update(&path, at, value, console.now)?,
        _ => whisper::update_many(&path, &points, console.now)?,
    }
    Ok(0)
}

fn parse(point: &str, now: Timestamp) -> Result<(Timestamp, f64)> {
    let text = point.replace("N:", &format!("{}:", now.0));
    let parts: Vec<&str> = text.split(':').collect();
    let [at, value] = parts[..] else { return Err(anyhow!("{point:?} is not timestamp:value")) };
    let read = |why: String| anyhow!("{point:?}: {why}");
    Ok((Timestamp(python::int(at).map_err(read)?), python::float(value).map_err(read)?))
}
