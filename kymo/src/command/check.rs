//! `kymo check`: a target against thresholds, as a plugin of Nagios and its kin. One line that says the state and why, then the
//! values as performance data; the exit code is the state. Whatever goes wrong is unknown and says so in the same form.

use super::ask;
use crate::cli::CheckArgs;
use crate::clock;
use anyhow::{Context, Result, anyhow, bail};
use render::alert::{Judged, NoData, Observed, State, Terms, Verdict};
use serde::Deserialize;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;
use tsdb::Timestamp;

/// Series that the line names; the others are counted.
const NAMED_MAX: usize = 8;
/// Series whose values are performance data. Nagios reads 8 KB of a plugin's output.
const VALUES_MAX: usize = 64;
/// Characters of a series' name in the line.
const NAME_CHARS_MAX: usize = 120;
/// How far back a last value is looked for.
const WITHIN_SECS: u32 = 600;

/// Checks and answers in time: a monitor that kills a plugin learns nothing from it.
pub fn run(args: &CheckArgs) -> Result<ExitCode> {
    let (answer, answered) = mpsc::channel();
    let (timeout, asked) = (Duration::from_secs(args.timeout.into()), args.clone());
    // Not joined: it may hang in the network or on a disk, and ends with the process.
    thread::spawn(move || answer.send(check(&asked)));
    let code = match answered.recv_timeout(timeout) {
        Ok(Ok((line, state))) => {
            println!("{line}");
            ExitCode::from(state.exit_code())
        }
        Ok(Err(error)) => unknown(&format!("{error:#}")),
        Err(RecvTimeoutError::Timeout) => unknown(&format!("no answer within {} s", args.timeout)),
        Err(RecvTimeoutError::Disconnected) => unknown("the check ended early"),
    };
    Ok(code)
}

/// Tells a monitor why there is no state.
pub fn unknown(why: &str) -> ExitCode {
    println!("KYMO UNKNOWN - {}", plain(why.trim_start_matches("error: ")));
    ExitCode::from(State::Unknown.exit_code())
}

fn check(args: &CheckArgs) -> Result<(String, State)> {
    match (&args.alert, &args.target) {
        (Some(name), _) => check_alert(args, name),
        (None, target) => check_target(args, target.as_deref().unwrap_or_default()),
    }
}

fn check_target(args: &CheckArgs, target: &str) -> Result<(String, State)> {
    // A slot more than the age, so that a value that is too old is found and its age said.
    let within = args.age.map_or(WITHIN_SECS, |age| WITHIN_SECS.max(age.saturating_mul(2)));
    let from = args.from.clone().unwrap_or_else(|| format!("-{within}s"));
    let parameters = [("target", target.to_owned()), ("format", "json".to_owned()), ("from", from)];
    let timeout = Duration::from_secs(args.timeout.into());
    let body = ask::get(&args.place, "/render", &parameters, Some(timeout))?;
    let series = ask::answered(&body)?.into_iter().map(|one| {
        let last = one.datapoints.iter().rev().find_map(|(value, at)| Some((Timestamp(*at), (*value)?)));
        // What stands for an infinity in JSON.
        let infinite = |value: f64| if value.abs() == f64::MAX { value * 2.0 } else { value };
        Observed { name: one.target, last: last.map(|(at, value)| (at, infinite(value))) }
    });
    let terms = Terms {
        warning: args.warning.clone(),
        critical: args.critical.clone(),
        age_secs: args.age.map(i64::from),
        no_data: args.no_data,
    };
    let verdict = terms.judge(series.collect(), clock::now());
    Ok((line(&verdict, &terms, target), verdict.state))
}

/// What /api/v1/alerts says of one rule.
#[derive(Deserialize)]
struct Told {
    target: String,
    state: String,
    pending: Option<Pending>,
    seen: Option<i64>,
    warning: Option<String>,
    critical: Option<String>,
    error: Option<String>,
    #[serde(default)]
    series: Vec<ToldSeries>,
}

#[derive(Deserialize)]
struct Pending {
    state: String,
    since: i64,
}

#[derive(Deserialize)]
struct ToldSeries {
    name: String,
    state: String,
    value: Option<f64>,
    old: Option<i64>,
}

#[derive(Deserialize)]
struct Alerts {
    alerts: Vec<Told>,
}

/// The state that counts is the exit code; what is on its way is said.
fn check_alert(args: &CheckArgs, name: &str) -> Result<(String, State)> {
    let timeout = Duration::from_secs(args.timeout.into());
    let body = ask::get(&args.place, "/api/v1/alerts", &[("name", name.to_owned())], Some(timeout))?;
    let told: Alerts = ask::json(&body).context("the answer tells of no alerts")?;
    let Some(told) = told.alerts.into_iter().next() else { bail!("the server has no alert {name:?}") };
    let now = clock::now();
    let unseen = told.seen.map(|seen| now.0 - seen);
    let Some(unseen) = unseen else { bail!("alert {name:?} has not been looked at yet") };
    if args.age.is_some_and(|age| unseen > i64::from(age)) {
        let state = args.no_data;
        return Ok((format!("KYMO {state} - alert {} was looked at {unseen} s ago", shortened(name)), state));
    }
    let state: State = told.state.parse().map_err(|why: String| anyhow!(why))?;
    let range = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let (warning, critical) = (range(told.warning), range(told.critical));
    let terms = Terms { warning, critical, age_secs: None, no_data: State::Unknown };
    let judged = |one: ToldSeries| Judged {
        state: one.state.parse().unwrap_or(State::Unknown),
        value: one.value.ok_or(one.old.map_or(NoData::Empty, NoData::Old)),
        name: one.name,
    };
    let series: Vec<Judged> = told.series.into_iter().map(judged).collect();
    let worst = series.first().map_or(State::Unknown, |one| one.state);
    let seen = line(&Verdict { state: worst, series }, &terms, &told.target);
    let (_, seen) = seen.split_once(" - ").unwrap_or_default();
    let what = told.error.map_or_else(|| seen.to_owned(), |error| plain(&error));
    let pending = told.pending.map(|pending| format!(", {} for {} s", plain(&pending.state), now.0 - pending.since));
    Ok((format!("KYMO {state} - alert {}{}: {what}", shortened(name), pending.unwrap_or_default()), state))
}

