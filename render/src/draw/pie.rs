//! Shares of a whole (`graphType=pie`): a ring of slices from twelve o'clock on, and a table of what they are.

use super::canvas::{Anchor, Canvas, Group, Label, Paint, Point, Rect, Stroke};
use super::chart::legend::parting;
use super::color::Color;
use super::layout::{Face, TITLE};
use super::palette::{self, Palette};
use super::pdf::Page;
use super::scale::label::value as value_label;
use super::scene;
use super::svg::{Root, Svg};
use super::text::{self, Weight};
use super::{Error, Picture, SERIES_MAX, device_size, pixels};
use std::f32::consts::TAU;
use std::fmt::Write;

/// A name and how much of the whole it is. What is not above zero has no slice.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// As the legend shows it.
    pub name: String,
    /// In the picture's unit.
    pub value: f64,
}

/// What stands on a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SliceLabel {
    /// Its share in percent.
    #[default]
    Percent,
    /// Its value.
    Number,
    /// Nothing.
    Hidden,
}

/// How a pie is drawn, beside what its [`Picture`] says of size, colours, title, unit and legend.
#[derive(Clone, Copy, Debug)]
pub struct PieStyle {
    /// `valueLabels`.
    pub labels: SliceLabel,
    /// The smallest share with a label, in percent (`valueLabelsMin`).
    pub labels_min: f64,
    /// Of the labels (`valueLabelsColor`); by default what can be read on the slice.
    pub labels_color: Option<Color>,
}

impl Default for PieStyle {
    fn default() -> PieStyle {
        PieStyle { labels: SliceLabel::Percent, labels_min: 5.0, labels_color: None }
    }
}

/// Draws the slices as a PNG, as [`super::png`] draws series.
///
/// # Errors
/// The size cannot be drawn, or there are too many slices.
pub fn png(slices: &[Slice], style: &PieStyle, picture: &Picture) -> Result<Vec<u8>, Error> {
    let (width, height) = check(slices, picture)?;
    let pie = Pie::new(slices, style, picture);
    let mut pixels = pixels::Pixels::new(width, height, picture.scale, pie.palette.ground);
    pie.draw(&mut pixels);
    super::png::encode(pixels.data(), width, height)
}

/// Draws the slices as an SVG document that stands alone.
///
/// # Errors
/// As [`png`].
pub fn svg(slices: &[Slice], style: &PieStyle, picture: &Picture) -> Result<String, Error> {
    check(slices, picture)?;
    let pie = Pie::new(slices, style, picture);
    let id = format!("k{:x}", palette::hash(format!("{:?}{slices:?}", picture.title).as_bytes()));
    let mut svg = Svg::new(picture.width, picture.height, picture.scale, id, pie.palette.ground);
    pie.draw(&mut svg);
    Ok(svg.finish(&pie.root()))
}

/// Draws the slices as a PDF of one page.
///
/// # Errors
/// As [`png`].
pub fn pdf(slices: &[Slice], style: &PieStyle, picture: &Picture) -> Result<Vec<u8>, Error> {
    check(slices, picture)?;
    let pie = Pie::new(slices, style, picture);
    let mut page = Page::new(picture.width, picture.height, picture.scale, pie.palette.ground);
    pie.draw(&mut page);
    Ok(page.finish(picture.title.as_deref().unwrap_or("Pie")))
}

fn check(slices: &[Slice], picture: &Picture) -> Result<(u32, u32), Error> {
    if slices.len() > SERIES_MAX {
        return Err(Error::Series(slices.len()));
    }
    device_size(picture)
}

const REGULAR: Face = (12.0, Weight::Regular);
const BOLD: Face = (12.0, Weight::Bold);
const TOTAL: Face = (16.0, Weight::Bold);
const ROW: f32 = 18.0;
const SWATCH: f32 = 18.0;
const GAP: f32 = 12.0;
/// Of the radius that is hollow; a small ring needs its width for the labels.
fn hollow(radius: f32) -> f32 {
    radius * if radius < 90.0 { 0.44 } else { 0.56 }
}

struct Pie<'a> {
    slices: &'a [Slice],
    colors: Vec<Color>,
    /// Of the values above zero.
    total: f64,
    style: &'a PieStyle,
    picture: &'a Picture,
    palette: Palette,
}

