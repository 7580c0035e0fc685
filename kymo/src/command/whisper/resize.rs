//! whisper-resize.py: gives a file other archives and keeps its points, telling each step.

use super::create::{archives, created, method};
use super::{Console, python, split_path};
use anyhow::{Context, Result};
use clap::Args;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tsdb::whisper::{self, CreateOptions, Fill, Migration, OldPoints};
use tsdb::{Archive, Retention};

/// What `resize` takes.
#[derive(Args, Debug)]
pub struct ResizeArgs {
    /// The file, then its new retentions such as 60:1440 or 10s:6h
    #[arg(value_name = "path timePerPoint:timeToStore")]
    args: Vec<OsString>,
    /// Another x-files factor than the old one
    #[arg(long = "xFilesFactor", value_parser = python::float, allow_hyphen_values = true)]
    x_files_factor: Option<f64>,
    /// Another aggregation method than the old one
    #[arg(long = "aggregationMethod")]
    aggregation_method: Option<String>,
    /// Taken for the sake of scripts; changes nothing, as in the original
    #[arg(long)]
    force: bool,
    /// Make this new file, and leave the old one as it is
    #[arg(long)]
    newfile: Option<PathBuf>,
    /// Do not keep the old file as PATH.bak
    #[arg(long)]
    nobackup: bool,
    /// Roll old points up into the new steps, in place of copying them
    #[arg(long)]
    aggregate: bool,
}

pub fn run(args: &ResizeArgs, console: &mut Console<'_>) -> Result<u8> {
    let Some((path, retentions)) = split_path(&args.args, 2) else { return console.help("resize") };
    if !path.exists() {
        return console.absent(&path, "resize");
    }
    whisper::info(&path)?; // a corrupt file is told before bad arguments are
    let retention = archives(&retentions)?;
    writeln!(console.out, "Retrieving all data from the archives")?;
    let old = OldPoints::read(&path, console.now)?;
    let new = match &args.newfile {
        Some(new) => new.clone(),
        None => temporary(&path, console)?,
    };
    writeln!(console.out, "Creating new whisper database: {}", new.display())?;
    let x_files_factor = args.x_files_factor.unwrap_or(old.header().x_files_factor());
    let rollup = args.aggregation_method.as_deref().map_or(Ok(old.header().rollup), method)?;
    let options = CreateOptions { x_files_factor, rollup, fill: Fill::Zeros };
    let retention = Retention::new(retention)?;
    whisper::create(&new, &retention, options)?;
    created(&new, console)?;
    if args.aggregate {
        tell_aggregation(&old, retention.archives(), console)?;
    } else {
        writeln!(console.out, "Migrating data without aggregation...")?;
    }
    let migration = if args.aggregate { Migration::Aggregate } else { Migration::Copy };
    old.migrate(&new, migration, x_files_factor, console.now)?;
    if args.newfile.is_none() {
        replace(&path, &new, args.nobackup, console)?;
    }
    Ok(0)
}

fn temporary(path: &Path, console: &mut Console<'_>) -> Result<PathBuf> {
    let temporary = with_suffix(path, ".tmp");
    if temporary.exists() {
        writeln!(console.out, "Removing previous temporary database file: {}", temporary.display())?;
        fs::remove_file(&temporary).with_context(|| format!("remove {}", temporary.display()))?;
    }
    Ok(temporary)
}

/// What the original tells about the moments that it aggregates.
fn tell_aggregation(old: &OldPoints, archives: &[Archive], console: &mut Console<'_>) -> Result<()> {
    let moments: Vec<String> = old.moments().iter().map(i64::to_string).collect();
    writeln!(console.out, "Migrating data with aggregation...")?;
    writeln!(console.out, "oldtimestamps: [{}]", moments.join(", "))?;
    let now = console.now.0;
    for archive in archives {
        let step = i64::from(archive.step.secs());
        let phase = now.rem_euclid(step);
        let (from, until) = (now - archive.retention_secs() + phase, now + phase + step);
        writeln!(console.out, "({from},{until},{step})")?;
        let step = if step == 1 { String::new() } else { format!(", {step}") };
        writeln!(console.out, "timepoints_to_update: range({from}, {until}{step})")?;
    }
    Ok(())
}

/// Puts the new file in the old one's place. The old one keeps its name until the rename, so that at no moment there is
/// no file; and the new one gets its permissions.
fn replace(path: &Path, new: &Path, no_backup: bool, console: &mut Console<'_>) -> Result<()> {
    let permissions = fs::metadata(path).with_context(|| format!("describe {}", path.display()))?.permissions();
    fs::set_permissions(new, permissions).with_context(|| format!("set permissions of {}", new.display()))?;
    let backup = with_suffix(path, ".bak");
    writeln!(console.out, "Renaming old database to: {}", backup.display())?;
    match fs::remove_file(&backup) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("remove {}", backup.display()));
        }
        _ => {}
    }
    let kept = fs::hard_link(path, &backup).or_else(|_| fs::copy(path, &backup).map(drop));
    kept.with_context(|| format!("back up to {}", backup.display()))?;
    writeln!(console.out, "Renaming new database to: {}", path.display())?;
    fs::rename(new, path).with_context(|| format!("replace {}", path.display()))?;
    if no_backup {
        writeln!(console.out, "Unlinking backup: {}", backup.display())?;
        fs::remove_file(&backup).with_context(|| format!("remove {}", backup.display()))?;
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = OsString::from(path);
    text.push(suffix);
    text.into()
}
