//! Pictures from outside: the promises of the SVG's attributes, refusals, and golden PNGs. `KYMO_GOLDEN=write` writes
//! the golden files anew; look at them before they are committed.

use query::{Consolidation, Series, Style};
use render::draw::pie::{PieStyle, Slice, SliceLabel};
use render::draw::{self, AreaMode, Error, LineMode, Picture, Reduction, Spark, Theme, Unit};
use std::io::Read;
use std::path::PathBuf;
use tsdb::{GAP, Step, Timestamp, Window};

/// Thursday, 5 March 2026, midnight in Berlin.
const MIDNIGHT: i64 = 1_772_665_200;

fn series(name: &str, step: u32, values: Vec<f64>) -> Series {
    Series {
        name: name.to_owned(),
        path_expression: name.to_owned(),
        tags: [("name".to_owned(), name.to_owned())].into(),
        start: Timestamp(MIDNIGHT),
        end: Timestamp(MIDNIGHT + values.len() as i64 * i64::from(step)),
        step: Step::new(step).expect("a step is not zero"),
        values,
        consolidation: Consolidation::Average,
        x_files_factor: 0.0,
        style: Style::default(),
        sketches: None,
    }
}

/// A day of 10-minute values around `base`, always the same.
fn day(name: &str, base: f64, seed: u64) -> Series {
    let mut state = seed;
    let mut level = 0.0;
    let values = (0..144).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 40) as f64 / f64::from(1 << 24) - 0.5;
        level = level * 0.95 + noise;
        base * (1.0 + 0.12 * level + 0.05 * noise)
    });
    series(name, 600, values.collect())
}

fn picture() -> Picture {
    Picture {
        width: 480,
        height: 300,
        zone: jiff::tz::TimeZone::get("Europe/Berlin").expect("the zones are bundled"),
        window: Window { from: Timestamp(MIDNIGHT), until: Timestamp(MIDNIGHT + 86_400) },
        ..Picture::default()
    }
}

fn latency() -> Vec<Series> {
    let mut all = vec![day("sync.p99", 310.0, 1), day("sync.p95", 190.0, 2), day("sync.p50", 70.0, 3)];
    for series in &mut all {
        series.values[90..104].fill(GAP);
    }
    all[0].values[30] = 900.0;
    all[0].values[111] = GAP;
    all[0].values[113] = GAP;
    all
}

fn titled() -> Picture {
    Picture {
        title: Some("Cuff-to-cloud sync latency".to_owned()),
        subtitle: Some("stats.timers.sync.*".to_owned()),
        unit: Unit::Milliseconds,
        ..picture()
    }
}

fn decoded(png: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().expect("a whole PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a picture that fits into memory")];
    let frame = reader.next_frame(&mut pixels).expect("a whole PNG");
    (frame.width, frame.height, pixels)
}

fn readings() -> Vec<Slice> {
    let slices =
        [("ecg", 5200.0), ("spo2", 3100.0), ("pulse", 2900.0), ("pressure", 420.0), ("other", 9.0), ("no", 0.0)];
    slices.map(|(name, value)| Slice { name: format!("fleet.readings.{name}.count"), value }).into()
}

#[test]
fn a_pie_says_its_shares_and_keeps_within_bounds() {
    let svg = draw::pie::svg(&readings(), &PieStyle::default(), &titled()).unwrap();
    assert!(svg.contains("ecg.count: 5.20 s, 45 %. fleet.readings.spo2.count: 3.10 s, 27 %."), "{svg:.900}");
    assert_eq!(svg.matches("class=\"series\"").count(), 5, "what is nothing has no slice");
    let number = PieStyle { labels: SliceLabel::Number, ..PieStyle::default() };
    let texts =
        |style: &PieStyle| draw::pie::svg(&readings(), style, &Picture { hide_legend: true, ..picture() }).unwrap();
    assert!(texts(&number).contains(">5.20k</text>") && !texts(&PieStyle::default()).contains(">5.20k</text>"));
    assert!(!texts(&PieStyle { labels_min: 50.0, ..PieStyle::default() }).contains(">45 %<"));
    assert!(draw::pie::svg(&[], &number, &picture()).unwrap().contains("No data"));
    let many = vec![readings()[0].clone(); 501];
    assert!(matches!(draw::pie::png(&many, &number, &picture()), Err(Error::Series(501))));
    for (width, height) in [(1, 1), (7, 200), (200, 7), (90, 90), (60, 700), (4096, 30)] {
        let png = draw::pie::png(&many[..400], &number, &Picture { width, height, ..picture() }).unwrap();
        assert_eq!(decoded(&png).0, width);
    }
}

