//! `kymo query`: evaluates targets and prints their points.

use super::ask::{self, Answered};
use crate::cli::{QueryArgs, QueryFormat};
use anyhow::Result;
use std::io::{self, Write};
use std::process::ExitCode;

/// Prints the table of functions, or the answer; nothing matching is an empty answer, as over HTTP.
pub fn run(args: &QueryArgs) -> Result<ExitCode> {
    if args.functions {
        io::stdout().lock().write_all(query::functions::page::page().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let body = ask::render(&args.source, &args.targets, &[("format", args.format.word().to_string())])?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.format == QueryFormat::Lines {
        write_lines(&body, &mut out)?;
    } else {
        out.write_all(&body)?;
        if !body.ends_with(b"\n") {
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn write_lines(body: &[u8], out: &mut dyn Write) -> Result<()> {
    for Answered { target, datapoints } in ask::answered(body)? {
        for (value, at) in datapoints {
            if let Some(value) = value {
                writeln!(out, "{target} {value} {at}")?;
            }
        }
    }
    Ok(())
}
