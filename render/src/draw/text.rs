//! Text: which glyph of which embedded face draws a character, how wide a line is, and how it is cut when there is no
//! room. Both sinks measure here, before anything is drawn, so that the layout is the same picture in PNG and SVG.

use super::canvas::Point;
use ab_glyph::{Font, FontRef, Glyph, GlyphId, OutlineCurve, PxScale, point};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::OnceLock;

/// The two weights that pictures use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weight {
    /// Labels and names.
    Regular,
    /// Titles, dates and last values.
    Bold,
}

/// Noto Sans first; DejaVu for what it lacks (the subscript of SpO₂, arrows, rare symbols).
struct Faces {
    regular: [FontRef<'static>; 2],
    bold: [FontRef<'static>; 2],
}

fn faces(weight: Weight) -> &'static [FontRef<'static>; 2] {
    static FACES: OnceLock<Faces> = OnceLock::new();
    let faces = FACES.get_or_init(|| {
        let face = |bytes| FontRef::try_from_slice(bytes).expect("the embedded fonts are whole");
        Faces {
            regular: [face(notosans::REGULAR_TTF), face(dejavu::sans::regular())],
            bold: [face(notosans::BOLD_TTF), face(dejavu::sans::bold())],
        }
    });
    match weight {
        Weight::Regular => &faces.regular,
        Weight::Bold => &faces.bold,
    }
}

/// Glyph 0 of every face is the box that stands for "no such character".
const NOTDEF: GlyphId = GlyphId(0);

fn glyph(weight: Weight, c: char) -> (usize, GlyphId) {
    let faces = faces(weight);
    let id = faces[0].glyph_id(c);
    if id != NOTDEF {
        return (0, id);
    }
    match faces[1].glyph_id(c) {
        NOTDEF => (1, faces[1].glyph_id(char::REPLACEMENT_CHARACTER)),
        id => (1, id),
    }
}

fn advance(weight: Weight, face: usize, id: GlyphId, size: f32) -> f32 {
    let font = &faces(weight)[face];
    font.h_advance_unscaled(id) * size / font.units_per_em().unwrap_or(1000.0)
}

/// The width of a line in the unit of `size` (the height of the em).
pub fn width(text: &str, size: f32, weight: Weight) -> f32 {
    text.chars()
        .map(|c| {
            let (face, id) = glyph(weight, c);
            advance(weight, face, id, size)
        })
        .sum()
}

/// The text, cut in the middle with an ellipsis until it is no wider than `room`; empty when not even that fits.
pub fn fit(text: &str, size: f32, weight: Weight, room: f32) -> Cow<'_, str> {
    const ELLIPSIS: char = '…';
    // A name may be kilobytes of outside input; what is far beyond any room is not even measured.
    const CHARS_MAX: usize = 2048;
    if text.len() <= CHARS_MAX && width(text, size, weight) <= room {
        return Cow::Borrowed(text);
    }
    let of = |c: char| width(c.encode_utf8(&mut [0; 4]), size, weight);
    let mut left = room - of(ELLIPSIS);
    if left < 0.0 {
        return Cow::Borrowed("");
    }
    let (mut head, mut tail) = (String::new(), Vec::new());
    let mut back = text.chars().rev();
    // Turn by turn from both ends: names differ at their end as often as at their start.
    for c in text.chars() {
        left -= of(c);
        if left < 0.0 {
            break;
        }
        head.push(c);
        let Some(c) = back.next() else { break };
        left -= of(c);
        if left < 0.0 {
            break;
        }
        tail.push(c);
    }
    // `web.…cpu` rather than `web.….cpu`.
    if head.ends_with('.') && tail.last() == Some(&'.') {
        tail.pop();
    }
    head.push(ELLIPSIS);
    head.extend(tail.iter().rev());
    Cow::Owned(head)
}