#[test]
fn golden_pies() {
    let png = |picture: &Picture| draw::pie::png(&readings(), &PieStyle::default(), picture).unwrap();
    golden_png("pie", &png(&Picture { unit: Unit::Si, ..titled() }));
    golden_png("pie_tall_dark", &png(&Picture { width: 260, height: 380, theme: Theme::Dark, ..picture() }));
}

fn golden(name: &str, series: &[Series], picture: &Picture) {
    golden_png(name, &draw::png(series, picture).expect("a picture"));
}

fn golden_png(name: &str, drawn: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.png"));
    if std::env::var("KYMO_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&path, drawn).expect("write the golden picture");
        return;
    }
    let kept = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; KYMO_GOLDEN=write makes it", path.display()));
    let ((width, height, found), (kept_width, kept_height, wanted)) = (decoded(drawn), decoded(&kept));
    assert_eq!((width, height), (kept_width, kept_height), "{name}");
    // Glyph outlines may round otherwise on another CPU; a shape that moved differs by far more.
    let off = found.iter().zip(&wanted).filter(|(a, b)| a.abs_diff(**b) > 4).count();
    assert!(off == 0, "{name}: {off} of {} channels differ from the golden picture", found.len());
}

#[test]
fn golden_line_light() {
    golden("line_light", &latency(), &titled());
}

#[test]
fn golden_line_dark_at_2x() {
    golden(
        "line_dark_2x",
        &latency()[..2],
        &Picture { theme: Theme::Dark, scale: 2.0, width: 330, height: 250, ..titled() },
    );
}

#[test]
fn golden_gaps_and_limit() {
    let mut all = vec![latency().remove(0), series("SLO ≤ 600 ms", 43_200, vec![600.0; 3])];
    all[0].values[112] = 420.0;
    golden("gaps_area_limit", &all, &Picture { area_mode: AreaMode::First, live: true, ..titled() });
}

#[test]
fn golden_stacked() {
    let all =
        [day("ECG", 28e3, 4), day("SpO₂", 10.5e3, 5), day("Heart rate", 7.2e3, 6), day("Blood pressure", 3.1e3, 7)];
    let picture = Picture {
        title: Some("Samples received".to_owned()),
        unit: Unit::PerSecond,
        area_mode: AreaMode::Stacked,
        ..picture()
    };
    golden("stacked", &all, &picture);
}

#[test]
fn golden_staircase_on_two_axes() {
    let mut all = [day("heart rate", 66.0, 8), day("skin temperature", 34.0, 9)];
    all[1].style.second_y_axis = true;
    for series in &mut all {
        series.values.truncate(40);
    }
    let until = Timestamp(MIDNIGHT + 24_000);
    let picture = Picture {
        line_mode: LineMode::Staircase,
        vertical_title: Some("bpm".to_owned()),
        vertical_title_right: Some("°C".to_owned()),
        window: Window { until, ..picture().window },
        ..picture()
    };
    golden("staircase_two_axes", &all, &picture);
}

fn attribute<'s>(svg: &'s str, name: &str) -> &'s str {
    let start =
        svg.find(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{name} in {}", &svg[..400])) + name.len() + 3;
    &svg[start..start + svg[start..].find('"').expect("a closed attribute")]
}

