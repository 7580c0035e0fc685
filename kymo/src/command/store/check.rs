//! `kymo store check`: says of each damaged file what is wrong with it; 1 when there is one.

use super::{DataArgs, say, unlocked};
use anyhow::Result;
use clap::Args;
use std::path::Path;
use std::process::ExitCode;

/// What `check` takes.
#[derive(Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    data: DataArgs,
}

pub fn run(args: &CheckArgs) -> Result<ExitCode> {
    tell(&args.data.folder_of_store()?)
}

/// Checks a store and prints what is found.
pub fn tell(folder: &Path) -> Result<ExitCode> {
    let checked = tsdb::slab::check(folder).map_err(|error| unlocked(error, folder))?;
    for (path, why) in &checked.damaged {
        say(&format!("{}: {why}", path.display()));
    }
    say(&format!("{} files, {} damaged", checked.files, checked.damaged.len()));
    Ok(if checked.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