/// As [`fit`], for one of several texts that share so many bytes at their start and end: what parts them is kept and
/// the shared ends are cut, so that two different names never look alike.
pub fn fit_around(text: &str, (start, end): (usize, usize), size: f32, weight: Weight, room: f32) -> Cow<'_, str> {
    let whole = fit(text, size, weight, room);
    let (from, to) = (text.floor_char_boundary(start), text.ceil_char_boundary(text.len().saturating_sub(end)));
    if matches!(whole, Cow::Borrowed(_)) || from >= to || (start, end) == (0, 0) {
        return whole;
    }
    let of = |c: char| width(c.encode_utf8(&mut [0; 4]), size, weight);
    let mut left = room - width(&text[from..to], size, weight) - 2.0 * of('…');
    if left < 0.0 {
        return fit(&text[from..to], size, weight, room);
    }
    // What is beside the parting piece tells where it belongs: a character from either side in turn.
    let (mut first, mut last) = (from, to);
    loop {
        let before = text[..first].chars().next_back();
        let after = text[last..].chars().next();
        let mut grown = false;
        if let Some(c) = before.filter(|&c| of(c) <= left) {
            left -= of(c);
            first -= c.len_utf8();
            grown = true;
        }
        if let Some(c) = after.filter(|&c| of(c) <= left) {
            left -= of(c);
            last += c.len_utf8();
            grown = true;
        }
        if !grown {
            break;
        }
    }
    let (head, tail) = (if first > 0 { "…" } else { "" }, if last < text.len() { "…" } else { "" });
    Cow::Owned(format!("{head}{}{tail}", &text[first..last]))
}

