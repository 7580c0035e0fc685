//! A series on its way through functions: the store's values with a name, tags and the options a graph may need.

use crate::aggregation::{Aggregation, Quantile};
use crate::sketches::Sketches;
use std::borrow::Cow;
use std::collections::BTreeMap;
use tsdb::{Step, Timestamp};

/// Values at a constant step. `values[i]` belongs to `start + i * step`; a slot without a value is [`tsdb::GAP`].
#[derive(Clone, Debug)]
pub struct Series {
    /// What the answer is called; functions compose it.
    pub name: String,
    /// The text of the query that named this series; aggregates print it.
    pub path_expression: String,
    /// Tags of the answer; `name` is always among them. Ordered, so that equal answers print equally.
    pub tags: BTreeMap<String, String>,
    /// Time of the first value.
    pub start: Timestamp,
    /// The end of the range, exclusive; `(end - start) / step` values unless a function says otherwise.
    pub end: Timestamp,
    /// Seconds between values.
    pub step: Step,
    /// One value a step.
    pub values: Vec<f64>,
    /// How several values become one where there is no room for all.
    pub consolidation: Consolidation,
    /// Which share of a consolidated group must be present; graphite-web's default is 0 (any).
    pub x_files_factor: f64,
    /// How a graph is asked to draw it.
    pub style: Style,
    /// What the values were computed from, where they are those of sketches and somebody merges these.
    pub sketches: Option<Sketches>,
}

impl Series {
    /// The measure of the whole series ([`Aggregation::measure`]); a quantile is that of all samples, where there are any.
    pub(crate) fn measure(&self, method: Aggregation) -> f64 {
        let sketches = match (method, &self.sketches) {
            (Aggregation::Quantile(quantile), Some(sketches)) => sketches.clone().quantile(quantile),
            _ => None,
        };
        match sketches {
            Some(sketches) => sketches.value(0, self.values.len(), self.step),
            None => method.measure(&self.values),
        }
    }
}

/// How several values become one (graphite-web's `consolidateBy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consolidation {
    /// Their mean: the default, whatever the file's own aggregation method (graphite-web 1.1.10).
    #[default]
    Average,
    /// Their mean with gaps counted as zero.
    AverageZero,
    /// Their sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The first that is present.
    First,
    /// The last that is present.
    Last,
    /// The one at a share of the others.
    Quantile(Quantile),
}

impl Consolidation {
    /// The word that `consolidateBy` takes for it.
    pub fn word(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Consolidation::Average => "average",
            Consolidation::AverageZero => "avg_zero",
            Consolidation::Sum => "sum",
            Consolidation::Min => "min",
            Consolidation::Max => "max",
            Consolidation::First => "first",
            Consolidation::Last => "last",
            Consolidation::Quantile(quantile) => return Cow::Owned(format!("quantile:{}", quantile.share())),
        })
    }
}

/// What functions may ask of the drawing; everything `None` draws as the graph's own parameters say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Style {
    /// A colour name or `rrggbb[aa]`.
    pub color: Option<String>,
    /// Line width in pixels.
    pub line_width: Option<f64>,
    /// Dash length in pixels.
    pub dashed: Option<f64>,
    /// Opacity, 0 to 1.
    pub alpha: Option<f64>,
    /// Drawn on the right axis.
    pub second_y_axis: bool,
    /// Drawn on top of the series before it.
    pub stacked: bool,
    /// Not drawn, though what is stacked on it begins where it ends.
    pub invisible: bool,
    /// Drawn as a line from bottom to top wherever it has a value that is not zero.
    pub draw_as_infinite: bool,
    /// Has no name to show: what stands in for it is Python's word for that.
    pub unnamed: bool,
}
