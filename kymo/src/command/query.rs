//! `kymo query`: evaluates targets and prints their points.

use super::ask;
use crate::cli::{QueryArgs, QueryFormat};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Deserialize)]
struct Answered {
    target: String,
    datapoints: Vec<(Option<f64>, i64)>,
}

/// Prints the answer; nothing matching is an empty answer, as over HTTP.
pub fn run(args: &QueryArgs) -> Result<ExitCode> {
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
    // JSON has no infinity: Graphite's 1e9999 reads as one in Python, and as the largest number here.
    let text = String::from_utf8_lossy(body).replace("1e9999", "1.7976931348623157e308");
    let series: Vec<Answered> = serde_json::from_str(&text).context("the answer is not Graphite's JSON")?;
    for Answered { target, datapoints } in series {
        for (value, at) in datapoints {
            if let Some(value) = value {
                writeln!(out, "{target} {value} {at}")?;
            }
        }
    }
    Ok(())
}
