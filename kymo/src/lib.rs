//! kymo is the one program: it reads arguments, configuration and the clock, and wires the stages.
//!
//! Only this crate reads the clock and the environment; everyone else is given `now`. Each file under `command/` is one
//! subcommand; `command/serve.rs` shows the running system on one screen.
#![forbid(unsafe_code)]

mod alerts;
pub mod cli;
mod client;
mod clock;
pub mod command;
mod commits;
pub mod config;
mod events;
mod journal;
mod own_series;
mod server;
mod upkeep;

use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with these arguments, the first being its own name. A failure is printed with all its causes.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match cli::Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        // The code that other programs use for wrong arguments means "critical" to a monitor.
        Err(told) if told.use_stderr() && args.get(1).is_some_and(|word| word == "check") => {
            return command::check::unknown(&told.to_string());
        }
        Err(told) => told.exit(),
    };
    // Output is for what was asked; what we notice goes beside it.
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    match command::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kymo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
