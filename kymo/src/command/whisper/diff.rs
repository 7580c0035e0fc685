//! whisper-diff.py: where two files of the same archives differ.

use super::{Console, python};
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use tsdb::Timestamp;
use tsdb::whisper::{self, ArchiveDiff, Compare};

/// What `diff` takes.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The two files
    #[arg(value_name = "path_a path_b")]
    paths: Vec<PathBuf>,
    /// Count the differences, do not list them
    #[arg(long)]
    summary: bool,
    /// Leave out what only one file holds
    #[arg(long)]
    ignore_empty: bool,
    /// Print plain columns
    #[arg(long)]
    columns: bool,
    /// Leave out the columns' names
    #[arg(long)]
    no_headers: bool,
    /// Epoch seconds; now when left out
    #[arg(long, value_parser = python::option_int, allow_hyphen_values = true)]
    until: Option<i64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &DiffArgs, console: &mut Console<'_>) -> Result<u8> {
    let [left, right] = &args.paths[..] else { return console.help("diff") };
    let compare = if args.ignore_empty { Compare::Both } else { Compare::Any };
    let until = args.until.filter(|until| *until != 0).map(Timestamp);
    let diffs = whisper::diff(left, right, compare, until, console.now)?;
    match (args.json, args.summary) {
        (true, summary) => print_json(&diffs, left, right, summary, console),
        (false, true) => print_summary(&diffs, args, console),
        (false, false) => print_points(&diffs, args, console),
    }?;
    Ok(0)
}

fn print_points(diffs: &[ArchiveDiff], args: &DiffArgs, console: &mut Console<'_>) -> Result<()> {
    let row = |console: &mut Console<'_>, [archive, at, left, right]: [&str; 4]| {
        if args.columns {
            writeln!(console.out, "{archive} {at} {left} {right}")
        } else {
            writeln!(console.out, "{archive:>7} {at:>11} {left:>13} {right:>13}")
        }
    };
    if !args.no_headers {
        row(console, ["archive", "timestamp", "value_a", "value_b"])?;
    }
    for diff in diffs {
        let archive = diff.archive.to_string();
        if !args.columns {
            let counts = format!("{} of {} datapoints differ", diff.points.len(), diff.compared);
            writeln!(console.out, "Archive {archive} ({counts})")?;
            row(console, ["", "timestamp", "value_a", "value_b"])?;
        }
        let archive = if args.columns { &archive } else { "" };
        for (at, left, right) in &diff.points {
            let (at, left, right) = (at.0.to_string(), python::repr_or_none(*left), python::repr_or_none(*right));
            row(console, [archive, &at, &left, &right])?;
        }
    }
    Ok(())
}

fn print_summary(diffs: &[ArchiveDiff], args: &DiffArgs, console: &mut Console<'_>) -> Result<()> {
    let mut row = |archive: &str, total: &str, differing: &str| {
        if args.columns {
            writeln!(console.out, "{archive} {total} {differing}")
        } else {
            writeln!(console.out, "{archive:>7} {total:>9} {differing:>9}")
        }
    };
    if !args.no_headers {
        row("archive", "total", "differing")?;
    }
    for diff in diffs {
        row(&diff.archive.to_string(), &diff.compared.to_string(), &diff.points.len().to_string())?;
    }
    Ok(())
}

fn print_json(
    diffs: &[ArchiveDiff],
    left: &Path,
    right: &Path,
    summary: bool,
    console: &mut Console<'_>,
) -> Result<()> {
    let point = |(at, left, right): &(Timestamp, f64, f64)| {
        object(
            8,
            &[("timestamp", at.0.to_string()), ("value_a", python::json(*left)), ("value_b", python::json(*right))],
        )
    };
    let archive = |diff: &ArchiveDiff| {
        let mut fields = vec![("archive", diff.archive.to_string())];
        if !summary {
            fields.push(("datapoint", array(6, &diff.points.iter().map(point).collect::<Vec<_>>())));
        }
        fields.push(("points", diff.points.len().to_string()));
        fields.push(("total", diff.compared.to_string()));
        object(4, &fields)
    };
    let fields = [
        ("archives", array(2, &diffs.iter().map(archive).collect::<Vec<_>>())),
        ("path_a", python::json_text(&left.to_string_lossy())),
        ("path_b", python::json_text(&right.to_string_lossy())),
    ];
    writeln!(console.out, "{}", object(0, &fields))?;
    Ok(())
}

/// An object that begins behind so many blanks.
fn object(indent: usize, fields: &[(&str, String)]) -> String {
    let lines: Vec<String> =
        fields.iter().map(|(name, value)| format!("{:indent$}  \"{name}\" : {value}", "")).collect();
    format!("{{\n{}\n{:indent$}}}", lines.join(",\n"), "")
}

fn array(indent: usize, values: &[String]) -> String {
    if values.is_empty() {
        return "[]".into();
    }
    let lines: Vec<String> = values.iter().map(|value| format!("{:indent$}  {value}", "")).collect();
    format!("[\n{}\n{:indent$}]", lines.join(",\n"), "")
}
