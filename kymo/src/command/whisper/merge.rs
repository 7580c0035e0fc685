//! whisper-merge.py and whisper-fill.py: bring one file's points into another, over what is there or only into gaps.

use super::{Console, python};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use tsdb::Timestamp;
use tsdb::whisper::{self, Lock};

/// What `merge` takes.
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// The file that is read, and the file that is written
    #[arg(value_name = "from_path to_path")]
    paths: Vec<PathBuf>,
    /// Epoch seconds; the beginning of time when left out
    #[arg(long, value_parser = python::option_int, allow_hyphen_values = true)]
    from: Option<i64>,
    /// Epoch seconds; now when left out
    #[arg(long, value_parser = python::option_int, allow_hyphen_values = true)]
    until: Option<i64>,
}

/// What `fill` takes.
#[derive(Args, Debug)]
pub struct FillArgs {
    /// The file that is read, and the file whose gaps are filled
    #[arg(value_name = "src dst")]
    paths: Vec<PathBuf>,
    /// Keep other writers that lock away from the file meanwhile
    #[arg(long)]
    lock: bool,
}

pub fn run(args: &MergeArgs, console: &mut Console<'_>) -> Result<u8> {
    let [from, to, ..] = &args.paths[..] else { return console.help("merge") };
    if let Some(absent) = [from, to].into_iter().find(|path| !path.exists()) {
        return console.fail(&format!("File \"{}\" does not exist!", absent.display()));
    }
    whisper::merge(from, to, args.from.map(Timestamp), args.until.map(Timestamp), console.now)?;
    Ok(0)
}

pub fn run_fill(args: &FillArgs, console: &mut Console<'_>) -> Result<u8> {
    let [source, target] = &args.paths[..] else { return console.help("fill") };
    let lock = if args.lock { Lock::Exclusive } else { Lock::None };
    whisper::fill(source, target, lock, console.now)?;
    Ok(0)
}
