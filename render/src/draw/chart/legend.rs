//! The legend as a table: swatch, name, last, min, avg and max. It takes the room it is given: first more columns of
//! rows, then fewer numbers, then fewer rows; a name that is too long is cut in its middle.

use super::super::canvas::{Anchor, Dash, Point, Rect};
use super::super::layout::{Layout, Part, Placed, SMALL, Swatch};
use super::super::scene::{self, Role, Scene, Trace};
use super::super::text::{self, Weight};

/// Rows of a legend; with more series, the largest are named and the rest counted.
const ROWS_MAX: usize = 12;
const ROW: f32 = 17.0;
const HEAD: f32 = 22.0;
const SWATCH: f32 = 22.0;
const GAP: f32 = 16.0;
const BLOCK_GAP: f32 = 28.0;
/// Between the time axis and the table.
const ABOVE: f32 = 10.0;
const REGULAR: (f32, Weight) = (12.0, Weight::Regular);
const BOLD: (f32, Weight) = (12.0, Weight::Bold);

struct Row {
    name: String,
    color: super::super::color::Color,
    dash: Option<Dash>,
    numbers: [String; 4],
}

/// A legend that knows its size.
pub(in crate::draw) struct Table {
    rows: Vec<Row>,
    /// Series that have no row.
    more: usize,
    blocks: usize,
    rows_in_block: usize,
    /// Which of last, min, avg and max are shown, with the width of each.
    columns: Vec<(usize, f32)>,
    width: f32,
}

/// Finds the table that says most within a width and a height; it may be empty.
pub(in crate::draw) fn measure(scene: &Scene<'_>, width: f32, height: f32) -> Table {
    let empty = Table { rows: Vec::new(), more: 0, blocks: 0, rows_in_block: 0, columns: Vec::new(), width };
    let traces = chosen(scene);
    if traces.is_empty() || height < ABOVE + ROW {
        return empty;
    }
    let row = |trace: &&Trace<'_>| Row {
        name: text::clean(trace.name).into_owned(),
        color: trace.color,
        dash: trace.dash,
        numbers: scene::labels(trace, scene.picture),
    };
    let total = traces.len();
    let rows: Vec<Row> = traces.iter().take(ROWS_MAX).map(row).collect();
    let longest = rows.iter().map(|row| text::width(&row.name, REGULAR.0, REGULAR.1)).fold(0.0_f32, f32::max);
    let widths = [0, 1, 2, 3].map(|stat| {
        let of = |row: &Row| text::width(&row.numbers[stat], BOLD.0, BOLD.1);
        rows.iter().map(of).fold(30.0_f32, f32::max)
    });
    let mut best: Option<(f32, Table)> = None;
    for (blocks, stats) in CHOICES {
        let columns: Vec<(usize, f32)> = stats.iter().map(|&stat| (stat, widths[stat])).collect();
        let block = (width - BLOCK_GAP * (blocks - 1) as f32) / blocks as f32;
        let name = block - SWATCH - columns.iter().map(|(_, w)| w + GAP).sum::<f32>();
        let head = ABOVE + head(columns.len());
        let fit = ((height - head) / ROW).floor().max(0.0) as usize;
        let all = fit * blocks >= rows.len() && total == rows.len();
        // The line that counts the rest takes the height of a row.
        let fit = if all { rows.len().div_ceil(blocks) } else { fit.saturating_sub(1) };
        let shown = (fit * blocks).min(rows.len());
        if name < 40.0_f32.min(longest) || shown == 0 {
            continue;
        }
        let legible = (name / longest.max(1.0)).min(1.0);
        // A name cut by a letter is as much cut as by ten.
        let cut = if legible < 1.0 { 0.4 } else { 0.0 };
        let score = 2.0 * shown as f32 / rows.len() as f32 + 1.5 * legible - cut + 0.15 * columns.len() as f32;
        if best.as_ref().is_none_or(|(other, _)| score > *other + 1e-4) {
            let table = Table {
                rows: Vec::new(),
                more: total - shown,
                blocks,
                rows_in_block: shown.div_ceil(blocks),
                columns,
                width,
            };
            best = Some((score, table));
        }
    }
    let Some((_, mut table)) = best else { return empty };
    let shown = total - table.more;
    table.rows = rows;
    table.rows.truncate(shown);
    table
}

/// Blocks side by side and numbers in each, from the most telling down.
const CHOICES: [(usize, &[usize]); 11] = [
    (1, &[0, 1, 2, 3]),
    (2, &[0, 1, 2, 3]),
    (1, &[0, 3]),
    (2, &[0, 3]),
    (3, &[0, 3]),
    (1, &[0]),
    (2, &[0]),
    (3, &[0]),
    (2, &[]),
    (3, &[]),
    (4, &[]),
];

