//! `kymo store expire`: ends series that nothing was written to for long. What counts is the time of the newest value.

use super::{DataArgs, RulesArgs, delete};
use crate::clock;
use crate::config::settings::long_secs;
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

/// What `expire` takes.
#[derive(Args, Debug)]
pub struct ExpireArgs {
    /// How long nothing was written: 12h, 30d, 1y
    #[arg(long, value_name = "TIME", value_parser = long_secs)]
    unwritten_for: i64,
    /// Only say which series there are
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub fn run(args: &ExpireArgs) -> Result<ExitCode> {
    let store = args.data.open(&RulesArgs::default())?;
    let now = clock::now();
    let cutoff = now - args.unwritten_for;
    if args.dry_run {
        let found = store.unwritten_since(cutoff)?;
        return delete::tell(found.iter().map(|(name, _)| name), "would end");
    }
    delete::tell(store.expire(now, cutoff)?.iter(), "ended")
}
