//! Draw: ten noisy series at 800 by 400, few points and many, to PNG and to SVG.

use crate::Size;
use crate::measure::{MS_PER_PICTURE, Measured, measure};
use query::Series;
use render::draw::{self, Picture};
use std::collections::BTreeMap;
use tsdb::{Step, Timestamp, Window};

const START: Timestamp = Timestamp(1_700_000_000);

/// A noisy series: the same numbers at every call.
fn series(number: usize, points: usize) -> Series {
    let mut state = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 10_000) as f64 / 10_000.0
    };
    let values: Vec<f64> = (0..points).map(|_| 100.0 * number as f64 + 80.0 * noise()).collect();
    let name = format!("web.host{number}.latency");
    Series {
        path_expression: name.clone(),
        tags: BTreeMap::from([("name".to_string(), name.clone())]),
        name,
        start: START,
        end: START + points as i64 * 10,
        step: Step::new(10).expect("not zero"),
        values,
        consolidation: query::Consolidation::default(),
        x_files_factor: 0.0,
        style: query::Style::default(),
        sketches: None,
    }
}

fn picture(points: usize) -> Picture {
    let window = Window { from: START, until: START + points as i64 * 10 };
    Picture { window, ..Picture::default() }
}

fn png(name: &'static str, size: Size, points: usize) -> Measured {
    let all: Vec<Series> = (0..10).map(|number| series(number, points)).collect();
    measure(name, MS_PER_PICTURE, size.rounds, 1, || {
        assert!(draw::png(&all, &picture(points)).is_ok_and(|bytes| bytes.starts_with(b"\x89PNG")));
    })
}

fn svg(name: &'static str, size: Size, points: usize) -> Measured {
    let all: Vec<Series> = (0..10).map(|number| series(number, points)).collect();
    measure(name, MS_PER_PICTURE, size.rounds, 1, || {
        assert!(draw::svg(&all, &picture(points)).is_ok_and(|text| text.contains("</svg>")));
    })
}

/// The workloads of the limits: 10 x 1,000 points, and a hundred times that.
pub fn run(size: Size) -> Vec<Measured> {
    let many = (size.units / 2).clamp(1000, 100_000);
    vec![
        png("draw/png_10_series_1000_points", size, 1000),
        svg("draw/svg_10_series_1000_points", size, 1000),
        png("draw/png_10_series_100000_points", size, many),
    ]
}
