//! `kymo store backup`: a copy of the store, which a server may write to meanwhile.

use super::{DataArgs, say};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `backup` takes.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The folder to copy to, empty or not there yet; on the same file system segments are links
    #[arg(value_name = "DIR")]
    target: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

pub fn run(args: &BackupArgs) -> Result<ExitCode> {
    let done = tsdb::slab::backup(&args.data.folder_of_store()?, &args.target)?;
    say(&format!("{} files, {} bytes, {} of them links", done.files, done.bytes, done.linked));
    Ok(ExitCode::SUCCESS)
}
