//! Whatever is drawn at whatever size: no label over another, none outside the picture.

use super::super::{AreaMode, Picture};
use super::*;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use query::{Consolidation, Series, Style};
use tsdb::{GAP, Step, Timestamp, Window};

fn series(name: &str, start: i64, step: u32, values: Vec<f64>) -> Series {
    Series {
        name: name.to_owned(),
        path_expression: name.to_owned(),
        tags: Default::default(),
        start: Timestamp(start),
        end: Timestamp(start + values.len() as i64 * i64::from(step)),
        step: Step::new(step).unwrap(),
        values,
        consolidation: Consolidation::Average,
        x_files_factor: 0.0,
        style: Style::default(),
        sketches: None,
    }
}

fn check(series: &[Series], picture: &Picture) -> Result<(), TestCaseError> {
    let scene = Scene::new(series, picture);
    let layout = Layout::new(&scene);
    let frame = Rect::new(0.0, 0.0, picture.width as f32, picture.height as f32);
    for (i, text) in layout.texts.iter().enumerate() {
        prop_assert!(frame.contains(&text.rect), "{:?} leaves {frame:?}", text);
        for other in &layout.texts[..i] {
            prop_assert!(!text.rect.overlaps(&other.rect), "{text:?} over {other:?}");
        }
    }
    prop_assert!(frame.contains(&layout.plot), "plot {:?} in {frame:?}", layout.plot);
    for swatch in &layout.swatches {
        prop_assert!(frame.contains(&swatch.rect), "{swatch:?} leaves {frame:?}");
        prop_assert!(!swatch.rect.overlaps(&layout.plot));
    }
    Ok(())
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -1e4..1e4_f64,
        2 => Just(GAP),
        1 => Just(0.0),
        1 => prop_oneof![Just(1e300), Just(-1e300), Just(1e-300), Just(f64::INFINITY), Just(1e15 + 0.5)],
    ]
}

fn some_series() -> impl Strategy<Value = Series> {
    let name = prop_oneof!["[a-z.]{0,40}", r"\PC{0,20}", "movingAverage[(][a-z.]{0,90},[0-9]{2}[)]"];
    let values = prop_oneof![
        prop::collection::vec(number(), 0..60),
        number().prop_map(|v| vec![v; 3]),
        number().prop_map(|v| vec![v; 50]),
    ];
    (name, values, 1_u32..100_000, any::<bool>(), any::<bool>()).prop_map(|(name, values, step, right, stacked)| {
        let mut series = series(&name, 1_772_000_000, step, values);
        series.style.second_y_axis = right;
        series.style.stacked = stacked;
        series
    })
}

fn some_picture() -> impl Strategy<Value = Picture> {
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata"]);
    let text = || prop::option::of("[A-Za-z .]{0,90}");
    let unit = prop::sample::select(vec![Unit::Si, Unit::Milliseconds, Unit::Binary, Unit::PerSecond, Unit::Percent]);
    let area = prop::sample::select(vec![AreaMode::None, AreaMode::First, AreaMode::All, AreaMode::Stacked]);
    let span = (0_u32..10).prop_flat_map(|exponent| 0..10_i64.pow(exponent + 1));
    ((1_u32..1200, 1_u32..800), text(), text(), text(), zone, span, unit, area, prop::array::uniform5(any::<bool>()))
        .prop_map(|((width, height), title, subtitle, vertical, zone, span, unit, area_mode, flags)| Picture {
            width,
            height,
            title,
            subtitle,
            vertical_title_right: vertical.clone().filter(|_| flags[0]),
            vertical_title: vertical,
            zone: TimeZone::get(zone).unwrap(),
            window: Window { from: Timestamp(1_772_000_000), until: Timestamp(1_772_000_000 + span) },
            unit,
            area_mode,
            hide_legend: flags[1] && flags[2],
            hide_y_axis: flags[2] && flags[3],
            hide_axes: flags[3] && flags[4],
            graph_only: flags[0] && flags[1] && flags[4],
            unanswered: if flags[2] { vec!["web.*.cpu".to_owned(); 2] } else { Vec::new() },
            ..Picture::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]
    #[test]
    fn labels_never_overlap_nor_leave_the_frame(
        series in prop::collection::vec(some_series(), 0..25),
        picture in some_picture(),
    ) {
        check(&series, &picture)?;
    }
}

#[test]
fn usual_pictures_say_all_they_can() {
    let hour = |name: &str| series(name, 1_772_665_200, 60, (0..60).map(|i| 50.0 + f64::from(i)).collect());
    let names = ["p50", "p95", "p99"].map(|p| format!("stats.timers.sync.upload.{p}"));
    let series: Vec<Series> = names.iter().map(|name| hour(name)).collect();
    let window = Window { from: Timestamp(1_772_665_200), until: Timestamp(1_772_668_800) };
    let said = |width, height, title: Option<&str>| -> Vec<String> {
        let picture = Picture { width, height, window, title: title.map(str::to_owned), ..Picture::default() };
        let scene = Scene::new(&series, &picture);
        Layout::new(&scene).texts.into_iter().map(|text| text.text).collect()
    };
    let large = said(800, 400, Some("Latency"));
    for text in ["Latency", "UTC", "last", "min", "avg", "max", "23:00", "109", "stats.timers.sync.upload.p99"] {
        assert!(large.iter().any(|said| said == text), "{text} in {large:?}");
    }
    let small = said(330, 250, None);
    assert!(names.iter().all(|name| small.contains(name)), "Graphite's own size has its legend: {small:?}");
    assert!(small.iter().any(|said| said.contains("Mar 2026")), "{small:?}");
    assert!(said(100, 50, Some("Latency")).is_empty(), "a thumbnail is its line alone");
}
