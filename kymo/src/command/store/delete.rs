//! `kymo store delete`: ends the series that a pattern matches.

use super::{DataArgs, RulesArgs};
use crate::clock;
use anyhow::{Result, ensure};
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
    let found = matching(&store, &args.pattern)?;
    let names = found.iter().map(|(name, _)| name);
    if args.dry_run {
        return tell(names, "would end");
    }
    let series: Vec<SeriesId> = found.iter().map(|(_, series)| *series).collect();
    store.remove(clock::now(), &series)?;
    tell(names, "ended")
}

/// The series that a pattern matches, at least one: whoever mistypes it wants to know.
pub fn matching(store: &SlabStore, pattern: &str) -> Result<Vec<(Arc<str>, SeriesId)>> {
    let found = store.matching(pattern)?;
    ensure!(!found.is_empty(), "no series matches {pattern:?}");
    Ok(found)
}

/// Prints the names, one a line, and how many there are.
pub fn tell<'a>(names: impl ExactSizeIterator<Item = &'a Arc<str>>, what: &str) -> Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let count = names.len();
    for name in names {
        writeln!(out, "{name}")?;
    }
    out.flush()?;
    eprintln!("{count} series {what}");
    Ok(ExitCode::SUCCESS)
}
