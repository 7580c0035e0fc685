//! storage-schemas.conf and storage-aggregation.conf: from the same files, carbon-cache and kymo make files with the same
//! headers, byte for byte.

use super::original::{Site, now, send_tcp, whisper_files};
use crate::ports::ports;
use crate::running::Running;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The first section that is found in the name wins; a pattern is searched, not matched; one without retentions is
/// passed over; `y` is a year of 365 days; keys are read in any case.
const SCHEMAS: &str = "\
# comments, and sections in their order
[no_retentions]
pattern = ^late\\.

[anchored]
pattern = ^stats\\.timers\\.
retentions = 1s:1h,10s:1d

[seconds_and_points]
PATTERN = \\.raw$
Retentions = 15:4,60:1440

[in_the_middle]
pattern = vitals
retentions = 10s:6h,1m:7d,10m:1y

[look_around]
pattern = ^(?!web)\\w+\\.(?<!x\\.)count
retentions = 30s:1d
";
const AGGREGATIONS: &str = "\
[min]
pattern = \\.min$
xFilesFactor = 0.1
aggregationMethod = min

[sum]
pattern = \\.count
aggregationMethod = sum

[factor_alone]
pattern = raw
xFilesFactor = 0.7

[absolute]
pattern = ^stats\\.timers\\..*upper
xFilesFactor = 1
aggregationMethod = absmax
";
const NAMES: &[&str] = &[
    "stats.timers.a.upper",
    "stats.timers.a.min",
    "stats.timers.raw",
    "late.vitals.min",
    "late.other",
    "dev.vitals.ecg.count",
    "dev.ecg.raw",
    "app.count",
    "web.count",
    "x.count.min",
    "none.of.them",
    "a.raw.b",
    "stats.timersx.a",
];
const PATIENCE: Duration = Duration::from_secs(20);

/// What describes a file: everything before its points.
fn header(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).expect("readable");
    let archives = u32::from_be_bytes(*bytes[12..].first_chunk().expect("a header")) as usize;
    bytes[..16 + 12 * archives].to_vec()
}

fn wait_for_files(site: &Site) -> Vec<PathBuf> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let files = whisper_files(&site.tree());
        // A file of carbon's has its name before it has its header.
        let whole = |file: &PathBuf| fs::metadata(site.tree().join(file)).is_ok_and(|found| found.len() > 28);
        if files.len() == NAMES.len() && files.iter().all(whole) {
            return files;
        }
        assert!(Instant::now() < patience, "{files:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_same_files_make_the_same_headers() {
    let (ours, theirs) = (Site::new(SCHEMAS, AGGREGATIONS), Site::new(SCHEMAS, AGGREGATIONS));
    let [line, pickle] = ports();
    let Some(_carbon) = theirs.carbon_cache(line, pickle) else { return };
    let flags = ours.flags();
    let kymo = Running::start(&ours.path("kymo-data"), &flags.each_ref().map(String::as_str));
    let sent: String = NAMES.iter().map(|name| format!("{name} 1 {}\n", now())).collect();
    send_tcp(line, &sent);
    send_tcp(kymo.carbon.port(), &sent);
    let (files, same) = (wait_for_files(&ours), wait_for_files(&theirs));
    assert_eq!(files, same);
    for file in &files {
        let (one, other) = (ours.tree().join(file), theirs.tree().join(file));
        assert_eq!(header(&one), header(&other), "{}", file.display());
        assert_eq!(fs::metadata(one).expect("there").len(), fs::metadata(other).expect("there").len());
    }
}
