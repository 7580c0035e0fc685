//! How the rules stood, in a file: what a restart goes on with. A rule that was changed begins anew.

use render::access::digest_of;
use render::alert::{Course, Rule, Standing, State};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tsdb::Timestamp;

use crate::config::kymo_toml::read_bounded;

/// One rule in the file.
#[derive(Deserialize, Serialize)]
struct Line {
    name: String,
    rule: String,
    state: String,
    since: i64,
    unknown_since: Option<i64>,
    warning_since: Option<i64>,
    critical_since: Option<i64>,
    seen: Option<i64>,
    told: String,
}

/// The file.
pub struct Kept {
    path: PathBuf,
    /// Said once until it works again.
    failed: bool,
}

/// What says that a rule is the one that it was.
pub fn fingerprint(rule: &Rule) -> String {
    digest_of(&rule.fingerprint()).to_string()
}

impl Kept {
    pub fn new(path: PathBuf) -> Kept {
        Kept { path, failed: false }
    }

    /// By the name of the rule: its fingerprint, its course, and what was told of it. A file that cannot be read is one
    /// that says nothing: alerts begin anew, which tells too much rather than too little.
    pub fn read(&self) -> HashMap<String, (String, Course, State)> {
        if !self.path.exists() {
            return HashMap::new();
        }
        let lines = read_bounded(&self.path).and_then(|text| Ok(serde_json::from_str::<Vec<Line>>(&text)?));
        let lines = lines.unwrap_or_else(|error| {
            tracing::warn!("alerts begin anew: {}: {error:#}", self.path.display());
            Vec::new()
        });
        lines.into_iter().filter_map(Line::course).collect()
    }

    pub fn write(&mut self, standings: &[Standing], told: &HashMap<String, State>) {
        let lines: Vec<Line> = standings.iter().map(|standing| Line::of(standing, told)).collect();
        let written =
            serde_json::to_vec(&lines).map_err(std::io::Error::other).and_then(|bytes| replace(&self.path, &bytes));
        match written {
            Ok(()) => self.failed = false,
            Err(error) => {
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::warn!("write down how alerts stand: {}: {error}", self.path.display());
                }
            }
        }
    }
}

/// Whole or not at all, also when the process is killed in between.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&beside, path)
}

impl Line {
    fn of(standing: &Standing, told: &HashMap<String, State>) -> Line {
        let course = &standing.course;
        let [unknown, warning, critical] = course.reached.map(|at| at.map(|at| at.0));
        let told = told.get(&standing.rule.name).copied().unwrap_or(State::Ok);
        Line {
            name: standing.rule.name.clone(),
            rule: fingerprint(&standing.rule),
            state: course.state.name().to_owned(),
            since: course.since.0,
            unknown_since: unknown,
            warning_since: warning,
            critical_since: critical,
            seen: course.seen.map(|at| at.0),
            told: told.name().to_owned(),
        }
    }

    fn course(self) -> Option<(String, (String, Course, State))> {
        let reached = [self.unknown_since, self.warning_since, self.critical_since].map(|at| at.map(Timestamp));
        let state = self.state.parse().ok()?;
        let course = Course { state, since: Timestamp(self.since), reached, seen: self.seen.map(Timestamp) };
        Some((self.name, (self.rule, course, self.told.parse().ok()?)))
    }
}