impl<'a> Pie<'a> {
    fn new(slices: &'a [Slice], style: &'a PieStyle, picture: &'a Picture) -> Pie<'a> {
        let palette = scene::colors(picture);
        let names: Vec<&str> = slices.iter().map(|slice| slice.name.as_str()).collect();
        let own =
            |at: usize| (!picture.color_list.is_empty()).then(|| picture.color_list[at % picture.color_list.len()]);
        let looks = palette::looks(&names).into_iter().enumerate();
        let alpha = picture.area_alpha.filter(|alpha| alpha.is_finite()).unwrap_or(1.0);
        // Beyond eight the hues come again, paler each time: a slice has no dashes.
        let pale =
            |look: palette::Look| palette.lines[look.hue].toward(palette.ground, (look.round as f32 * 0.28).min(0.8));
        let colors = looks.map(|(at, look)| own(at).unwrap_or_else(|| pale(look)).fade(alpha)).collect();
        let total = slices.iter().map(part).sum();
        Pie { slices, colors, total, style, picture, palette }
    }

    fn share(&self, slice: &Slice) -> f64 {
        if self.total > 0.0 { part(slice) / self.total } else { 0.0 }
    }

    fn draw(&self, canvas: &mut dyn Canvas) {
        let (width, height) = (self.picture.width as f32, self.picture.height as f32);
        let margin = match (self.picture.graph_only, width.min(height)) {
            (true, _) => 0.0,
            (_, side) if side < 100.0 => 3.0,
            _ => 12.0,
        };
        let mut within = Rect::new(margin, margin, width - 2.0 * margin, height - 2.0 * margin);
        if let Some(title) = self.picture.title.as_ref().filter(|_| !self.picture.graph_only && height >= 90.0) {
            let title = text::clean(title);
            let title = text::fit(&title, TITLE.0, TITLE.1, within.width()).into_owned();
            let at = Point { x: within.left, y: within.top + 11.0 };
            canvas.open(Group::Part("title"));
            self.write(canvas, &title, at, Anchor::Start, TITLE, self.palette.text);
            canvas.close();
            within.top += 24.0;
        }
        if self.total <= 0.0 {
            return self.nothing(canvas, within);
        }
        let legend = self.legend(within);
        self.ring(canvas, legend.ring);
        if let Some(table) = &legend.table {
            self.table(canvas, table);
        }
    }

    /// Where ring and table go: beside each other where the picture is wide, else one above the other.
    fn legend(&self, within: Rect) -> Places {
        let shown = !self.picture.graph_only && !self.picture.hide_legend;
        if !shown || within.width() < 120.0 || within.height() < 80.0 {
            return Places { ring: within, table: None };
        }
        let widest = |texts: &mut dyn Iterator<Item = String>, face: Face| {
            texts.map(|text| text::width(&text, face.0, face.1)).fold(0.0_f32, f32::max)
        };
        let names = widest(&mut self.slices.iter().map(|slice| text::clean(&slice.name).into_owned()), REGULAR);
        let values = widest(&mut self.slices.iter().map(|slice| value_label(slice.value, &self.picture.unit)), BOLD);
        let shares = widest(&mut self.slices.iter().map(|slice| percent(self.share(slice))), REGULAR);
        let wanted = SWATCH + names + GAP + values + GAP + shares;
        let beside = within.width() >= 1.15 * within.height();
        let (ring, area) = if beside {
            let least = within.height().min(within.width() * 0.45);
            let table = wanted.min(within.width() - least - 2.0 * GAP);
            let left = within.right - table;
            (Rect { right: left - 2.0 * GAP, ..within }, Rect { left, ..within })
        } else {
            let rows = (self.slices.len() as f32 * ROW).min(within.height() * 0.45);
            let top = within.bottom - (rows / ROW).floor().max(1.0) * ROW;
            (
                Rect { bottom: top - GAP, ..within },
                Rect { top, right: within.left + wanted.min(within.width()), ..within },
            )
        };
        let room = ((area.height() / ROW).floor() as usize).max(1);
        let rows = if self.slices.len() > room { room.saturating_sub(1) } else { self.slices.len() };
        let used = ROW * (rows + usize::from(rows < self.slices.len())) as f32;
        // A name says more than a share that stands on its slice.
        let cramped = area.width() - SWATCH - GAP - values - GAP - shares < names.min(80.0);
        let columns = (values, if cramped { None } else { Some(shares) });
        let top = if beside { (area.top + area.bottom - used) / 2.0 } else { area.top };
        Places { ring, table: Some(Table { area: Rect { top, ..area }, rows, columns }) }
    }

    fn ring(&self, canvas: &mut dyn Canvas, within: Rect) {
        let radius = (within.width().min(within.height()) / 2.0).floor().max(1.0);
        let center = Point { x: (within.left + within.right) / 2.0, y: (within.top + within.bottom) / 2.0 };
        let at = |share: f64, radius: f32| {
            let angle = share as f32 * TAU;
            Point { x: center.x + radius * angle.sin(), y: center.y - radius * angle.cos() }
        };
        let hollow = hollow(radius);
        let mut begin = 0.0;
        for (index, (slice, color)) in self.slices.iter().zip(&self.colors).enumerate() {
            let share = self.share(slice);
            if share <= 0.0 {
                continue;
            }
            canvas.open(Group::Series { index, name: &slice.name });
            // As many corners as keep the edge within a tenth of a pixel of the circle.
            let corners = ((share as f32 * TAU * radius.sqrt() * 2.5).ceil() as usize).max(2);
            let arc = |radius: f32| (0..=corners).map(move |k| at(begin + share * k as f64 / corners as f64, radius));
            let inner: Vec<Point> = arc(hollow).collect();
            let outline: Vec<Point> = arc(radius).chain(inner.into_iter().rev()).collect();
            canvas.fill(&outline, &Paint::Flat(*color));
            canvas.close();
            begin += share;
        }
        let parts = self.slices.iter().filter(|slice| self.share(slice) > 0.0).count();
        if parts > 1 {
            canvas.open(Group::Part("between"));
            let stroke = Stroke { color: self.palette.ground, width: (radius / 60.0).clamp(0.75, 2.0), dash: None };
            let mut end = 0.0;
            for slice in self.slices.iter().filter(|slice| self.share(slice) > 0.0) {
                end += self.share(slice);
                canvas.line(&[at(end, hollow - 1.0), at(end, radius + 1.0)], &stroke);
            }
            canvas.close();
        }
        self.labels(canvas, center, (radius, hollow), at);
        let total = value_label(self.total, &self.picture.unit);
        let fits = text::width(&total, TOTAL.0, TOTAL.1) < hollow * 1.7 && hollow > 20.0;
        if fits && self.style.labels != SliceLabel::Hidden {
            canvas.open(Group::Part("notes"));
            let middle = Point { x: center.x, y: (center.y + 8.0).round() };
            self.write(canvas, &total, middle, Anchor::Middle, TOTAL, self.palette.text);
            if hollow > 32.0 {
                let above = Point { x: center.x, y: (center.y - 11.0).round() };
                self.write(canvas, "total", above, Anchor::Middle, (11.0, Weight::Regular), self.palette.muted);
            }
            canvas.close();
        }
    }

    /// On the slices that have room for one.
    fn labels(
        &self,
        canvas: &mut dyn Canvas,
        center: Point,
        (radius, hollow): (f32, f32),
        at: impl Fn(f64, f32) -> Point,
    ) {
        let middle = (radius + hollow) / 2.0;
        canvas.open(Group::Part("labels"));
        let mut begin = 0.0;
        for (slice, color) in self.slices.iter().zip(&self.colors) {
            let share = self.share(slice);
            let label = match self.style.labels {
                SliceLabel::Percent => percent(share),
                SliceLabel::Number => value_label(slice.value, &self.picture.unit),
                SliceLabel::Hidden => String::new(),
            };
            let place = at(begin + share / 2.0, middle);
            let half = (text::width(&label, BOLD.0, BOLD.1) / 2.0 + 1.0, BOLD.0 * 0.5);
            let corners = [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)];
            let is_on_slice = |(x, y): (f32, f32)| {
                let (x, y) = (place.x + x * half.0 - center.x, place.y + y * half.1 - center.y);
                let turn = f64::from(x.atan2(-y) / TAU).rem_euclid(1.0);
                (hollow..=radius).contains(&x.hypot(y)) && (begin..=begin + share).contains(&turn)
            };
            let fits = share >= 1.0 || corners.into_iter().all(is_on_slice);
            if !label.is_empty() && fits && share * 100.0 >= self.style.labels_min {
                let place = Point { x: place.x, y: (place.y + BOLD.0 * 0.36).round() };
                let ink = self.style.labels_color.unwrap_or_else(|| self.legible(*color));
                self.write(canvas, &label, place, Anchor::Middle, BOLD, ink);
            }
            begin += share;
        }
        canvas.close();
    }