/// `KYMO WARNING - p95 312 (warning 250) | 'p95'=312;250;500;;`
fn line(verdict: &Verdict, terms: &Terms, target: &str) -> String {
    let state = verdict.state;
    let worst: Vec<&Judged> = verdict.series.iter().filter(|one| one.state == state).collect();
    let told = worst.iter().take(NAMED_MAX).map(|one| told(one, terms)).collect::<Vec<_>>().join(", ");
    let more = match worst.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = match verdict.series.len() {
        0 => format!("no series: {}", shortened(target)),
        1 => told,
        all if worst.len() == all => format!("{all} series: {told}{more}"),
        all => format!("{} of {all} series: {told}{more}", worst.len()),
    };
    let values: Vec<_> = verdict.series.iter().take(VALUES_MAX).map(|one| performance(one, terms)).collect();
    if values.is_empty() {
        return format!("KYMO {state} - {what}");
    }
    format!("KYMO {state} - {what} | {}", values.join(" "))
}

fn told(one: &Judged, terms: &Terms) -> String {
    let name = shortened(&one.name);
    let value = match one.value {
        Ok(value) => value,
        Err(NoData::Empty) => return format!("{name} has no data"),
        Err(NoData::Old(secs)) => return format!("{name} has no data for {secs} s"),
    };
    match (one.state, &terms.warning, &terms.critical) {
        (State::Warning, Some(range), _) => format!("{name} {value} (warning {range})"),
        (State::Critical, _, Some(range)) => format!("{name} {value} (critical {range})"),
        _ => format!("{name} {value}"),
    }
}

/// One label of performance data. `U` is a value that is not known; a quote is doubled and `=` is not allowed.
fn performance(one: &Judged, terms: &Terms) -> String {
    let label = plain(&one.name).replace('=', "_").replace('\'', "''");
    let value = one.value.ok().filter(|value| value.is_finite()).map_or("U".to_owned(), |value| value.to_string());
    let ends = [&terms.warning, &terms.critical].map(|range| range.as_ref().map_or(String::new(), ToString::to_string));
    format!("'{label}'={value};{};{};;", ends[0], ends[1])
}

fn shortened(name: &str) -> String {
    let plain = plain(name);
    match plain.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain,
    }
}

/// On one line and without the mark that ends the text: names come from the wire. A mark under a place marks nothing there.
fn plain(text: &str) -> String {
    let says = |line: &&str| !line.bytes().all(|byte| byte == b'^');
    let line = text.trim().lines().map(str::trim).filter(says).collect::<Vec<_>>().join("; ");
    line.replace('|', "/").chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms {
            warning: "250".parse().ok(),
            critical: "@500:".parse().ok(),
            age_secs: Some(60),
            no_data: State::Unknown,
        }
    }

    fn judged(series: &[(&str, Option<f64>)]) -> String {
        let observed = |(name, value): &(&str, Option<f64>)| Observed {
            name: (*name).to_owned(),
            last: value.map(|value| (Timestamp(100), value)),
        };
        let verdict = terms().judge(series.iter().map(observed).collect(), Timestamp(130));
        line(&verdict, &terms(), "a.*")
    }

    #[test]
    fn one_line_says_it_all() {
        assert_eq!(judged(&[("p95", Some(12.5))]), "KYMO OK - p95 12.5 | 'p95'=12.5;250;@500:;;");
        assert_eq!(judged(&[("p95", Some(312.0))]), "KYMO WARNING - p95 312 (warning 250) | 'p95'=312;250;@500:;;");
        assert_eq!(judged(&[]), "KYMO UNKNOWN - no series: a.*");
        assert_eq!(
            judged(&[("a", Some(1.0)), ("b", Some(600.0)), ("c", None)]),
            "KYMO CRITICAL - 1 of 3 series: b 600 (critical @500:) | \
             'b'=600;250;@500:;; 'c'=U;250;@500:;; 'a'=1;250;@500:;;"
        );
        let many: Vec<_> = (0..200).map(|_| ("a", Some(1.0))).collect();
        let line = judged(&many);
        assert!(line.starts_with("KYMO OK - 200 series: a 1, ") && line.contains(" and 192 more | "), "{line}");
        assert_eq!(line.matches("'a'=").count(), VALUES_MAX);
    }

    #[test]
    fn hostile_names_stay_in_their_place() {
        let line = judged(&[("a|b='c\nKYMO OK", Some(f64::INFINITY))]);
        assert_eq!(line.lines().count(), 1);
        assert_eq!(line, "KYMO CRITICAL - a/b='c; KYMO OK inf (critical @500:) | 'a/b_''c; KYMO OK'=U;250;@500:;;");
    }

    #[test]
    fn numbers_have_no_exponent() {
        assert!(judged(&[("a", Some(1e-9))]).contains("'a'=0.000000001;"));
        assert!(judged(&[("a", Some(1e21))]).contains("'a'=1000000000000000000000;"));
    }
}
