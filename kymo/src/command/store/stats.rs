//! `kymo store stats`: how much there is of what, for people or as JSON.

use super::{DataArgs, RulesArgs, say};
use anyhow::Result;
use clap::Args;
use jiff::Timestamp as Moment;
use serde::Serialize;
use std::process::ExitCode;
use tsdb::{Archive, Expired, RetentionStats};

/// What `stats` takes.
#[derive(Args, Debug)]
pub struct StatsArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Serialize)]
struct Told {
    series: u64,
    expired: ExpiredTold,
    retentions: Vec<RetentionTold>,
}

#[derive(Serialize)]
struct ExpiredTold {
    series: u64,
    last: Option<i64>,
}

#[derive(Serialize)]
struct RetentionTold {
    retention: String,
    columns: u64,
    ring_bytes: u64,
    late_points: u64,
    oldest: Option<i64>,
    newest: Option<i64>,
    archives: Vec<ArchiveTold>,
}

#[derive(Serialize)]
struct ArchiveTold {
    archive: String,
    segments: u64,
    bytes: u64,
    points: u64,
    bytes_per_point: Option<f64>,
    sketch_segments: u64,
    sketch_bytes: u64,
    sketches: u64,
}

pub fn run(args: &StatsArgs) -> Result<ExitCode> {
    let store = args.data.open(&RulesArgs::default())?;
    let retentions = store.stats()?.iter().map(RetentionTold::of).collect();
    let Expired { series, last } = store.expired();
    let expired = ExpiredTold { series, last: last.map(|last| last.0) };
    let told = Told { series: store.shown_count(), expired, retentions };
    if args.json {
        say(&serde_json::to_string_pretty(&told)?);
    } else {
        told.print();
    }
    Ok(ExitCode::SUCCESS)
}

fn archive_text(archive: &Archive) -> String {
    format!("{}s:{}", archive.step.secs(), archive.points)
}

impl RetentionTold {
    fn of(stats: &RetentionStats) -> RetentionTold {
        let retention: Vec<String> = stats.retention.archives().iter().map(archive_text).collect();
        let archives = stats.archives.iter().map(|archive| ArchiveTold {
            archive: archive_text(&archive.archive),
            segments: archive.segments,
            bytes: archive.bytes,
            points: archive.points,
            bytes_per_point: (archive.points > 0).then(|| archive.bytes as f64 / archive.points as f64),
            sketch_segments: archive.sketch_segments,
            sketch_bytes: archive.sketch_bytes,
            sketches: archive.sketches,
        });
        RetentionTold {
            retention: retention.join(","),
            columns: stats.columns,
            ring_bytes: stats.ring_bytes,
            late_points: stats.late_points,
            oldest: stats.oldest_and_newest.map(|(oldest, _)| oldest.0),
            newest: stats.oldest_and_newest.map(|(_, newest)| newest.0),
            archives: archives.collect(),
        }
    }
}

impl Told {
    fn print(&self) {
        say(&format!("{} series", self.series));
        if let Some(last) = self.expired.last {
            say(&format!("{} expired, the last {}", self.expired.series, moment(last)));
        }
        for retention in &self.retentions {
            say(&format!("\n{}", retention.retention));
            say(&format!("  columns      {}", retention.columns));
            say(&format!("  ring         {} bytes", retention.ring_bytes));
            say(&format!("  late points  {}", retention.late_points));
            if let (Some(oldest), Some(newest)) = (retention.oldest, retention.newest) {
                say(&format!("  values       {} to {}", moment(oldest), moment(newest)));
            }
            for archive in &retention.archives {
                let each = archive.bytes_per_point.map_or(String::new(), |bytes| format!(", {bytes:.2} bytes each"));
                let ArchiveTold { archive, segments, bytes, points, sketch_segments, sketch_bytes, sketches, .. } =
                    archive;
                let has_sketches = *sketch_segments > 0;
                say(&format!("  {archive:<12} {segments} segments, {bytes} bytes, {points} values{each}"));
                if has_sketches {
                    say(&format!(
                        "               {sketch_segments} of sketches, {sketch_bytes} bytes, {sketches} sketches"
                    ));
                }
            }
        }
    }
}

fn moment(secs: i64) -> String {
    Moment::from_second(secs).map_or_else(|_| secs.to_string(), |moment| moment.to_string())
}
