//! update-storage-times.py: resizes every file of a tree whose retention is not that of storage-schemas.conf. The original
//! runs under Python 2 only; this does what it does there, except that it compares steps too, and that only the system
//! decides who may change the files.

use super::Console;
use super::auto_resize::resized;
use super::walk::{is_whisper, walk};
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tsdb::{Archive, Retention, Rules};

/// What `update-storage-times` takes.
#[derive(Args, Debug)]
pub struct StorageTimesArgs {
    /// The storage-schemas.conf
    #[arg(long)]
    cfg: PathBuf,
    /// The folder of the whisper files
    #[arg(long)]
    path: PathBuf,
    /// Tell of each file what is done
    #[arg(long)]
    debug: bool,
    /// Change nothing
    #[arg(long)]
    dry_run: bool,
    /// Look only at this folder below --path
    #[arg(long, default_value = "")]
    subdir: PathBuf,
    /// Do not keep the old file as PATH.bak
    #[arg(long)]
    nobackup: bool,
    /// Roll old points up into the new steps, in place of copying them
    #[arg(long)]
    aggregate: bool,
    /// Taken for the sake of scripts: the tools are built in
    #[arg(long)]
    bindir: Option<PathBuf>,
    /// Seconds to wait after each file that was resized
    #[arg(long, default_value_t = 0.3)]
    sleep: f64,
}

pub fn run(args: &StorageTimesArgs, console: &mut Console<'_>) -> Result<u8> {
    let text = fs::read_to_string(&args.cfg).with_context(|| format!("read {}", args.cfg.display()))?;
    let rules = Rules::parse(Some((&args.cfg, &text)), None)?;
    for warning in rules.warnings() {
        writeln!(console.err, "{warning}")?;
    }
    let folder = args.path.join(&args.subdir);
    writeln!(console.out, "Creating new storage schemas for metrics under {} ...", folder.display())?;
    walk(&folder, |_, files| {
        let files = files.iter().filter(|file| is_whisper(file) && !file.is_symlink());
        files.into_iter().try_for_each(|file| update(file, args, &rules, console))
    })?;
    Ok(0)
}

fn update(file: &Path, args: &StorageTimesArgs, rules: &Rules, console: &mut Console<'_>) -> Result<()> {
    let below = file.strip_prefix(&args.path).unwrap_or(file).with_extension("");
    let name = below.to_string_lossy().replace('/', ".");
    let retention = rules.settings(&name).retention;
    let shown = file.display();
    if args.debug {
        writeln!(console.out, "Testing {shown} for modification")?;
    }
    if archives_of(file)?.as_deref() == Some(retention.archives()) {
        if args.debug {
            writeln!(console.out, "{shown} has the same retention as before!")?;
        }
        return Ok(());
    }
    let words = words(file, retention, args);
    if args.debug {
        writeln!(console.out, "Retention will be {}", words.join(" "))?;
    }
    if args.dry_run {
        return Ok(());
    }
    let before = fs::metadata(file).with_context(|| format!("describe {shown}"))?;
    let mut nowhere = io::sink();
    let out: &mut dyn io::Write = if args.debug { &mut *console.out } else { &mut nowhere };
    let done = resized(&words, &mut Console { now: console.now, input: console.input, out, err: console.err })?;
    if !done {
        writeln!(console.out, "Failed to update schemas for {shown}")?;
        writeln!(console.out, "Attempted command string: {}", words.join(" "))?;
        return Ok(());
    }
    let after = fs::metadata(file).with_context(|| format!("describe {shown}"))?;
    if (after.uid(), after.gid()) != (before.uid(), before.gid()) {
        std::os::unix::fs::chown(file, Some(before.uid()), Some(before.gid()))
            .with_context(|| format!("give {shown} back to its owner"))?;
    }
    // A file at a time, with pauses, so that the disk has time for others.
    std::thread::sleep(Duration::try_from_secs_f64(args.sleep).unwrap_or_default());
    Ok(())
}

fn archives_of(file: &Path) -> Result<Option<Vec<Archive>>> {
    let header = tsdb::whisper::info(file)?;
    Ok(header.map(|header| header.archives().iter().map(|located| located.archive).collect()))
}

fn words(file: &Path, retention: &Retention, args: &StorageTimesArgs) -> Vec<String> {
    let mut words = vec!["resize".to_owned()];
    words.extend(args.nobackup.then(|| "--nobackup".into()));
    words.extend(args.aggregate.then(|| "--aggregate".into()));
    words.push(file.to_string_lossy().into_owned());
    words.extend(retention.archives().iter().map(|archive| format!("{}:{}", archive.step.secs(), archive.points)));
    words
}
