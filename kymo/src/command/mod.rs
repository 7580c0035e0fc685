//! One file a subcommand. Each takes its parsed arguments, does its work and returns an exit code or an error with its
//! causes; printing that error is `run`'s work alone.

pub mod agent;
pub mod send;
pub mod whisper;

use crate::cli::{Cli, Command};
use crate::clock;
use anyhow::Result;
use std::process::ExitCode;

/// Runs what the command line asks for; `serve` when it names nothing.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Whisper(args) => whisper::run(&args.tool, clock::now(), &mut std::io::stdout().lock()),
        Command::Agent(args) => agent::run(&args),
        Command::Send(args) => send::run(&args),
        _ => Ok(ExitCode::SUCCESS),
    }
}