#[test]
fn the_svg_says_where_its_plot_is_and_which_line_is_which() {
    let svg = draw::svg(&latency(), &titled()).unwrap();
    assert_eq!(attribute(&svg, "data-from"), MIDNIGHT.to_string());
    assert_eq!(attribute(&svg, "data-until"), (MIDNIGHT + 86_400).to_string());
    let number = |name| attribute(&svg, name).parse::<f64>().unwrap();
    let (left, top) = (number("data-left"), number("data-top"));
    assert!(left > 20.0 && left + number("data-plot-width") <= 480.0);
    assert!(top > 20.0 && top + number("data-plot-height") <= 300.0);
    assert_eq!((number("data-y-min"), number("data-y-max") >= 900.0), (0.0, true));
    assert_eq!(attribute(&svg, "role"), "img");
    assert!(svg.contains("<title>Cuff-to-cloud sync latency</title>"));
    assert!(svg.contains("peak 900 ms at Thu 5 Mar 05:00"), "{}", &svg[..900]);
    for (i, name) in ["sync.p99", "sync.p95", "sync.p50"].iter().enumerate() {
        assert!(svg.contains(&format!("<g class=\"series\" data-i=\"{i}\" data-name=\"{name}\">")));
    }
    assert!(svg.contains(">CET (UTC+01:00)</text>") && svg.contains(">sync.p99</text>"), "text is text");
    assert!(!svg.contains("style=") && !svg.contains("<style") && !svg.contains("<script"));
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "</text><img src=x onerror=\"alert('1')\">&\u{0}\u{202e}";
    let picture = Picture {
        title: Some(hostile.to_owned()),
        subtitle: Some(hostile.to_owned()),
        vertical_title: Some(hostile.to_owned()),
        unanswered: vec![hostile.to_owned()],
        unit: Unit::Named(hostile.to_owned()),
        ..picture()
    };
    let limit = series(hostile, 43_200, vec![5.0; 3]);
    let empty = series(hostile, 600, vec![GAP; 144]);
    for all in [vec![day(hostile, 5.0, 1), limit], vec![empty.clone()], vec![]] {
        let svg = draw::svg(&all, &picture).unwrap();
        assert!(
            !svg.contains("<img") && !svg.contains('\u{0}') && !svg.contains('\u{202e}') && !svg.contains("&\u{fffd}")
        );
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
        assert!(draw::png(&all, &picture).is_ok());
    }
    let spark = draw::spark(&day(hostile, 5.0, 1), &look());
    assert!(!spark.contains("<img"));
}

fn look() -> Spark {
    Spark { width: 200, height: 30, theme: Theme::Light, color: None, window: picture().window }
}

#[test]
fn a_sparkline_is_a_line_and_a_dot() {
    let spark = draw::spark(&day("cpu", 5.0, 1), &look());
    assert!(spark.contains("<circle") && spark.contains("<path") && !spark.contains("<text"));
    let nothing = draw::spark(&series("cpu", 60, vec![GAP; 10]), &look());
    assert!(!nothing.contains("<circle") && nothing.contains("no data"));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let of = |picture: Picture| draw::png(&[], &picture).map(|png| png.len());
    for (width, height, scale) in [(0, 10, 1.0), (10, 0, 1.0), (4097, 10, 1.0), (10, 10_000, 1.0), (2100, 10, 2.0)] {
        let refused = of(Picture { width, height, scale, ..picture() });
        assert!(matches!(refused, Err(Error::Size { .. })), "{width} {height} {scale}");
    }
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 9.0] {
        assert!(matches!(of(Picture { scale, ..picture() }), Err(Error::Scale(_))), "{scale}");
    }
    let many: Vec<Series> = (0..501).map(|i| series(&i.to_string(), 60, vec![1.0])).collect();
    let refused = draw::svg(&many, &picture()).unwrap_err();
    assert!(refused.is_client_error() && refused.to_string().contains("501"));
}

#[test]
fn odd_data_is_drawn_without_a_panic() {
    let odd = [
        vec![],
        vec![GAP],
        vec![5.0],
        vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN],
        vec![1e300, -1e300, f64::MAX, f64::MIN, 1e-300, 0.0],
        vec![1e-300; 50],
        vec![-7.0; 2000],
    ];
    let modes = [AreaMode::None, AreaMode::First, AreaMode::All, AreaMode::Stacked];
    let windows = [(0, 0), (MIDNIGHT, MIDNIGHT), (MIDNIGHT, MIDNIGHT + 60), (i64::MIN, i64::MAX), (10, -10)];
    for (from, until) in windows {
        for area_mode in modes {
            for line_mode in [LineMode::Slope, LineMode::Staircase, LineMode::Connected] {
                for (width, height) in [(1, 1), (100, 50), (330, 250)] {
                    let window = Window { from: Timestamp(from), until: Timestamp(until) };
                    let picture = Picture { area_mode, line_mode, window, width, height, ..picture() };
                    let all: Vec<Series> = odd.iter().map(|values| series("odd", 60, values.clone())).collect();
                    draw::png(&all, &picture).unwrap();
                    assert!(!draw::svg(&all, &picture).unwrap().contains("NaN"));
                }
            }
        }
    }
}