/// The text with everything replaced that could change what stands around it: control characters (not allowed in XML)
/// and the marks that turn the direction of writing. Names come from UDP and are hostile until shown otherwise.
pub fn clean(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}' | '\u{feff}')
    };
    if text.chars().any(harmful) {
        Cow::Owned(text.chars().map(|c| if harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// A piece of an outline; each begins where the one before ended.
pub(super) enum Piece {
    /// Where a contour begins.
    Move(Point),
    /// Straight to here.
    Line(Point),
    /// By two handles to here.
    Curve(Point, Point, Point),
}

/// Calls `put` with the outlines of a line whose pen begins at `at`, on the baseline.
pub(super) fn outlines(text: &str, size: f32, weight: Weight, at: Point, mut put: impl FnMut(Piece)) {
    let mut pen = at.x;
    for c in text.chars() {
        let (face, id) = glyph(weight, c);
        let font = &faces(weight)[face];
        let scale = size / font.units_per_em().unwrap_or(1000.0);
        let place = |p: ab_glyph::Point| Point { x: pen + p.x * scale, y: at.y - p.y * scale };
        let mut last = None;
        for curve in font.outline(id).into_iter().flat_map(|outline| outline.curves) {
            let (from, to) = match curve {
                OutlineCurve::Line(from, to)
                | OutlineCurve::Quad(from, _, to)
                | OutlineCurve::Cubic(from, _, _, to) => (from, to),
            };
            if last != Some(from) {
                put(Piece::Move(place(from)));
            }
            put(match curve {
                OutlineCurve::Line(..) => Piece::Line(place(to)),
                // The same curve by two handles instead of one.
                OutlineCurve::Quad(_, handle, _) => {
                    let near =
                        |end: ab_glyph::Point| point((end.x + 2.0 * handle.x) / 3.0, (end.y + 2.0 * handle.y) / 3.0);
                    Piece::Curve(place(near(from)), place(near(to)), place(to))
                }
                OutlineCurve::Cubic(_, one, two, _) => Piece::Curve(place(one), place(two), place(to)),
            });
            last = Some(to);
        }
        pen += advance(weight, face, id, size);
    }
}

/// Coverage of one glyph, 0 to 255 a pixel, placed relative to the pen on the baseline.
pub(super) struct Stamp {
    pub left: i32,
    pub top: i32,
    pub width: usize,
    pub coverage: Vec<u8>,
}

/// A glyph of a face at a size (1/16 px) and one of four horizontal shares of a pixel.
type StampKey = (Weight, usize, u16, u32, u8);

/// Stamps kept per thread, about 200 bytes each; when the bound is reached all are forgotten, which costs some
/// milliseconds once.
const STAMPS_MAX: usize = 4096;

thread_local! {
    static STAMPS: RefCell<HashMap<StampKey, Rc<Stamp>>> = RefCell::new(HashMap::new());
}

/// Calls `place` with every glyph of a line and the device pixel its pen stands on; `x` is where the line starts.
pub(super) fn stamps(text: &str, size: f32, weight: Weight, x: f32, mut place: impl FnMut(&Stamp, i32)) {
    let mut pen = x;
    for c in text.chars() {
        let (face, id) = glyph(weight, c);
        let whole = pen.floor();
        let quarter = ((pen - whole) * 4.0) as u8 & 3;
        let key = (weight, face, id.0, (size * 16.0) as u32, quarter);
        let stamp = STAMPS.with_borrow_mut(|stamps| {
            if stamps.len() >= STAMPS_MAX {
                stamps.clear();
            }
            Rc::clone(stamps.entry(key).or_insert_with(|| Rc::new(rasterize(weight, face, id, size, quarter))))
        });
        place(&stamp, whole as i32);
        pen += advance(weight, face, id, size);
    }
}

fn rasterize(weight: Weight, face: usize, id: GlyphId, size: f32, quarter: u8) -> Stamp {
    let font = &faces(weight)[face];
    // The crate scales by the height of ascent and descent; sizes here are those of the em, as in CSS.
    let scale = PxScale::from(size * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0));
    let at = Glyph { id, scale, position: point(f32::from(quarter) / 4.0, 0.0) };
    let Some(outline) = font.outline_glyph(at) else {
        return Stamp { left: 0, top: 0, width: 0, coverage: Vec::new() };
    };
    let bounds = outline.px_bounds();
    let (width, height) = (bounds.width() as usize, bounds.height() as usize);
    let mut coverage = vec![0; width * height];
    outline.draw(|x, y, share| {
        if let Some(cell) = coverage.get_mut(y as usize * width + x as usize) {
            *cell = (share.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        }
    });
    Stamp { left: bounds.min.x as i32, top: bounds.min.y as i32, width, coverage }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_glyph(weight: Weight, c: char) -> bool {
        faces(weight).iter().any(|face| face.glyph_id(c) != NOTDEF)
    }

    #[test]
    fn everything_the_product_writes_has_a_glyph() {
        let ascii: String = (' '..='~').collect();
        let units = "µs ms °C SpO₂ m² km³ ±≤≥−–—·…→←↑↓▲▼●×÷∞√Δ αβγµΩ äöüßéèñçåøœ ÄÖÜ АБВ абв “”‘’«»€£¥";
        for c in ascii.chars().chain(units.chars()) {
            assert!(has_glyph(Weight::Regular, c), "{c:?} regular");
            assert!(has_glyph(Weight::Bold, c), "{c:?} bold");
        }
    }

    #[test]
    fn digits_are_equally_wide() {
        for weight in [Weight::Regular, Weight::Bold] {
            let one = width("1", 12.0, weight);
            assert!(('0'..='9').all(|c| (width(&c.to_string(), 12.0, weight) - one).abs() < 1e-4));
        }
    }

    #[test]
    fn a_long_name_is_cut_in_its_middle_and_fits() {
        let name = "carbon.agents.host-0815.example.com.aggregator.metricsReceived";
        for room in [0.0, 5.0, 12.0, 40.0, 100.0, 250.0, 1000.0] {
            let cut = fit(name, 12.0, Weight::Regular, room);
            assert!(width(&cut, 12.0, Weight::Regular) <= room, "{cut} in {room}");
        }
        let cut = fit(name, 12.0, Weight::Regular, 120.0);
        assert!(cut.starts_with("carbon") && cut.ends_with("eived") && cut.contains('…'), "{cut}");
        assert_eq!(fit(name, 12.0, Weight::Regular, 1000.0), name);
    }

    #[test]
    fn what_parts_two_names_stays_readable() {
        let name = |k| format!("movingAverage(stats.timers.gateway-{k}.http.requests.upper_90,\"10min\")");
        let (one, two) = (name(1), name(2));
        let apart = (35, one.len() - 36);
        for room in [30.0, 80.0, 150.0, 300.0] {
            let cut = |name| fit_around(name, apart, 12.0, Weight::Regular, room).into_owned();
            let (a, b) = (cut(&one), cut(&two));
            assert!(a != b && a.contains('1') && width(&a, 12.0, Weight::Regular) <= room, "{a} {b}");
        }
    }

    #[test]
    fn marks_that_turn_or_break_text_are_replaced() {
        assert_eq!(clean("web\u{202e}gpj\n\0"), "web\u{fffd}gpj\u{fffd}\u{fffd}");
        assert!(matches!(clean("SpO₂ 値"), Cow::Borrowed(_)));
    }
}
