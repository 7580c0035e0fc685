//! Values in names: `legendValue` and `cactiStyle`, printed and padded as Python does.

use super::{Args, Value};
use crate::aggregation::Aggregation;
use crate::error::Fault;
use crate::python;
use crate::series::Series;
use tsdb::is_gap;

/// Prefixes by falling size.
type Units = [(&'static str, f64); 5];

const SI: Units = [("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)];
const KIB: f64 = 1024.0;
const BINARY: Units = [
    ("Pi", KIB * KIB * KIB * KIB * KIB),
    ("Ti", KIB * KIB * KIB * KIB),
    ("Gi", KIB * KIB * KIB),
    ("Mi", KIB * KIB),
    ("Ki", KIB),
];

fn units(system: &str) -> Option<&'static Units> {
    match system {
        "si" => Some(&SI),
        "binary" => Some(&BINARY),
        _ => None,
    }
}

/// A value and the prefix of the largest unit that it fills.
fn scaled(value: f64, units: &Units) -> (f64, &'static str) {
    let (size, prefix) =
        units.iter().find(|(_, size)| value.abs() >= *size).map_or((1.0, ""), |(prefix, size)| (*size, prefix));
    let scaled = value / size;
    let whole = scaled.floor();
    (if scaled - whole < 1e-11 && value > 1.0 { whole } else { scaled }, prefix)
}

/// `name (avg: 12.5)`, or columns where there are units.
pub(super) fn with_values(args: &Args<'_>, series: &Series) -> Result<String, Fault> {
    let mut words: Vec<String> = args.list("valuesTypes").iter().map(Value::in_tag).collect();
    let units = words.last().and_then(|word| units(word));
    if units.is_some() {
        words.pop();
    }
    let mut name = series.name.clone();
    for word in words {
        let method = Aggregation::parse(&word);
        let value = method.map(|method| (method, series.measure(method)));
        let text = match (value, units) {
            (None, _) => "(?)".to_owned(),
            (Some((_, value)), _) if is_gap(value) => "None".to_owned(),
            (Some((Aggregation::Count, value)), None) => value.to_string(),
            (Some((_, value)), None) => python::repr(value),
            (Some((_, value)), Some(units)) => {
                let (value, prefix) = scaled(value, units);
                format!("{value:.2}{prefix}")
            }
        };
        name = match units {
            None => format!("{name} ({word}: {text})"),
            Some(_) => format!("{name:<20}{word:<5}{text:<10}"),
        };
    }
    Ok(name)
}

/// Names padded to the longest, then the last value, the largest and the smallest, each padded to the longest of them all.
pub(super) fn cacti(args: &Args<'_>, mut series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    let (units, unit) = (args.maybe_text("system").and_then(units), args.maybe_text("units").filter(|u| !u.is_empty()));
    let print = |value: f64| match (units, unit) {
        (Some(units), unit) => {
            let (value, prefix) = scaled(value, units);
            let blank = if unit.is_some() { " " } else { "" };
            format!("{value:.2}{blank}{prefix}{}", unit.unwrap_or(""))
        }
        (None, Some(unit)) => format!("{value:.2} {unit}"),
        (None, None) => format!("{value:.2}"),
    };
    // How wide a column is goes by whole numbers, and by 3 where there is none or a zero.
    let width_of =
        |value: f64| print(if is_gap(value) || value == 0.0 { 3.0 } else { value.trunc() }).chars().count() + 3;
    let columns = [("Current", Aggregation::Last), ("Max", Aggregation::Max), ("Min", Aggregation::Min)];
    let widths =
        columns.map(|(_, method)| series.iter().map(|series| width_of(method.over(&series.values))).max().unwrap_or(0));
    let name_width = series.iter().map(|series| series.name.chars().count()).max().unwrap_or(0);
    for series in &mut series {
        let mut name = format!("{:<name_width$}", series.name);
        for ((title, method), width) in columns.iter().zip(widths) {
            let value = method.over(&series.values);
            let text = if is_gap(value) { "nan".to_owned() } else { print(value) };
            name.push_str(&format!(" {title}:{text:<width$}"));
        }
        name.push(' ');
        series.name = name;
    }
    Ok(series)
}
