//! `kymo whisper`: the arguments, the output and the exit codes of whisper's command-line tools, so that scripts that run
//! them or read what they print go on working. One file a tool or a family of tools: its arguments first, then what it
//! does. What it does to files is tsdb's work.

mod auto_resize;
mod auto_update;
mod create;
mod diff;
mod dump;
mod fetch;
mod find_corrupt;
mod info;
mod merge;
mod metadata;
mod python;
mod resize;
mod shell_words;
mod storage_times;
mod update;
pub(super) mod walk;

use crate::cli::Cli;
use anyhow::{Context, Result};
use clap::{Args, CommandFactory, Subcommand};
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use tsdb::Timestamp;

/// The tools for whisper files.
#[derive(Args, Debug)]
#[command(infer_long_args = true, args_override_self = true)]
pub struct WhisperArgs {
    /// Which tool
    #[command(subcommand)]
    pub tool: WhisperTool,
}

/// The arguments of each tool: those of whisper-NAME.py.
#[derive(Debug, Subcommand)]
pub enum WhisperTool {
    /// Make a file with the given retentions
    Create(create::CreateArgs),
    /// Write points, given as timestamp:value or read from standard input; N is now
    Update(update::UpdateArgs),
    /// Print the points of a range, a day when none is given
    Fetch(fetch::FetchArgs),
    /// Describe a file
    Info(info::InfoArgs),
    /// Print everything that a file holds, slot by slot
    Dump(dump::DumpArgs),
    /// Give a file other archives, and keep its points
    Resize(resize::ResizeArgs),
    /// Write one file's points over another's
    Merge(merge::MergeArgs),
    /// Fill one file's gaps with another's points
    Fill(merge::FillArgs),
    /// Show where two files differ
    Diff(diff::DiffArgs),
    /// Change how points are rolled up from now on
    SetAggregationMethod(metadata::SetMethodArgs),
    /// Change which share of points a coarser point needs from now on
    #[command(name = "set-xfilesfactor", alias = "set-x-files-factor")]
    SetXFilesFactor(metadata::SetFactorArgs),
    /// Resize every file of a tree that differs from carbon's storage-schemas.conf and storage-aggregation.conf
    AutoResize(auto_resize::AutoResizeArgs),
    /// Multiply the values of a range by 1024 three times, as whisper-auto-update.py does as it comes
    AutoUpdate(auto_update::AutoUpdateArgs),
    /// Find files of a tree that are not whole
    #[command(alias = "find-corrupt-whisper-files")]
    FindCorrupt(find_corrupt::FindCorruptArgs),
    /// Resize every file of a tree whose retention differs from storage-schemas.conf
    UpdateStorageTimes(storage_times::StorageTimesArgs),
}

/// What a tool talks to, so that a test may be all of it.
pub struct Console<'a> {
    /// The time as the tools see it.
    pub now: Timestamp,
    /// Where points and answers come from when none are given.
    pub input: &'a mut dyn BufRead,
    /// What the originals print to their standard output.
    pub out: &'a mut dyn Write,
    /// What they complain about.
    pub err: &'a mut dyn Write,
}

/// Runs one tool and gives its exit code. An error means 1.
///
/// # Errors
/// Whatever would stop the original: a file that is missing or corrupt, points that it does not cover, output that
/// nobody takes.
pub fn run(tool: &WhisperTool, console: &mut Console<'_>) -> Result<u8> {
    match tool {
        WhisperTool::Create(args) => create::run(args, console),
        WhisperTool::Update(args) => update::run(args, console),
        WhisperTool::Fetch(args) => fetch::run(args, console),
        WhisperTool::Info(args) => info::run(args, console),
        WhisperTool::Dump(args) => dump::run(args, console),
        WhisperTool::Resize(args) => resize::run(args, console),
        WhisperTool::Merge(args) => merge::run(args, console),
        WhisperTool::Fill(args) => merge::run_fill(args, console),
        WhisperTool::Diff(args) => diff::run(args, console),
        WhisperTool::SetAggregationMethod(args) => metadata::set_method(args, console),
        WhisperTool::SetXFilesFactor(args) => metadata::set_factor(args, console),
        WhisperTool::AutoResize(args) => auto_resize::run(args, console),
        WhisperTool::AutoUpdate(args) => auto_update::run(args, console),
        WhisperTool::FindCorrupt(args) => find_corrupt::run(args, console),
        WhisperTool::UpdateStorageTimes(args) => storage_times::run(args, console),
    }
}

/// Runs a tool on the process's own input and output.
pub(super) fn run_here(tool: &WhisperTool) -> Result<u8> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut console =
        Console { now: crate::clock::now(), input: &mut io::stdin().lock(), out: &mut out, err: &mut io::stderr() };
    let done = run(tool, &mut console);
    // What was printed before an error is printed too.
    let flushed = out.flush();
    match done.and_then(|code| flushed.map(|()| code).context("print")) {
        Err(error) if nobody_reads(&error) => Ok(128 + 13), // as a shell tells the end by SIGPIPE
        done => done,
    }
}

fn nobody_reads(error: &anyhow::Error) -> bool {
    let broken = |cause: &&(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().find(broken).is_some()
}

impl Console<'_> {
    /// The help of a tool that was called with too few or too many arguments: on the output, as the originals have it.
    fn help(&mut self, tool: &str) -> Result<u8> {
        let mut cli = Cli::command();
        cli.build();
        let command = cli.find_subcommand_mut("whisper").and_then(|whisper| whisper.find_subcommand_mut(tool));
        if let Some(command) = command {
            write!(self.out, "{}", command.render_help())?;
        }
        Ok(1)
    }

    /// Says on the error output that a file is not there, and gives the help.
    fn absent(&mut self, path: &Path, tool: &str) -> Result<u8> {
        writeln!(self.err, "[ERROR] File '{}' does not exist!\n", path.display())?;
        self.help(tool)
    }

    /// Says on the error output what is wrong.
    fn fail(&mut self, why: &str) -> Result<u8> {
        writeln!(self.err, "[ERROR] {why}")?;
        Ok(1)
    }
}

/// The file that a tool works on, and the arguments behind it; `None` when there are fewer than `at_least`.
fn split_path(args: &[OsString], at_least: usize) -> Option<(PathBuf, Vec<String>)> {
    let (path, rest) = args.split_first()?;
    let rest = rest.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    (args.len() >= at_least).then(|| (PathBuf::from(path), rest))
}
