//! From the last value of each series to one state. The worst series decides, and what has no value, or an old one, counts
//! as the asker says that missing data counts.

use super::range::Range;
use query::Series;
use std::fmt;
use std::str::FromStr;
use tsdb::Timestamp;

/// How bad it is, worst last: an unknown state is worse than a good one and hides no alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Within all ranges.
    Ok,
    /// It cannot be told.
    Unknown,
    /// The warning range alerts.
    Warning,
    /// The critical range alerts.
    Critical,
}

impl State {
    /// The exit code of a monitoring plugin.
    pub fn exit_code(self) -> u8 {
        match self {
            State::Ok => 0,
            State::Warning => 1,
            State::Critical => 2,
            State::Unknown => 3,
        }
    }

    /// As configurations and JSON spell it.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Critical => "critical",
            State::Unknown => "unknown",
        }
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<State, String> {
        let all = [State::Ok, State::Warning, State::Critical, State::Unknown];
        let found = all.into_iter().find(|state| state.name() == text.to_ascii_lowercase());
        found.ok_or_else(|| format!("{text:?} is not ok, warning, critical or unknown"))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().to_ascii_uppercase())
    }
}

/// What a series is judged by.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Where it warns.
    pub warning: Option<Range>,
    /// Where it is critical.
    pub critical: Option<Range>,
    /// Seconds after which a value counts as missing; `None` takes any that was found.
    pub age_secs: Option<i64>,
    /// What missing data counts as.
    pub no_data: State,
}

/// The last value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Its name.
    pub name: String,
    /// The last slot that has a value, and that value.
    pub last: Option<(Timestamp, f64)>,
}

impl Observed {
    /// Of an evaluated series.
    pub fn of(series: &Series) -> Observed {
        let at = series.values.iter().rposition(|value| !value.is_nan());
        let last = at.map(|at| (series.start + at as i64 * i64::from(series.step.secs()), series.values[at]));
        Observed { name: series.name.clone(), last }
    }
}

/// Why there is nothing to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoData {
    /// No slot has a value.
    Empty,
    /// The last value is this many seconds old.
    Old(i64),
}

/// One series and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// How bad it is.
    pub state: State,
    /// The value that was judged, or why there is none.
    pub value: Result<f64, NoData>,
}

/// All series of a target, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The worst.
    pub state: State,
    /// The worst first, else in the order of the answer. Empty when the target names nothing.
    pub series: Vec<Judged>,
}

impl Terms {
    /// Judges the series that a target gave.
    pub fn judge(&self, series: Vec<Observed>, now: Timestamp) -> Verdict {
        let mut series: Vec<Judged> = series.into_iter().map(|one| self.judge_one(one, now)).collect();
        series.sort_by_key(|one| std::cmp::Reverse(one.state));
        let state = series.first().map_or(self.no_data, |worst| worst.state);
        Verdict { state, series }
    }

    fn judge_one(&self, Observed { name, last }: Observed, now: Timestamp) -> Judged {
        let value = match last {
            None => Err(NoData::Empty),
            Some((at, value)) => match self.age_secs {
                Some(oldest) if now - at > oldest => Err(NoData::Old(now - at)),
                _ => Ok(value),
            },
        };
        let alerts = |range: &Option<Range>, value| range.as_ref().is_some_and(|range| range.alerts(value));
        let state = match value {
            Err(_) => self.no_data,
            Ok(value) if alerts(&self.critical, value) => State::Critical,
            Ok(value) if alerts(&self.warning, value) => State::Warning,
            Ok(_) => State::Ok,
        };
        Judged { name, state, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(name: &str, last: Option<(i64, f64)>) -> Observed {
        Observed { name: name.to_owned(), last: last.map(|(at, value)| (Timestamp(at), value)) }
    }

    fn terms(age_secs: Option<i64>, no_data: State) -> Terms {
        Terms { warning: "250".parse().ok(), critical: "500".parse().ok(), age_secs, no_data }
    }

    #[test]
    fn the_worst_series_decides() {
        let all = vec![
            observed("a", Some((90, 1.0))),
            observed("b", Some((90, 600.0))),
            observed("c", None),
            observed("d", Some((90, 300.0))),
        ];
        let verdict = terms(None, State::Unknown).judge(all, Timestamp(100));
        assert_eq!(verdict.state, State::Critical);
        let order: Vec<_> = verdict.series.iter().map(|one| (one.name.as_str(), one.state)).collect();
        let expected = [("b", State::Critical), ("d", State::Warning), ("c", State::Unknown), ("a", State::Ok)];
        assert_eq!(order, expected);
    }

    #[test]
    fn missing_and_old_values_count_as_they_are_told() {
        let now = Timestamp(100);
        for state in [State::Ok, State::Warning, State::Critical, State::Unknown] {
            assert_eq!(terms(None, state).judge(Vec::new(), now).state, state);
            assert_eq!(terms(None, state).judge(vec![observed("a", None)], now).state, state);
            let old = terms(Some(30), state).judge(vec![observed("a", Some((69, 1.0)))], now);
            assert_eq!((old.state, old.series[0].value), (state, Err(NoData::Old(31))));
        }
        assert_eq!(terms(Some(30), State::Critical).judge(vec![observed("a", Some((70, 1.0)))], now).state, State::Ok);
    }

    #[test]
    fn states_are_words_and_exit_codes() {
        for (word, code) in [("ok", 0), ("WARNING", 1), ("critical", 2), ("Unknown", 3)] {
            assert_eq!(word.parse::<State>().unwrap().exit_code(), code);
        }
        assert!("bad".parse::<State>().is_err());
        assert_eq!(State::Critical.to_string(), "CRITICAL");
    }
}
