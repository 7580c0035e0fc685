//! What stands above the plot: title, subtitle, what the axes are called, and in the right corner the zone and how
//! many points a pixel stands for.

use super::Reduction;
use super::canvas::{Anchor, Point};
use super::color::Color;
use super::layout::{Face, Part, Placed, SMALL, SUBTITLE, Show, TITLE};
use super::scale::time;
use super::scene::{Role, Scene};
use super::text;
use query::Consolidation;

/// Places all of it; gives the top of the plot.
pub(super) fn place(scene: &Scene<'_>, show: Show, texts: &mut Vec<Placed>) -> f32 {
    let (picture, palette) = (scene.picture, &scene.palette);
    if show.is_bare {
        return 0.0;
    }
    let title = given(picture.title.as_ref(), show.title);
    let subtitle = given(picture.subtitle.as_ref(), show.subtitle);
    let name = given(picture.vertical_title.as_ref(), show.subtitle);
    let right_name = given(picture.vertical_title_right.as_ref(), show.subtitle);
    let mut corners = corners(scene, show, title.is_some() && subtitle.is_some());
    let (left, right) = (show.margin, picture.width as f32 - show.margin);
    let mut rows = Rows { texts, left, right, corner_ink: palette.muted, y: show.margin.min(10.0), any: false };
    if let Some(title) = title {
        rows.row(&title, (16.0, 16.0), TITLE, palette.text, corners.next(), Part::Title);
    }
    if let Some(subtitle) = subtitle {
        rows.row(&subtitle, (17.0, 13.0), SUBTITLE, palette.muted, corners.next(), Part::Title);
    }
    if right_name.is_some() && !rows.any {
        // The corner above the right axis is taken by its name.
        rows.row("", (12.0, 12.0), SMALL, palette.muted, corners.next(), Part::Title);
    }
    if name.is_some() || right_name.is_some() || !rows.any {
        let corner = right_name.or_else(|| corners.next());
        if name.is_some() || corner.is_some() {
            rows.row(&name.unwrap_or_default(), (20.0, 12.0), SMALL, palette.muted, corner, Part::Axes);
        }
    }
    // Room for the upper half of the top tick's label.
    (rows.y + if rows.any { 18.0 } else { 3.0 }).ceil()
}

fn given(text: Option<&String>, shown: bool) -> Option<String> {
    let text = text.filter(|text| shown && !text.trim().is_empty())?;
    Some(text::clean(text).into_owned())
}

/// What stands in the right corner, from the top down: the zone, and below or before it what a pixel stands for.
fn corners(scene: &Scene<'_>, show: Show, two_rows: bool) -> std::vec::IntoIter<String> {
    if !show.zone {
        return Vec::new().into_iter();
    }
    let zone = time::zone_name(scene.from, scene.until, &scene.picture.zone);
    let note = density(scene).filter(|_| scene.picture.width >= 480);
    match note {
        None => vec![zone],
        Some(note) if two_rows => vec![zone, note],
        Some(note) => {
            let both = format!("{note} · {zone}");
            let fits = text::width(&both, SMALL.0, SMALL.1) < scene.picture.width as f32 * 0.5;
            vec![if fits { both } else { zone }]
        }
    }
    .into_iter()
}

/// Says that there are more points than pixels, and what became of them: a picture must not pass for all the data.
fn density(scene: &Scene<'_>) -> Option<String> {
    let pixels = scene.picture.width as f32 * scene.picture.scale;
    let columns = f64::from(pixels.max(1.0));
    let mut most = 0.0_f64;
    let mut done = None;
    for trace in &scene.traces {
        let points = scene.span() / trace.source_step / columns;
        if trace.values.is_empty() || points < 2.0 || points <= most {
            continue;
        }
        most = points;
        done = Some(match (trace.consolidated, trace.role) {
            (Some(how), _) => consolidation_name(how),
            (None, Role::Layer) => "averages",
            (None, _) if scene.picture.reduction == Reduction::Extremes => "extremes kept",
            (None, _) => "averages",
        });
    }
    done.map(|done| format!("{} points per pixel, {done}", most.round()))
}

fn consolidation_name(how: Consolidation) -> &'static str {
    match how {
        Consolidation::Average | Consolidation::AverageZero => "averages",
        Consolidation::Sum => "sums",
        Consolidation::Min => "smallest",
        Consolidation::Max => "largest",
        Consolidation::First => "first",
        Consolidation::Last => "last",
        Consolidation::Quantile(_) => "quantiles",
    }
}

/// Rows from the top down.
struct Rows<'t> {
    texts: &'t mut Vec<Placed>,
    left: f32,
    right: f32,
    corner_ink: Color,
    y: f32,
    any: bool,
}

impl Rows<'_> {
    /// One row: a text on the left, cut where a corner on the right begins. `below` is the distance of its baseline
    /// from that of the row above, or from the top.
    fn row(&mut self, text: &str, below: (f32, f32), face: Face, ink: Color, corner: Option<String>, part: Part) {
        self.y += if self.any { below.0 } else { below.1 };
        self.any = true;
        let mut room = self.right - self.left;
        if let Some(corner) = corner {
            let at = Point { x: self.right, y: self.y - 1.0 };
            let placed = Placed::new(corner, at, Anchor::End, SMALL, self.corner_ink, Part::Title);
            // A corner that would leave no room for the text is not worth it.
            if placed.rect.width() < room * 0.6 {
                room -= placed.rect.width() + 16.0;
                self.texts.push(placed);
            }
        }
        let text = text::fit(text, face.0, face.1, room).into_owned();
        if !text.is_empty() {
            let at = Point { x: self.left, y: self.y };
            self.texts.push(Placed::new(text, at, Anchor::Start, face, ink, part));
        }
    }
}
