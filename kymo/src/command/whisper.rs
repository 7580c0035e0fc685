//! `kymo whisper`: the arguments and the output of whisper-create.py, -update.py, -fetch.py and -info.py, so that scripts
//! that read them go on reading.

use crate::cli::WhisperTool;
use anyhow::{Context, Result, bail, ensure};
use jiff::tz::TimeZone;
use render::encode::python_float;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use tsdb::whisper::{self, CreateOptions, Header, Resolution};
use tsdb::{Fetched, Retention, Rollup, Timestamp, Window, is_gap};

/// whisper-fetch.py reads a day unless told otherwise.
const DAY_SECS: i64 = 86_400;

/// Runs one tool as if it were `now`. What the originals print to their output goes to `out`; their errors are errors.
pub fn run(tool: &WhisperTool, now: Timestamp, out: &mut dyn Write) -> Result<ExitCode> {
    match tool {
        WhisperTool::Create { path, retentions, x_files_factor, aggregation_method, overwrite } => {
            let rollup = aggregation_method.parse::<Rollup>();
            let rollup = rollup.map_err(|_| anyhow::anyhow!("unknown aggregation method {aggregation_method:?}"))?;
            let options = CreateOptions { x_files_factor: *x_files_factor, rollup, ..CreateOptions::default() };
            create(path, &retentions.join(","), options, *overwrite, out)
        }
        WhisperTool::Update { path, points } => update(path, points, now),
        WhisperTool::Fetch { path, from, until, json, pretty, drop } => {
            let window = Window { from: from.map_or(now - DAY_SECS, Timestamp), until: until.map_or(now, Timestamp) };
            let drop = drop.as_deref().map(Drop::parse).transpose()?;
            let fetched = whisper::fetch(path, window, now, Resolution::Finest)?;
            let fetched = fetched.context("No data in selected timerange")?;
            if *json { write_json(&fetched, drop, out) } else { write_lines(&fetched, drop, *pretty, out) }
        }
        WhisperTool::Info { path, field, json } => {
            let header = whisper::info(path)?.with_context(|| format!("open {}", path.display()))?;
            let file_bytes = fs::metadata(path).with_context(|| format!("describe {}", path.display()))?.len();
            match field {
                Some(field) => info_field(&header, file_bytes, field, out),
                None if *json => info_json(&header, file_bytes, out),
                None => info_text(&header, file_bytes, out),
            }
        }
    }
}

fn create(
    path: &Path,
    retention: &str,
    options: CreateOptions,
    overwrite: bool,
    out: &mut dyn Write,
) -> Result<ExitCode> {
    let retention = Retention::parse(retention)?;
    if overwrite && path.exists() {
        writeln!(out, "Overwriting existing file: {}", path.display())?;
        fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
    }
    whisper::create(path, &retention, options)?;
    let bytes = fs::metadata(path)?.len();
    writeln!(out, "Created: {} ({bytes} bytes)", path.display())?;
    Ok(ExitCode::SUCCESS)
}

