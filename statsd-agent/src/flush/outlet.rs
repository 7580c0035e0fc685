//! Where the points of a flush go while it runs: carbon's text (or pickle) and the store, at most one of each.

use super::book::Series;
use super::naming::{Naming, Own};
use super::number::push_js;
use super::store::{Sketching, StoreOut, Stored};
use crate::counters::Counters;
use tsdb::sketch::Sketch;
use tsdb::{SeriesId, SketchKind};

/// How points are written for carbon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `name value timestamp` lines, port 2003.
    Text,
    /// Pickled lists, each after its length, port 2004.
    Pickle,
}

/// The open flush: its date and what was put out so far.
#[derive(Default)]
pub struct Outlet {
    text: Option<Text>,
    store: Option<StoreOut>,
    at_secs: i64,
    points: u64,
    not_finite: u64,
}

impl Outlet {
    /// An outlet without sinks processes and discards, as statsd does without a `graphiteHost`.
    pub fn new(text: Option<Protocol>, store: Option<StoreOut>) -> Outlet {
        Outlet { text: text.map(Text::new), store, ..Outlet::default() }
    }

    /// Begins a flush whose points carry this date.
    pub fn begin(&mut self, at_secs: i64) {
        self.at_secs = at_secs;
    }

    /// Whether the ids that series have of the store must be forgotten.
    pub(crate) fn names_have_changed(&mut self) -> bool {
        self.store.as_mut().is_some_and(StoreOut::names_have_changed)
    }

    /// Puts out one statistic of a series.
    pub(crate) fn point(&mut self, naming: &Naming, series: &mut Series, stat: u32, value: f64) {
        let Some(value) = self.finite(value) else { return };
        let Some(template) = naming.of(series.kind).get(stat as usize) else { return };
        let (base, tags) = series.name.split_at(series.base_len);
        if let Some(text) = &mut self.text {
            text.point(|out| template.write(out, base, tags), value, self.at_secs);
        }
        if let Some(store) = &mut self.store {
            let stats = naming.of(series.kind).len();
            if series.stored.len() < stats {
                series.stored.resize(stats, Stored::Unknown);
            }
            store.point(&mut series.stored[stat as usize], |out| template.write(out, base, tags), self.at_secs, value);
        }
    }

    /// Puts out one statistic of a series whose sketch the store keeps: for carbon only.
    pub(crate) fn text_point(&mut self, naming: &Naming, series: &Series, stat: u32, value: f64) {
        if self.text.is_none() {
            return;
        }
        let Some(value) = self.finite(value) else { return };
        let Some(template) = naming.of(series.kind).get(stat as usize) else { return };
        let (base, tags) = series.name.split_at(series.base_len);
        if let Some(text) = &mut self.text {
            text.point(|out| template.write(out, base, tags), value, self.at_secs);
        }
    }

    /// The sketch that the store keeps of a series instead of its statistics, and under which series. Asked once.
    pub(crate) fn sketching(&mut self, naming: &Naming, series: &mut Series) -> Option<(SeriesId, SketchKind)> {
        let store = self.store.as_mut()?;
        if series.sketch == Sketching::Unknown {
            let (base, tags) = series.name.split_at(series.base_len);
            let template = naming.sketch_of(series.kind);
            series.sketch =
                template.map_or(Sketching::No, |template| store.sketching(|out| template.write(out, base, tags)));
        }
        match series.sketch {
            Sketching::Kept(id, kind) => Some((id, kind)),
            _ => None,
        }
    }

    /// Puts out the sketch of a series.
    pub(crate) fn sketch(&mut self, series: SeriesId, sketch: Sketch) {
        self.points += 1;
        if let Some(store) = &mut self.store {
            store.sketch(series, self.at_secs, sketch);
        }
    }

    /// Whether points are written for carbon too.
    pub(crate) fn has_text(&self) -> bool {
        self.text.is_some()
    }

    /// Puts out one of the agent's own statistics.
    pub(crate) fn own(&mut self, naming: &Naming, own: Own, stored: &mut Stored, value: f64) {
        let Some(value) = self.finite(value) else { return };
        let write = |out: &mut Vec<u8>| out.extend_from_slice(naming.own(own).as_bytes());
        if let Some(text) = &mut self.text {
            text.point(write, value, self.at_secs);
        }
        if let Some(store) = &mut self.store {
            store.point(stored, write, self.at_secs, value);
        }
    }