/// Traces in the order of the legend: as answered, a stack from its lowest band; the largest where not all fit.
fn chosen<'s, 'a>(scene: &'s Scene<'a>) -> Vec<&'s Trace<'a>> {
    let picture = scene.picture;
    let layers = scene.layers.iter().map(|layer| &scene.traces[layer.trace]);
    let rest = scene.traces.iter().filter(|trace| trace.role != Role::Layer);
    let mut traces: Vec<&Trace<'_>> = layers.chain(rest).filter(|trace| !trace.invisible).collect();
    if picture.hide_null_from_legend {
        traces.retain(|trace| trace.summary.is_some());
    }
    if picture.unique_legend {
        let mut seen = std::collections::HashSet::new();
        traces.retain(|trace| seen.insert(trace.name));
    }
    if traces.len() > ROWS_MAX {
        let max = |trace: &Trace<'_>| trace.summary.map_or(f64::NEG_INFINITY, |s| s.max);
        traces.sort_by(|a, b| max(b).total_cmp(&max(a)));
    }
    traces
}

/// The height of the line that names the numbers; a single number is the newest, as everyone expects.
fn head(columns: usize) -> f32 {
    if columns > 1 { HEAD } else { 0.0 }
}

/// How many bytes all names share at their start and at their end. Where a name is cut, that is what it can spare.
pub(in crate::draw) fn parting<'n>(names: impl Iterator<Item = &'n str> + Clone) -> (usize, usize) {
    let Some(first) = names.clone().next() else { return (0, 0) };
    let shared = |name: &str| first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    let start = names.clone().map(shared).min().unwrap_or(0);
    let shortest = names.clone().map(str::len).min().unwrap_or(0);
    let shared = |name: &str| first.bytes().rev().zip(name.bytes().rev()).take_while(|(a, b)| a == b).count();
    let end = names.map(shared).min().unwrap_or(0);
    (start, end.min(shortest - start))
}

impl Table {
    /// Its height with the space above it; 0 when there is none.
    pub(in crate::draw) fn height(&self) -> f32 {
        if self.rows.is_empty() {
            return 0.0;
        }
        let head = head(self.columns.len());
        let more = if self.more > 0 { ROW } else { 0.0 };
        ABOVE + head + self.rows_in_block as f32 * ROW + more
    }

    /// Puts its texts, swatches and rules into a layout.
    pub(in crate::draw) fn place(&self, scene: &Scene<'_>, left: f32, top: f32, layout: &mut Layout) {
        if self.rows.is_empty() {
            return;
        }
        let block_width = (self.width - BLOCK_GAP * (self.blocks - 1) as f32) / self.blocks as f32;
        let first = top + ABOVE + head(self.columns.len());
        let apart = parting(self.rows.iter().map(|row| row.name.as_str()));
        for (block, rows) in self.rows.chunks(self.rows_in_block).enumerate() {
            let left = left + block as f32 * (block_width + BLOCK_GAP);
            if self.columns.len() > 1 {
                self.head(scene, left, left + block_width, top + ABOVE, layout);
            }
            for (i, row) in rows.iter().enumerate() {
                let baseline = first + ROW * i as f32 + 12.5;
                self.row(scene, (row, apart), (left, left + block_width), baseline, layout);
            }
        }
        if self.more > 0 {
            let y = first + ROW * self.rows_in_block as f32 + 12.5;
            let text = format!("and {} more", self.more);
            let at = Point { x: left + SWATCH, y };
            layout.texts.push(Placed::new(text, at, Anchor::Start, REGULAR, scene.palette.muted, Part::Legend));
        }
    }

    fn head(&self, scene: &Scene<'_>, left: f32, right: f32, top: f32, layout: &mut Layout) {
        let mut x = right;
        for &(stat, width) in self.columns.iter().rev() {
            let text = ["last", "min", "avg", "max"][stat].to_owned();
            let at = Point { x, y: top + 11.0 };
            layout.texts.push(Placed::new(text, at, Anchor::End, SMALL, scene.palette.muted, Part::Legend));
            x -= width + GAP;
        }
        let y = top + 17.0;
        layout.rules.push((Point { x: left, y }, Point { x: right, y }));
    }

    fn row(
        &self,
        scene: &Scene<'_>,
        (row, apart): (&Row, (usize, usize)),
        (left, right): (f32, f32),
        baseline: f32,
        layout: &mut Layout,
    ) {
        let swatch = Rect::new(left, baseline - 6.0, 15.0, 4.0);
        layout.swatches.push(Swatch { rect: swatch, color: row.color, dash: row.dash });
        let mut x = right;
        for &(stat, width) in self.columns.iter().rev() {
            let (face, ink) = if stat == 0 { (BOLD, scene.palette.text) } else { (REGULAR, scene.palette.muted) };
            let at = Point { x, y: baseline };
            layout.texts.push(Placed::new(row.numbers[stat].clone(), at, Anchor::End, face, ink, Part::Legend));
            x -= width + GAP;
        }
        let name = text::fit_around(&row.name, apart, REGULAR.0, REGULAR.1, x - left - SWATCH).into_owned();
        let at = Point { x: left + SWATCH, y: baseline };
        let mut placed = Placed::new(name, at, Anchor::Start, REGULAR, scene.palette.text, Part::Legend);
        // Common fonts are up to a sixth wider than the embedded one.
        placed.tight = placed.rect.width() > (x - placed.rect.left) * 0.85;
        layout.texts.push(placed);
    }
}