/// One point is an update, which refuses what it does not cover; several are an update_many, which leaves that out.
fn update(path: &Path, points: &[String], now: Timestamp) -> Result<ExitCode> {
    let points = points.iter().map(|point| parse_point(point, now)).collect::<Result<Vec<_>>>()?;
    match points[..] {
        [(at, value)] => whisper::update(path, at, value, now)?,
        _ => whisper::update_many(path, &points, now)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn parse_point(text: &str, now: Timestamp) -> Result<(Timestamp, f64)> {
    let (at, value) = text.split_once(':').with_context(|| format!("{text:?} is not timestamp:value"))?;
    let value: f64 = value.trim().parse().with_context(|| format!("{text:?} has no number as its value"))?;
    if at == "N" {
        return Ok((now, value));
    }
    let at: f64 = at.trim().parse().with_context(|| format!("{text:?} has no timestamp"))?;
    ensure!(at.is_finite(), "{text:?} has no timestamp");
    Ok((Timestamp(at as i64), value))
}

#[derive(Clone, Copy)]
enum Drop {
    Nulls,
    Zeroes,
    Empty,
}

impl Drop {
    fn parse(word: &str) -> Result<Drop> {
        Ok(match word {
            "nulls" => Drop::Nulls,
            "zeroes" => Drop::Zeroes,
            "empty" => Drop::Empty,
            _ => bail!("--drop takes nulls, zeroes or empty, not {word:?}"),
        })
    }

    fn keeps(self, value: f64) -> bool {
        match self {
            Drop::Nulls => !is_gap(value),
            Drop::Zeroes => value != 0.0,
            Drop::Empty => !is_gap(value) && value != 0.0,
        }
    }
}

fn kept(fetched: &Fetched, drop: Option<Drop>) -> impl Iterator<Item = f64> {
    fetched.values.iter().copied().filter(move |&value| drop.is_none_or(|drop| drop.keeps(value)))
}

/// As the original: what is dropped moves the later values forward in time.
fn write_lines(fetched: &Fetched, drop: Option<Drop>, pretty: bool, out: &mut dyn Write) -> Result<ExitCode> {
    let mut at = fetched.start;
    for value in kept(fetched, drop) {
        if pretty {
            let time = jiff::Timestamp::from_second(at.0).context("a time beyond the calendar")?;
            write!(out, "{}", time.to_zoned_datetime(TimeZone::system()).strftime("%a %b %e %H:%M:%S %Y"))?;
        } else {
            write!(out, "{}", at.0)?;
        }
        if is_gap(value) {
            writeln!(out, "\tNone")?;
        } else {
            writeln!(out, "\t{value:.6}")?;
        }
        at = at + i64::from(fetched.step.secs());
    }
    Ok(ExitCode::SUCCESS)
}

fn write_json(fetched: &Fetched, drop: Option<Drop>, out: &mut dyn Write) -> Result<ExitCode> {
    let mut values = String::new();
    for value in kept(fetched, drop) {
        values.push_str(if values.is_empty() { "" } else { ", " });
        if is_gap(value) {
            values.push_str("null");
        } else {
            python_float::push(&mut values, value);
        }
    }
    let (start, end, step) = (fetched.start.0, fetched.end.0, fetched.step.secs());
    writeln!(
        out,
        "{{\n    \"start\" : {start},\n    \"end\" : {end},\n    \"step\" : {step},\n    \"values\" : [{values}]\n  }}"
    )?;
    Ok(ExitCode::SUCCESS)
}

fn float(value: f64) -> String {
    let mut text = String::new();
    python_float::push(&mut text, value);
    text
}

fn info_text(header: &Header, file_bytes: u64, out: &mut dyn Write) -> Result<ExitCode> {
    writeln!(out, "aggregationMethod: {}", header.rollup.name())?;
    writeln!(out, "maxRetention: {}", header.max_retention_secs)?;
    writeln!(out, "xFilesFactor: {}", float(header.x_files_factor()))?;
    writeln!(out, "fileSize: {file_bytes}\n")?;
    for (i, located) in header.archives().iter().enumerate() {
        writeln!(out, "Archive {i}")?;
        writeln!(out, "offset: {}", located.offset)?;
        writeln!(out, "secondsPerPoint: {}", located.archive.step.secs())?;
        writeln!(out, "points: {}", located.archive.points)?;
        writeln!(out, "retention: {}", located.archive.retention_secs())?;
        writeln!(out, "size: {}\n", located.size_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn info_json(header: &Header, file_bytes: u64, out: &mut dyn Write) -> Result<ExitCode> {
    let archive = |located: &whisper::Located| {
        serde_json::json!({
            "offset": located.offset,
            "secondsPerPoint": located.archive.step.secs(),
            "points": located.archive.points,
            "retention": located.archive.retention_secs(),
            "size": located.size_bytes(),
        })
    };
    let info = serde_json::json!({
        "aggregationMethod": header.rollup.name(),
        "maxRetention": header.max_retention_secs,
        "xFilesFactor": header.x_files_factor(),
        "archives": header.archives().iter().map(archive).collect::<Vec<_>>(),
        "fileSize": file_bytes,
    });
    writeln!(out, "{info:#}")?;
    Ok(ExitCode::SUCCESS)
}

fn info_field(header: &Header, file_bytes: u64, field: &str, out: &mut dyn Write) -> Result<ExitCode> {
    match field {
        "aggregationMethod" => writeln!(out, "{}", header.rollup.name())?,
        "maxRetention" => writeln!(out, "{}", header.max_retention_secs)?,
        "xFilesFactor" => writeln!(out, "{}", float(header.x_files_factor()))?,
        "fileSize" => writeln!(out, "{file_bytes}")?,
        "archives" => writeln!(out, "[{}]", header.archives().iter().map(python_dict).collect::<Vec<_>>().join(", "))?,
        _ => {
            const VALID: &str = "aggregationMethod,maxRetention,xFilesFactor,archives,fileSize";
            writeln!(out, "Unknown field \"{field}\". Valid fields are {VALID}")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn python_dict(located: &whisper::Located) -> String {
    let (archive, offset, size) = (located.archive, located.offset, located.size_bytes());
    let (step, points, retention) = (archive.step.secs(), archive.points, archive.retention_secs());
    format!(
        "{{'offset': {offset}, 'secondsPerPoint': {step}, 'points': {points}, 'retention': {retention}, 'size': {size}}}"
    )
}
