//! find-corrupt-whisper-files.py: walks folders and names files whose header whisper could not open. Files that only kymo
//! refuses, such as truncated ones, are named too, but never deleted.

use super::Console;
use super::walk::{is_whisper, walk};
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use tsdb::Error;
use tsdb::whisper::{self, RawFile};

/// What `find-corrupt` takes.
#[derive(Args, Debug)]
pub struct FindCorruptArgs {
    /// Folders of whisper files
    #[arg(required = true, value_name = "WHISPER_DIR")]
    directories: Vec<PathBuf>,
    /// Delete the files that are named as corrupt
    #[arg(long)]
    delete_corrupt: bool,
    /// Name every folder and file
    #[arg(long)]
    verbose: bool,
}

/// What became of the look at a file.
enum Verdict {
    Whole {
        points: u64,
    },
    /// Whisper opens it, kymo does not.
    Refused(String),
    Corrupt,
    Unreadable(String),
}

pub fn run(args: &FindCorruptArgs, console: &mut Console<'_>) -> Result<u8> {
    for directory in &args.directories {
        let Some(directory) = fs::canonicalize(directory).ok().filter(|directory| directory.is_dir()) else {
            writeln!(console.err, "kymo whisper find-corrupt: error: {} is not a directory!", directory.display())?;
            return Ok(2);
        };
        walk(&directory, |folder, files| {
            if args.verbose {
                writeln!(console.out, "Scanning {}…", folder.display())?;
            }
            files.iter().filter(|file| is_whisper(file)).try_for_each(|file| look(file, args, console))
        })?;
    }
    Ok(0)
}

fn look(file: &Path, args: &FindCorruptArgs, console: &mut Console<'_>) -> Result<()> {
    let path = file.display();
    match judge(file) {
        Verdict::Corrupt if args.delete_corrupt => {
            writeln!(console.err, "Deleting corrupt Whisper file: {path}")?;
            fs::remove_file(file).with_context(|| format!("delete {path}"))?;
        }
        Verdict::Corrupt => writeln!(console.err, "Corrupt Whisper file: {path}")?,
        Verdict::Whole { points } if args.verbose => writeln!(console.out, "{path}: {points} points")?,
        Verdict::Whole { .. } => {}
        Verdict::Refused(why) => writeln!(console.err, "Refused by kymo: {why}")?,
        Verdict::Unreadable(why) => writeln!(console.err, "Unreadable: {why}")?,
    }
    Ok(())
}

fn judge(file: &Path) -> Verdict {
    let raw = match RawFile::open(file) {
        Ok(raw) => raw,
        Err(Error::Compressed(_)) => return judge_compressed(file),
        Err(Error::Corrupt { .. }) => return Verdict::Corrupt,
        Err(error) => return Verdict::Unreadable(error.chain()),
    };
    if !raw.header().is_sound() {
        return Verdict::Corrupt;
    }
    match whisper::info(file) {
        Err(error) => Verdict::Refused(error.chain()),
        Ok(_) => Verdict::Whole { points: raw.header().archives.iter().map(|archive| u64::from(archive.points)).sum() },
    }
}

/// Not deleted either: the original knows nothing of these files.
fn judge_compressed(file: &Path) -> Verdict {
    match whisper::compressed_info(file) {
        Ok(header) => {
            Verdict::Whole { points: header.archives.iter().map(|described| u64::from(described.archive.points)).sum() }
        }
        Err(error) => Verdict::Refused(error.chain()),
    }
}