    /// Ends the flush: the store gets its points, the body for carbon is answered.
    pub fn end(&mut self, counters: &Counters) -> Option<Vec<u8>> {
        counters.points.add(std::mem::take(&mut self.points));
        counters.points_not_finite.add(std::mem::take(&mut self.not_finite));
        if let Some(store) = &mut self.store {
            store.write(self.at_secs, counters);
        }
        self.text.as_mut().map(Text::take)
    }

    /// What leaves the agent is a finite number: an infinite result is held at the largest, NaN is left out. Both need
    /// input near the end of the doubles' range (the sum of squares of 1e200).
    fn finite(&mut self, value: f64) -> Option<f64> {
        self.points += 1;
        if value.is_finite() {
            return Some(value);
        }
        self.not_finite += 1;
        (!value.is_nan()).then(|| value.clamp(f64::MIN, f64::MAX))
    }
}

/// Points for each pickle; carbon refuses lists of more than a mebibyte.
const PICKLE_POINTS: usize = 500;

struct Text {
    protocol: Protocol,
    body: Vec<u8>,
    frame: usize,
    in_frame: usize,
}

impl Text {
    fn new(protocol: Protocol) -> Text {
        Text { protocol, body: Vec::new(), frame: 0, in_frame: 0 }
    }

    fn point(&mut self, write_name: impl Fn(&mut Vec<u8>), value: f64, at_secs: i64) {
        match self.protocol {
            Protocol::Text => {
                write_name(&mut self.body);
                self.body.push(b' ');
                push_js(&mut self.body, value);
                self.body.extend_from_slice(format!(" {at_secs}\n").as_bytes());
            }
            Protocol::Pickle => {
                if self.in_frame == 0 {
                    self.frame = self.body.len();
                    self.body.extend_from_slice(b"\0\0\0\0(l");
                }
                // Names consist of letters, digits and `_-.;=`, values of `0-9+-.e`: no quote or newline to escape.
                self.body.extend_from_slice(b"(S'");
                write_name(&mut self.body);
                self.body.extend_from_slice(format!("'\n(L{at_secs}L\nS'").as_bytes());
                push_js(&mut self.body, value);
                self.body.extend_from_slice(b"'\ntta");
                self.in_frame += 1;
                if self.in_frame == PICKLE_POINTS {
                    self.close_frame();
                }
            }
        }
    }

    fn close_frame(&mut self) {
        if self.in_frame > 0 {
            self.body.push(b'.');
            let len = (self.body.len() - self.frame - 4) as u32;
            self.body[self.frame..self.frame + 4].copy_from_slice(&len.to_be_bytes());
            self.in_frame = 0;
        }
    }

    fn take(&mut self) -> Vec<u8> {
        self.close_frame();
        let len = self.body.len();
        // The next flush is likely as long as this one.
        std::mem::replace(&mut self.body, Vec::with_capacity(len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of a body: their points as name, date and value.
    fn frames(mut body: &[u8]) -> Vec<Vec<(String, i64, String)>> {
        let mut frames = Vec::new();
        while let Some((len, rest)) = body.split_first_chunk::<4>() {
            let (frame, after) = rest.split_at(u32::from_be_bytes(*len) as usize);
            let text = std::str::from_utf8(frame).expect("ASCII");
            let points = text.strip_prefix("(l").and_then(|text| text.strip_suffix('.')).expect("a list");
            let point = |text: &str| {
                let (name, rest) = text.strip_prefix("(S'")?.split_once("'\n(L")?;
                let (at, value) = rest.split_once("L\nS'")?;
                Some((name.to_owned(), at.parse().ok()?, value.to_owned()))
            };
            frames.push(points.split_terminator("'\ntta").map(|text| point(text).expect("a point")).collect());
            body = after;
        }
        frames
    }

    #[test]
    fn pickles_are_framed_below_the_size_that_carbon_takes() {
        let mut text = Text::new(Protocol::Pickle);
        for n in 0..=PICKLE_POINTS {
            text.point(|out| out.extend_from_slice(format!("a.{n}").as_bytes()), n as f64 + 0.5, 1_700_000_000);
        }
        let frames = frames(&text.take());
        assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [PICKLE_POINTS, 1]);
        assert_eq!(frames[1], [("a.500".to_owned(), 1_700_000_000, "500.5".to_owned())]);
        assert_eq!(text.take(), b"", "nothing twice");
    }
}
