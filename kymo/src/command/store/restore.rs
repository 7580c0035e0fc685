//! `kymo store restore`: a store made of a backup. Every file is compared with the backup's list first, and the store is
//! checked when it is there.

use super::{check, say};
use crate::config::own_store;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `restore` takes.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The data folder to be: `serve --data` takes it; it must hold no store yet
    #[arg(value_name = "DATA")]
    data: PathBuf,
}

pub fn run(args: &RestoreArgs) -> Result<ExitCode> {
    let folder = own_store(&args.data);
    let files = tsdb::slab::restore(&args.backup, &folder)?;
    say(&format!("{files} files restored to {}", folder.display()));
    check::tell(&folder)
}
