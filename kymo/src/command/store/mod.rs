//! `kymo store`: what is done to kymo's own store beside the running of it. One file a subcommand: its arguments first, then
//! what it does. What it does to files is tsdb's work. All but `backup` need the store for themselves.

mod backup;
mod check;
mod delete;
mod expire;
mod export;
mod import;
mod restore;
mod stats;

use crate::cli::ServeArgs;
use crate::config::pipeline::{read_rules, store_limits};
use crate::config::{Settings, own_store};
use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tsdb::{Error, Rules, SlabStore};

/// What is done to the store.
#[derive(Args, Debug)]
pub struct StoreArgs {
    /// What to do
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Take a tree of whisper files in, every archive of every file as it is
    Import(import::ImportArgs),
    /// Write every series as a whisper file
    Export(export::ExportArgs),
    /// Verify every checksum
    Check(check::CheckArgs),
    /// Say how much there is of what
    Stats(stats::StatsArgs),
    /// Copy the store, also while a server writes to it
    Backup(backup::BackupArgs),
    /// Make a store of a backup, and check it
    Restore(restore::RestoreArgs),
    /// End series that nothing was written to for long
    Expire(expire::ExpireArgs),
    /// End the series that a pattern matches
    Delete(delete::DeleteArgs),
}

/// Which store.
#[derive(Args, Clone, Debug)]
struct DataArgs {
    /// Folder of kymo's own store, as for `serve` [default: kymo-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// kymo's own configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How series are rolled up, as for `serve`.
#[derive(Args, Clone, Debug, Default)]
struct RulesArgs {
    /// carbon's storage-aggregation.conf, as for `serve`
    #[arg(long, value_name = "FILE")]
    storage_aggregation: Option<PathBuf>,
}

/// Runs one of them.
///
/// # Errors
/// The store is not there, damaged, or in use; a file cannot be read or written.
pub fn run(args: &StoreArgs) -> Result<ExitCode> {
    match &args.command {
        StoreCommand::Import(args) => import::run(args),
        StoreCommand::Export(args) => export::run(args),
        StoreCommand::Check(args) => check::run(args),
        StoreCommand::Stats(args) => stats::run(args),
        StoreCommand::Backup(args) => backup::run(args),
        StoreCommand::Restore(args) => restore::run(args),
        StoreCommand::Expire(args) => expire::run(args),
        StoreCommand::Delete(args) => delete::run(args),
    }
}

impl DataArgs {
    fn settings(&self, rules: &RulesArgs) -> Result<Settings> {
        Settings::resolve(&ServeArgs {
            data: self.data.clone(),
            config: self.config.clone(),
            storage_aggregation: rules.storage_aggregation.clone(),
            ..ServeArgs::default()
        })
    }

    /// The store's folder.
    fn folder(&self) -> Result<PathBuf> {
        Ok(own_store(&self.settings(&RulesArgs::default())?.data))
    }

    /// The folder of a store that is there already.
    fn folder_of_store(&self) -> Result<PathBuf> {
        let folder = self.folder()?;
        std::fs::metadata(folder.join("names.log"))
            .with_context(|| format!("there is no store in {}", folder.display()))?;
        Ok(folder)
    }

    /// The rules that `serve` would follow.
    fn rules(&self, rules: &RulesArgs) -> Result<Rules> {
        let settings = self.settings(rules)?;
        read_rules(settings.storage_schemas.as_deref(), settings.storage_aggregation.as_deref())
    }

    /// Opens the store, which is there already.
    fn open(&self, rules: &RulesArgs) -> Result<SlabStore> {
        // Opening makes what is not there, which nobody wants here.
        self.folder_of_store()?;
        self.open_or_make(rules)
    }

    /// Opens the store, a new one if need be.
    fn open_or_make(&self, rules: &RulesArgs) -> Result<SlabStore> {
        let settings = self.settings(rules)?;
        let folder = own_store(&settings.data);
        let opened = SlabStore::open(&folder, self.rules(rules)?, store_limits(&settings), settings.sync);
        opened.map_err(|error| unlocked(error, &folder))
    }
}

/// Prints a line; whoever does not read any more does not want it.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Says of a store that is in use what to do about it.
fn unlocked(error: Error, folder: &Path) -> anyhow::Error {
    match error {
        Error::Locked(_) => anyhow!(
            "a running kymo has the store in {} open: stop it first (`kymo store backup` alone works beside it)",
            folder.display()
        ),
        error => error.into(),
    }
}
