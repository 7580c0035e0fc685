//! `kymo store delete`: ends the series that a pattern matches.

use super::{DataArgs, RulesArgs};
use crate::clock;
use anyhow::Result;
use clap::Args;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use tsdb::{SeriesId, SlabStore};

/// What `delete` takes.
#[derive(Args, Debug)]
pub struct DeleteArgs {
    /// A pattern as in targets, or a whole name with its tags
    #[arg(value_name = "PATTERN")]
    pattern: String,
    /// Only say which series there are
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub fn run(args: &DeleteArgs) -> Result<ExitCode> {
    let store = args.data.open(&RulesArgs::default())?;
    let found = store.matching(&args.pattern)?;
    end(&store, &found, args.dry_run)
}

/// Prints the series, one a line, and ends them unless it is a dry run.
pub fn end(store: &SlabStore, found: &[(Arc<str>, SeriesId)], is_dry: bool) -> Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (name, _) in found {
        writeln!(out, "{name}")?;
    }
    out.flush()?;
    let count = found.len();
    if is_dry {
        eprintln!("{count} series would end");
        return Ok(ExitCode::SUCCESS);
    }
    let series: Vec<SeriesId> = found.iter().map(|(_, series)| *series).collect();
    let ended = store.remove(clock::now(), &series)?;
    eprintln!("{ended} series ended");
    Ok(ExitCode::SUCCESS)
}
