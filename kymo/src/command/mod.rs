//! One file a subcommand. Each takes its parsed arguments, does its work and returns an exit code or an error with its
//! causes; printing that error is `run`'s work alone.

pub mod agent;
mod ask;
pub mod check;
pub mod check_config;
pub mod draw;
pub mod proxy;
pub mod query;
pub mod send;
pub mod serve;
mod signal;
pub mod store;
mod taken;
pub mod token;
pub mod whisper;

use crate::cli::{Cli, Command};
use anyhow::Result;
use std::process::ExitCode;

/// Runs what the command line asks for; `serve` when it names nothing.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(&args),
        Command::Agent(args) => agent::run(&args),
        Command::Proxy(args) => proxy::run(&args),
        Command::Query(args) => query::run(&args),
        Command::Draw(args) => draw::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Whisper(args) => whisper::run_here(&args.tool).map(ExitCode::from),
        Command::Store(args) => store::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Send(args) => send::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
    }
}