    fn legible(&self, on: Color) -> Color {
        let (dark, light) = (Color::rgb(0x14181f), Color::rgb(0xffffff));
        if on.contrast(light) >= on.contrast(dark) { light } else { dark }
    }

    fn table(&self, canvas: &mut dyn Canvas, table: &Table) {
        let Table { area, rows, columns: (values, shares) } = *table;
        canvas.open(Group::Part("legend"));
        let apart = parting(self.slices.iter().map(|slice| slice.name.as_str()));
        let values_right = area.right - shares.map_or(0.0, |width| width + GAP);
        let room = values_right - values - GAP - area.left - SWATCH;
        let line = |canvas: &mut dyn Canvas, row: usize, name: &str, value: f64, ink: Color| {
            let y = area.top + ROW * row as f32 + 13.0;
            let at = |x| Point { x, y };
            self.write(canvas, name, at(area.left + SWATCH), Anchor::Start, REGULAR, ink);
            let label = value_label(value, &self.picture.unit);
            self.write(canvas, &label, at(values_right), Anchor::End, BOLD, ink);
            if shares.is_some() {
                let share = percent(if self.total > 0.0 { value.max(0.0) / self.total } else { 0.0 });
                self.write(canvas, &share, at(area.right), Anchor::End, REGULAR, self.palette.muted);
            }
        };
        let (shown, rest) = self.chosen(rows);
        for (row, index) in shown.into_iter().enumerate() {
            let slice = &self.slices[index];
            canvas.rect(Rect::new(area.left, area.top + ROW * row as f32 + 4.0, 10.0, 10.0), self.colors[index]);
            let name = text::clean(&slice.name);
            let name = text::fit_around(&name, apart, REGULAR.0, REGULAR.1, room).into_owned();
            line(canvas, row, &name, slice.value, self.palette.text);
        }
        if !rest.is_empty() {
            let more = format!("{} more", rest.len());
            line(canvas, rows, &more, rest.iter().map(|index| part(&self.slices[*index])).sum(), self.palette.muted);
        }
        canvas.close();
    }

