//! whisper-create.py: makes a file, or says how much room one would take.

use super::{Console, python, split_path};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use tsdb::retention::parse_archive;
use tsdb::whisper::{self, CreateOptions, Fill};
use tsdb::{Archive, Retention, RetentionError, Rollup, Step};

/// What `create` takes.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// The file, then retentions such as 60:1440 or 10s:6h
    #[arg(value_name = "path timePerPoint:timeToStore")]
    args: Vec<OsString>,
    /// Which share of the finer points a coarser point needs
    #[arg(long = "xFilesFactor", default_value = "0.5", value_parser = python::float, allow_hyphen_values = true)]
    x_files_factor: f64,
    /// How finer points become a coarser one: average, sum, last, max, min, avg_zero, absmax or absmin
    #[arg(long = "aggregationMethod", default_value = "average")]
    aggregation_method: String,
    /// Replace an existing file
    #[arg(long)]
    overwrite: bool,
    /// Make no file, say how much room one would take
    #[arg(long)]
    estimate: bool,
    /// Take the room only as points come
    #[arg(long)]
    sparse: bool,
    /// Take the room now, as without --sparse
    #[arg(long)]
    fallocate: bool,
}

pub fn run(args: &CreateArgs, console: &mut Console<'_>) -> Result<u8> {
    if args.estimate {
        return estimate(&args.args, console);
    }
    let Some((path, retentions)) = split_path(&args.args, 2) else { return console.help("create") };
    let retention = archives(&retentions)?;
    if path.exists() && args.overwrite {
        writeln!(console.out, "Overwriting existing file: {}", path.display())?;
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    let rollup = method(&args.aggregation_method)?;
    let fill = if args.sparse && !args.fallocate { Fill::Sparse } else { Fill::Zeros };
    let options = CreateOptions { x_files_factor: args.x_files_factor, rollup, fill };
    whisper::create(&path, &Retention::new(retention)?, options)?;
    created(&path, console)?;
    Ok(0)
}

/// Says that a file was made.
pub(super) fn created(path: &Path, console: &mut Console<'_>) -> Result<()> {
    let bytes = fs::metadata(path).with_context(|| format!("describe {}", path.display()))?.len();
    writeln!(console.out, "Created: {} ({bytes} bytes)", path.display())?;
    Ok(())
}

/// A method by its name, as whisper spells it.
pub(super) fn method(name: &str) -> Result<Rollup> {
    let named = Rollup::ALL.into_iter().find(|rollup| rollup.name() == name);
    named.ok_or_else(|| anyhow!("unknown aggregation method {name:?}"))
}

/// Archives, one an argument, not yet checked against each other.
pub(super) fn archives(retentions: &[String]) -> Result<Vec<Archive>> {
    let archive = |text: &String| -> Result<Archive> {
        let (step, points) = parse_archive(text)?;
        let narrow = |number: u64| u32::try_from(number).map_err(|_| RetentionError::TooLarge(text.clone()));
        let step = Step::new(narrow(step)?).ok_or_else(|| RetentionError::Zero(text.clone()))?;
        Ok(Archive { step, points: narrow(points)? })
    };
    retentions.iter().map(archive).collect()
}

fn estimate(args: &[OsString], console: &mut Console<'_>) -> Result<u8> {
    let mut texts: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    if texts.is_empty() {
        return console.help("create");
    }
    if let [one] = &texts[..]
        && one.find(',').is_some_and(|at| at > 0)
    {
        texts = one.split(',').map(String::from).collect();
    }
    let mut total_points = 0;
    for (i, text) in texts.iter().enumerate() {
        let (step, points) = parse_archive(text)?;
        writeln!(console.out, "Archive {i}: {points} points of {step}s precision")?;
        total_points += u128::from(points);
    }
    let bytes = 16 + texts.len() as u128 * 12 + total_points * 12;
    let disk_bytes = bytes.div_ceil(4096) * 4096;
    let size = byte_format(bytes);
    writeln!(console.out, "\nEstimated Whisper DB Size: {size} ({disk_bytes} bytes on disk with 4k blocks)\n")?;
    for thousands in [1, 5, 10, 50, 100, 500] {
        let size = byte_format(thousands * 1000 * disk_bytes);
        writeln!(console.out, "Estimated storage requirement for {thousands}k metrics: {size}")?;
    }
    Ok(0)
}

fn byte_format(bytes: u128) -> String {
    let mut size = bytes as f64;
    for unit in ["bytes", "KB", "MB"] {
        if size < 1024.0 {
            return format!("{size:.3}{unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.3}GB")
}
