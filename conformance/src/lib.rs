//! Recorded answers of the programs that kymo replaces, and how the tests load them.
//!
//! The cases lie in `data/`, compressed where large. The environment variable `KYMO_CONFORMANCE` names another folder
//! of the same file names, so that further cases can be run; a file absent there is skipped, loudly.
#![forbid(unsafe_code)]

pub mod captures;
pub mod fixture;
pub mod peers;

use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The cases of one file (`statsd.jsonl`, `whisper.jsonl`, …), one JSON value a line; `None` when the folder that
/// `KYMO_CONFORMANCE` names does not hold it.
///
/// # Panics
/// When a file that exists cannot be read: a test that ran no case must not pass.
pub fn cases(file: &str) -> Option<Vec<Value>> {
    let folder = folder();
    let Some(reader) = open(&folder, file) else {
        assert!(is_chosen(), "{} is missing from {}", file, folder.display());
        println!("SKIPPED {file}: not in {}", folder.display());
        return None;
    };
    let parse = |line: std::io::Result<String>| serde_json::from_str(&line.expect("readable")).expect("a JSON line");
    Some(BufReader::new(reader).lines().map(parse).collect())
}

/// Whether the cases are others than ours, so that a test has no answers of its own to them.
pub fn is_chosen() -> bool {
    std::env::var_os("KYMO_CONFORMANCE").is_some()
}

fn folder() -> PathBuf {
    let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    std::env::var_os("KYMO_CONFORMANCE").map_or_else(ours, PathBuf::from)
}

fn open(folder: &Path, file: &str) -> Option<Box<dyn Read>> {
    if let Ok(plain) = File::open(folder.join(file)) {
        return Some(Box::new(plain));
    }
    let packed = File::open(folder.join(format!("{file}.gz"))).ok()?;
    Some(Box::new(GzDecoder::new(packed)))
}

/// Counts the cases of one test and tells the outcome in the form that every conformance test prints.
#[derive(Default)]
pub struct Score {
    passed: usize,
    failures: Vec<String>,
}

impl Score {
    /// Notes the outcome of one case; `Err` says what differed.
    pub fn note(&mut self, case: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(why) => self.failures.push(format!("{case}: {why}")),
        }
    }

    /// Prints `name passed/total` and panics with the first failures unless all passed.
    ///
    /// # Panics
    /// When a case failed, or when none ran.
    pub fn finish(self, name: &str) {
        let total = self.passed + self.failures.len();
        println!("{name} {}/{total}", self.passed);
        assert!(total > 0, "{name}: no case ran");
        let shown: Vec<_> = self.failures.iter().take(20).map(String::as_str).collect();
        assert!(self.failures.is_empty(), "{name} {}/{total}\n{}", self.passed, shown.join("\n"));
    }
}
