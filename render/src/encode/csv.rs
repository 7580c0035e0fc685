//! `format=csv`: `name,time,value` lines, time in the zone that was asked for, quoted as spreadsheets expect.

use super::python_float;
use jiff::tz::TimeZone;
use query::Series;
use std::fmt::Write;

/// One line a slot, `\r\n` after each; a gap is an empty cell, no heading.
pub fn encode(series: &[Series], zone: &TimeZone) -> String {
    let mut out = String::new();
    for one in series {
        let name = quoted(&one.name);
        for (&value, i) in one.values.iter().zip(0i64..) {
            out.push_str(&name);
            out.push(',');
            push_time(&mut out, one.start.0 + i * i64::from(one.step.secs()), zone);
            out.push(',');
            if !tsdb::is_gap(value) {
                python_float::push(&mut out, value);
            }
            out.push_str("\r\n");
        }
    }
    out
}

/// A cell in quotes where its text would otherwise end it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn push_time(out: &mut String, at: i64, zone: &TimeZone) {
    let written = match jiff::Timestamp::from_second(at) {
        Ok(moment) => {
            let civil = zone.to_datetime(moment);
            let (date, time) = (civil.date(), civil.time());
            write!(
                out,
                "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
                date.year(),
                date.month(),
                date.day(),
                time.hour(),
                time.minute(),
                time.second()
            )
        }
        // Beyond the years that a calendar knows; the number still tells which moment was meant.
        Err(_) => write!(out, "{at}"),
    };
    written.expect("a String takes every write");
}
