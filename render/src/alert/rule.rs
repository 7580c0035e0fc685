//! A rule: a target, what is too much of it, and for how long. Evaluating one asks the store once and judges what it says.

use super::verdict::{Observed, Terms, Verdict};
use crate::catalogue::Catalogue;
use jiff::tz::TimeZone;
use query::{Limits, Request};
use tsdb::{Timestamp, Window};

/// A rule of the configuration.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What people call it; no two are called the same.
    pub name: String,
    /// The target, whose series are judged by their last values.
    pub target: String,
    /// What they are judged by.
    pub terms: Terms,
    /// For how many seconds something has to be wrong before it counts.
    pub for_secs: i64,
    /// How many seconds back a last value is looked for.
    pub within_secs: i64,
    /// Who is told when the state changes.
    pub webhook: Option<String>,
}

impl Rule {
    /// Judges the series as they are now; the error is a sentence for people.
    ///
    /// # Errors
    /// The target cannot be answered.
    pub fn evaluate(&self, catalogue: &dyn Catalogue, limits: &Limits, now: Timestamp) -> Result<Verdict, String> {
        let targets = [self.target.clone()];
        let request = Request {
            targets: &targets,
            window: Window { from: now - self.within_secs, until: now },
            now,
            zone: TimeZone::UTC,
            x_files_factor: 0.0,
            max_data_points: 0,
            template: &[],
            events: None,
            limits: limits.clone(),
            stop: query::Stop::default(),
        };
        let answer = query::answer(catalogue, &request).map_err(|error| error.to_string())?;
        Ok(self.terms.judge(answer.series.iter().map(Observed::of).collect(), now))
    }

    /// What two versions of a rule share when the state of one is that of the other.
    pub fn fingerprint(&self) -> String {
        let range = |range: &Option<super::Range>| range.as_ref().map_or(String::new(), ToString::to_string);
        let terms = &self.terms;
        let (warning, critical) = (range(&terms.warning), range(&terms.critical));
        let (age, no_data) = (terms.age_secs.unwrap_or(-1), terms.no_data.name());
        format!("{}\n{warning}\n{critical}\n{age}\n{no_data}\n{}", self.target, self.for_secs)
    }
}