#[test]
fn the_same_series_give_the_same_bytes() {
    assert_eq!(draw::png(&latency(), &titled()).unwrap(), draw::png(&latency(), &titled()).unwrap());
    assert_eq!(draw::svg(&latency(), &titled()).unwrap(), draw::svg(&latency(), &titled()).unwrap());
}

/// The topmost row of the plot that a picture has ink in, left of the legend's and the axis' reach.
fn highest_ink(series: &Series, picture: &Picture) -> usize {
    let picture = Picture { graph_only: true, hide_grid: true, ..picture.clone() };
    let (width, _, pixels) = decoded(&draw::png(std::slice::from_ref(series), &picture).expect("a picture"));
    pixels.chunks(width as usize * 3).position(|row| row.iter().any(|&channel| channel < 200)).expect("a line")
}

#[test]
fn a_spike_of_one_point_in_twenty_thousand_is_seen() {
    let mut values = vec![100.0; 20_000];
    values[7777] = 500.0;
    let spiky = series("load", 4, values);
    let window = Window { from: Timestamp(MIDNIGHT), until: Timestamp(MIDNIGHT + 80_000) };
    let picture = Picture { window, y_min: Some(0.0), y_max: Some(500.0), ..picture() };
    assert!(highest_ink(&spiky, &picture) < 3);
    let averaged = Picture { reduction: Reduction::Graphite, ..picture.clone() };
    assert!(highest_ink(&spiky, &averaged) > 100, "asked for Graphite's averages, it is averaged away");
}

#[test]
fn the_legend_for_pages_has_the_colours_of_the_picture() {
    let (all, picture) = (latency(), titled());
    let svg = draw::svg(&all, &picture).unwrap();
    let rows = draw::legend(&all, &picture);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0].labels[3], "900 ms");
    for row in rows {
        assert!(svg.contains(&format!("stroke=\"{}\"", row.color)), "{}", row.name);
    }
}

#[test]
fn vital_signs_are_drawn_in_their_unit() {
    let heart = |name: &str| series(name, 60, vec![60.0, 65.0, 70.0]);
    let unit = |all: &[Series], picture: &Picture| draw::svg(all, picture).unwrap().contains(" bpm<");
    let (one, other) = (heart("stats.gauges.vitals.dev1.hr"), heart("stats.gauges.vitals.dev2.hr"));
    assert!(unit(&[one.clone(), other], &picture()));
    assert!(!unit(&[one.clone(), heart("web.load")], &picture()), "no unit in common");
    assert!(!unit(&[one], &Picture { unit: Unit::Plain, ..picture() }), "a unit that was asked for stays");
}

/// The lower edge of a band is not drawn and not named, and the axis does not begin at zero for its sake.
#[test]
fn a_band_floats_on_a_series_that_is_not_drawn() {
    let mut all = vec![day("low", 1000.0, 1), day("high", 1100.0, 1)];
    for series in &mut all {
        series.style.stacked = true;
    }
    all[0].style.invisible = true;
    let svg = draw::svg(&all, &picture()).expect("drawn");
    assert!(svg.contains("high") && !svg.contains(">low<"), "the legend names the band alone");
    let standing = draw::svg(&all[1..], &picture()).expect("drawn");
    let from = |svg: &str| attribute(svg, "data-y-min").parse::<f64>().expect("a number");
    assert!(from(&standing) == 0.0 && from(&svg) > 0.0, "a band does not stand on zero: {}", from(&svg));
}