    /// The slices that have a row, in their order, and the others. Where not all fit the largest are named.
    fn chosen(&self, rows: usize) -> (Vec<usize>, Vec<usize>) {
        let mut order: Vec<usize> = (0..self.slices.len()).collect();
        if rows < order.len() {
            order.sort_by(|a, b| part(&self.slices[*b]).total_cmp(&part(&self.slices[*a])));
        }
        let rest = order.split_off(rows.min(order.len()));
        order.sort_unstable();
        (order, rest)
    }

    fn nothing(&self, canvas: &mut dyn Canvas, within: Rect) {
        let x = (within.left + within.right) / 2.0;
        let middle = ((within.top + within.bottom) / 2.0).round();
        canvas.open(Group::Part("notes"));
        let at = |y| Point { x, y };
        self.write(canvas, "No data", at(middle), Anchor::Middle, (14.0, Weight::Bold), self.palette.text);
        let missing = self.picture.unanswered.iter().map(String::as_str);
        let missing = missing.chain(self.slices.iter().map(|slice| slice.name.as_str()));
        let rows = ((within.bottom - middle) / 16.0 - 1.0).max(0.0) as usize;
        for (row, name) in missing.take(rows).enumerate() {
            let line = text::clean(name);
            let line = text::fit(&line, REGULAR.0, REGULAR.1, within.width() - 110.0);
            let line = format!("{line} gave no values");
            let y = middle + 20.0 + 16.0 * row as f32;
            self.write(canvas, &line, at(y), Anchor::Middle, REGULAR, self.palette.muted);
        }
        canvas.close();
    }

    fn write(&self, canvas: &mut dyn Canvas, text: &str, at: Point, anchor: Anchor, face: Face, color: Color) {
        let (size, weight) = face;
        canvas.text(&Label { text, at, anchor, size, weight, color, width_max: None });
    }

    /// In words, for those who do not see it.
    fn root(&self) -> Root {
        let title = self.picture.title.clone().filter(|title| !title.is_empty()).unwrap_or_else(|| "Pie".to_owned());
        let mut description = format!("Shares of {}.", value_label(self.total, &self.picture.unit));
        for slice in self.slices.iter().take(20) {
            // Writing to a String cannot fail.
            let _ = write!(description, " {}: {}, ", slice.name, value_label(slice.value, &self.picture.unit));
            let _ = write!(description, "{}.", percent(self.share(slice)));
        }
        Root { attributes: String::new(), title, description }
    }
}

struct Places {
    ring: Rect,
    table: Option<Table>,
}

struct Table {
    area: Rect,
    rows: usize,
    /// Widths of values, and of shares if they are shown.
    columns: (f32, Option<f32>),
}

fn part(slice: &Slice) -> f64 {
    if slice.value.is_finite() { slice.value.max(0.0) } else { 0.0 }
}

/// `12.3 %`; nothing of a percent is not nothing.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if percent > 0.0 && percent < 0.05 => "<0.1 %".to_owned(),
        _ if percent >= 10.0 || percent == 0.0 => format!("{percent:.0} %"),
        _ => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_short() {
        let written: Vec<String> = [0.0, 0.0001, 0.0123, 0.0999, 0.1, 0.555, 1.0].map(percent).into();
        assert_eq!(written, ["0 %", "<0.1 %", "1.2 %", "10.0 %", "10 %", "56 %", "100 %"]);
    }

    #[test]
    fn what_is_not_above_zero_has_no_share() {
        let slices = [f64::NAN, -5.0, 0.0, 3.0, f64::INFINITY, 1.0];
        let slices = slices.map(|value| Slice { name: value.to_string(), value });
        let (style, picture) = (PieStyle::default(), Picture::default());
        let pie = Pie::new(&slices, &style, &picture);
        let shares: Vec<f64> = slices.iter().map(|slice| pie.share(slice)).collect();
        assert_eq!(shares, [0.0, 0.0, 0.0, 0.75, 0.0, 0.25]);
    }
}
