//! `kymo store export`: every series as a whisper file that whisper's own tools, carbon and graphite-web read.

use super::{DataArgs, RulesArgs, say};
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tsdb::whisper::{self, CreateOptions};
use tsdb::{SlabStore, Store, name};

/// What `export` takes.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The folder that becomes the tree; a file that is there already is left alone and reported
    #[arg(value_name = "DIR")]
    target: PathBuf,
    /// Only series that this pattern matches, as in targets
    #[arg(long, value_name = "GLOB")]
    pattern: Option<String>,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    data: DataArgs,
}

pub fn run(args: &ExportArgs) -> Result<ExitCode> {
    let store = args.data.open(&args.rules)?;
    let names = match &args.pattern {
        Some(pattern) => store.matching(pattern)?.into_iter().map(|(name, _)| name.to_string()).collect(),
        None => store.leaves()?,
    };
    fs::create_dir_all(&args.target).with_context(|| format!("create {}", args.target.display()))?;
    let (mut written, mut failed) = (0_u64, 0_u64);
    // Of a series of sketches the leaves that find lists: a whisper file keeps values.
    let leaves = |name: String| match store.leaf_names(&name) {
        leaves if leaves.is_empty() => vec![name],
        leaves => leaves,
    };
    for name in names.into_iter().flat_map(leaves) {
        match export(&store, &name, &args.target) {
            Ok(()) => written += 1,
            Err(error) => {
                failed += 1;
                eprintln!("{name}: {error:#}");
            }
        }
    }
    say(&format!("{written} files written, {failed} series left out"));
    let damaged = store.counters().of("damaged_reads");
    if damaged > 0 {
        eprintln!("{damaged} reads met damage and gave gaps: see `kymo store check`");
    }
    Ok(if failed + damaged == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn export(store: &SlabStore, name: &str, target: &Path) -> Result<()> {
    let Some(series) = store.export(name)? else { return Ok(()) };
    let path = target.join(name::path_of(&series.name)?);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    let (rollup, x_files_factor) = (series.rollup, series.x_files_factor);
    let options = CreateOptions { x_files_factor, rollup, ..CreateOptions::default() };
    Ok(whisper::write_whole(&path, &series.retention, options, &series.archives)?)
}