/// A moment is a line over the whole height, whatever the axis reaches.
#[test]
fn a_moment_is_a_line_from_bottom_to_top() {
    let lines = |svg: &str| svg.matches("<path").count() + svg.matches("<polyline").count();
    let data = vec![day("load", 100.0, 1)];
    let mut with_moment = data.clone();
    let mut moment = series("deploy", 1, vec![1.0, 1.0]);
    moment.start = Timestamp(MIDNIGHT + 43_200);
    moment.end = moment.start;
    moment.style.draw_as_infinite = true;
    with_moment.push(moment);
    let (without, with) =
        (draw::svg(&data, &picture()).expect("drawn"), draw::svg(&with_moment, &picture()).expect("drawn"));
    assert!(lines(&with) > lines(&without) && with.contains("deploy"));
    assert_eq!(attribute(&with, "data-y-min"), attribute(&without, "data-y-min"), "the axis stays that of the data");
}

#[test]
fn a_logarithmic_axis_shows_what_is_small_beside_what_is_large() {
    let wide: Vec<f64> = (0..144).map(|i| 10_f64.powf(f64::from(i) / 30.0)).collect();
    let with_zeros: Vec<f64> = (0..144).map(|i| if i % 48 < 24 { f64::from(i) * 3.0 } else { 0.0 }).collect();
    let all = [series("wide", 600, wide), series("with zeros", 600, with_zeros)];
    let picture = Picture { log_base: Some(10.0), ..picture() };
    let svg = draw::svg(&all, &picture).unwrap();
    for tick in [">1<", ">10<", ">100<", ">1k<", ">10k<"] {
        assert!(svg.contains(tick), "{tick}");
    }
    golden("logarithmic", &all, &picture);
}

#[test]
fn two_sides_may_look_unlike() {
    let mut all = vec![day("left", 300.0, 1), day("right", 2.0, 2)];
    all[1].style.second_y_axis = true;
    let side = |color: &str, dashed| draw::Side { color: draw::Color::parse(color), width: Some(3.0), dashed };
    let sides = Picture { left: side("ff0000", false), right: side("0000ff", true), y_step: Some(150.0), ..picture() };
    let svg = draw::svg(&all, &sides).unwrap();
    assert!(svg.contains("#ff0000") && svg.contains("#0000ff") && svg.contains("stroke-dasharray"), "{svg:.600}");
    let texts: Vec<&str> = svg.split("</text>").filter_map(|part| part.rsplit('>').next()).collect();
    assert!(texts.contains(&"300") && !texts.contains(&"350"), "a step that was asked for: {texts:?}");
    let alone = draw::svg(&all[..1], &sides).unwrap();
    assert!(!alone.contains("#ff0000"), "one axis has no sides");
}

#[test]
fn a_page_holds_the_picture_as_paths() {
    let all = latency();
    let picture = Picture { area_mode: AreaMode::First, ..titled() };
    let page = draw::pdf(&all, &picture).unwrap();
    assert!(page.starts_with(b"%PDF-") && page.trim_ascii_end().ends_with(b"%%EOF"));
    assert_eq!(page, draw::pdf(&all, &picture).unwrap(), "the same picture is the same file");
    let text = String::from_utf8_lossy(&page);
    assert!(text.contains("/MediaBox [0 0 480 300]") && text.contains("(Cuff-to-cloud sync latency)"));
    let begin = page.windows(7).position(|bytes| bytes == b"stream\n").unwrap() + 7;
    let mut operators = String::new();
    flate2::read::ZlibDecoder::new(&page[begin..]).read_to_string(&mut operators).unwrap();
    let count = |operator: &str| operators.lines().filter(|line| line.split(' ').next_back() == Some(operator)).count();
    // Lines and hairs, letters and grounds, curves of the letters, bands of the area within its clip.
    assert!(count("S") > 10 && count("f") > 40 && count("c") > 400 && count("W") >= 2, "{operators:.500}");
    assert_eq!((count("q"), count("BT")), (count("Q"), 0), "what is saved is restored, and no letter needs a font");
    let double = draw::pdf(&all, &Picture { scale: 2.0, ..picture }).unwrap();
    assert!(String::from_utf8_lossy(&double).contains("/MediaBox [0 0 960 600]"));
    let pie = draw::pie::pdf(&readings(), &PieStyle::default(), &titled()).unwrap();
    assert!(pie.starts_with(b"%PDF-"));
    assert!(matches!(draw::pdf(&all, &Picture { width: 9000, ..titled() }), Err(Error::Size { .. })));
}
