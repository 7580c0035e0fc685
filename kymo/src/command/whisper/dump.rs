//! whisper-dump.py: prints a file slot by slot, also one that every other tool refuses. Of a compressed file, the points
//! of each archive in the order of their times, and then those in its buffer.

use super::python::{self, Times};
use super::{Console, split_path};
use anyhow::Result;
use clap::Args;
use std::ffi::OsString;
use std::path::Path;
use tsdb::Error;
use tsdb::whisper::{self, RawArchive, RawFile};

/// What `dump` takes.
#[derive(Args, Debug)]
pub struct DumpArgs {
    /// The file
    #[arg(value_name = "path")]
    args: Vec<OsString>,
    /// Print readable times
    #[arg(long)]
    pretty: bool,
    /// How --pretty prints them, as strftime takes it
    #[arg(short, long = "time-format", value_name = "FORMAT", allow_hyphen_values = true)]
    time_format: Option<String>,
    /// Print points alone, as `update` takes them
    #[arg(short, long)]
    raw: bool,
}

pub fn run(args: &DumpArgs, console: &mut Console<'_>) -> Result<u8> {
    let Some((path, _)) = split_path(&args.args, 1).filter(|(_, more)| more.is_empty()) else {
        writeln!(console.err, "kymo whisper dump: error: require one input file name")?;
        return Ok(2);
    };
    let points = Points { raw: args.raw, times: Times::new(args.pretty, args.time_format.as_deref()) };
    match RawFile::open(&path) {
        Err(Error::Compressed(_)) => dump_compressed(&path, &points, console),
        file => dump(&file?, &points, console),
    }?;
    Ok(0)
}

fn dump(file: &RawFile, points: &Points, console: &mut Console<'_>) -> Result<()> {
    let header = file.header();
    if !points.raw {
        print_metadata(header.rollup().name(), header.max_retention_secs, header.x_files_factor, console)?;
        for (i, archive) in header.archives.iter().enumerate() {
            print_archive(i, archive, console)?;
        }
    }
    for (i, archive) in header.archives.iter().enumerate() {
        points.title(i, console)?;
        let mut slot = 0;
        while slot < archive.points {
            let read = file.slots(*archive, slot)?;
            for (at, value) in &read {
                points.print(slot, i64::from(*at), *value, console)?;
                slot += 1;
            }
        }
    }
    Ok(())
}

fn dump_compressed(path: &Path, points: &Points, console: &mut Console<'_>) -> Result<()> {
    let header = whisper::compressed_info(path)?;
    if !points.raw {
        print_metadata(&header.method.to_string(), header.max_retention_secs, header.x_files_factor, console)?;
        for (i, described) in header.archives.iter().enumerate() {
            writeln!(console.out, "Archive {i} info:")?;
            writeln!(console.out, "  offset: {}", described.offset)?;
            writeln!(console.out, "  seconds per point: {}", described.archive.step.secs())?;
            writeln!(console.out, "  points: {}", described.archive.points)?;
            writeln!(console.out, "  retention: {}", described.archive.retention_secs())?;
            writeln!(console.out, "  size: {}", described.size_bytes())?;
            writeln!(console.out, "  blocks: {}", described.blocks)?;
            writeln!(console.out, "  block size: {}", described.block_bytes)?;
            if let Some(method) = described.method {
                writeln!(console.out, "  aggregation method: {method}")?;
            }
            writeln!(console.out)?;
        }
    }
    for i in 0..header.archives.len() {
        let stored = whisper::compressed_points(path, i)?;
        points.title(i, console)?;
        for (slot, (at, value)) in (0..).zip(stored) {
            points.print(slot, at, value, console)?;
        }
    }
    Ok(())
}

fn print_metadata(method: &str, max_retention_secs: u32, factor: f32, console: &mut Console<'_>) -> Result<()> {
    writeln!(console.out, "Meta data:")?;
    writeln!(console.out, "  aggregation method: {method}")?;
    writeln!(console.out, "  max retention: {max_retention_secs}")?;
    writeln!(console.out, "  xFilesFactor: {}\n", python::general(f64::from(factor), 6))?;
    Ok(())
}

fn print_archive(i: usize, archive: &RawArchive, console: &mut Console<'_>) -> Result<()> {
    writeln!(console.out, "Archive {i} info:")?;
    writeln!(console.out, "  offset: {}", archive.offset)?;
    writeln!(console.out, "  seconds per point: {}", archive.step_secs)?;
    writeln!(console.out, "  points: {}", archive.points)?;
    writeln!(console.out, "  retention: {}", archive.retention_secs())?;
    writeln!(console.out, "  size: {}\n", archive.size_bytes())?;
    Ok(())
}

/// How points are printed.
struct Points {
    raw: bool,
    times: Times,
}

impl Points {
    fn title(&self, archive: usize, console: &mut Console<'_>) -> Result<()> {
        if !self.raw {
            writeln!(console.out, "Archive {archive} data:")?;
        }
        Ok(())
    }

    fn print(&self, slot: u32, at: i64, value: f64, console: &mut Console<'_>) -> Result<()> {
        let value = python::general(value, 35);
        if self.raw {
            writeln!(console.out, "{at}:{value}")?;
        } else {
            writeln!(console.out, "{slot}: {}, {value:>10}", self.times.text(at)?)?;
        }
        Ok(())
    }
}
