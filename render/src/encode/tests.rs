//! The formats against what Python's `repr`, `json.dumps` and `csv` print.

use super::{Charset, JsonWriter, Layout, Nulls, csv, json, python_float, raw};
use jiff::tz::TimeZone;
use query::{Consolidation, Series, Style};
use tsdb::{GAP, Step, Timestamp};

fn series(name: &str, start: i64, step: u32, values: &[f64]) -> Series {
    Series {
        name: name.to_owned(),
        path_expression: name.to_owned(),
        tags: [("name".to_owned(), name.to_owned())].into(),
        start: Timestamp(start),
        end: Timestamp(start + i64::from(step) * values.len() as i64),
        step: Step::new(step).unwrap(),
        values: values.to_vec(),
        consolidation: Consolidation::Average,
        x_files_factor: 0.0,
        style: Style::default(),
        sketches: None,
    }
}

#[test]
fn floats_look_as_in_python() {
    let expected = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (1e-5, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (1e-4, "0.0001"),
        (9_999_999_999_999_998.0, "9999999999999998.0"),
        (1e16, "1e+16"),
        (1.234_567_890_123_456_8e17, "1.2345678901234568e+17"),
        (1e22, "1e+22"),
        (100_000.0, "100000.0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (-3e300, "-3e+300"),
        (f64::NAN, "nan"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ];
    for (value, text) in expected {
        let mut out = String::from("e");
        python_float::push(&mut out, value);
        assert_eq!(out, format!("e{text}"));
    }
}

#[test]
fn json_of_two_series() {
    let two = [series("a.b", 60, 60, &[1.0, GAP, 2.5]), series("é\"\u{1F600}", 0, 10, &[])];
    assert_eq!(
        json::encode(&two, Nulls::Kept, Layout::Line),
        "[{\"target\": \"a.b\", \"tags\": {\"name\": \"a.b\"}, \"datapoints\": [[1.0, 60], [null, 120], [2.5, 180]]}, \
         {\"target\": \"\\u00e9\\\"\\ud83d\\ude00\", \"tags\": {\"name\": \"\\u00e9\\\"\\ud83d\\ude00\"}, \"datapoints\": []}]"
    );
    assert_eq!(
        json::encode(&two, Nulls::Dropped, Layout::Line),
        "[{\"target\": \"a.b\", \"tags\": {\"name\": \"a.b\"}, \"datapoints\": [[1.0, 60], [2.5, 180]]}]"
    );
    assert_eq!(json::encode(&[], Nulls::Kept, Layout::Indented), "[]");
}

#[test]
fn json_of_what_is_not_a_number() {
    let odd = [series("x", 0, 1, &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY])];
    assert!(json::encode(&odd, Nulls::Kept, Layout::Line).ends_with("[[null, 0], [1e9999, 1], [-1e9999, 2]]}]"));
}

#[test]
fn no_time_lies_beyond_the_end() {
    let mut long = series("x", 0, 60, &[1.0, 2.0, 3.0]);
    long.end = Timestamp(60);
    assert!(json::encode(&[long.clone()], Nulls::Kept, Layout::Line).ends_with("[[1.0, 0], [2.0, 60]]}]"));
    long.end = Timestamp(-120);
    assert!(json::encode(&[long], Nulls::Kept, Layout::Line).ends_with("\"datapoints\": []}]"));
}

#[test]
fn indented_json_is_pythons() {
    let mut json = JsonWriter::new(Charset::Utf8, Layout::Indented);
    json.begin_map();
    json.key("a");
    json.begin_list();
    json.number(1.0);
    json.string("ü\u{7f}\n\u{1}");
    json.end_list();
    json.key("b");
    json.begin_map();
    json.end_map();
    json.key("c");
    json.boolean(true);
    json.end_map();
    let expected = "{\n  \"a\": [\n    1.0,\n    \"ü\u{7f}\\n\\u0001\"\n  ],\n  \"b\": {},\n  \"c\": true\n}";
    assert_eq!(json.finish(), expected);
}

#[test]
fn csv_is_in_the_zone_and_quoted() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let points = [series("a,\"b\"", 1_711_846_800, 3600, &[1.0, GAP, f64::NAN])];
    assert_eq!(
        csv::encode(&points, &berlin),
        "\"a,\"\"b\"\"\",2024-03-31 03:00:00,1.0\r\n\"a,\"\"b\"\"\",2024-03-31 04:00:00,\r\n\
         \"a,\"\"b\"\"\",2024-03-31 05:00:00,nan\r\n"
    );
}

#[test]
fn raw_is_one_line() {
    let two = [series("a,b", 60, 60, &[1.0, GAP, 1e-5]), series("c", 0, 10, &[])];
    assert_eq!(raw::encode(&two), "a,b,60,240,60|1.0,None,1e-05\nc,0,0,10|\n");
}
