//! Sketches: any quantile of what timers measured, the members of sets, and sketches of many series as one.

use super::{Args, Body, Function, Group, Param, Takes};
use tsdb::sketch::Leaf;
use tsdb::sketch::leaves::Whole;

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "mergeSketches",
        Group::Combine,
        "One series of the samples of all series, step by step: of leaves (`stats.timers.*.p99`) the same leaf of them all, of series of sketches (`stats.timers.*`) their count.",
        &[Param::SERIES_LISTS],
        Body::Merge,
    )
    .of_sketches(),
    Function::new(
        "quantile",
        Group::Calculate,
        "The sample at the share `q` of all, 0 to 1, step by step, of series of sketches or their leaves.",
        &[Param::SERIES, Param::new("q", Takes::Share)],
        Body::Leaf(quantile),
    )
    .of_sketches()
    .prints(",", &["q"])
    .tags(&[("quantile", "q")]),
    Function::new(
        "uniques",
        Group::Calculate,
        "How many different members there were, step by step, of sets that are kept as sketches.",
        &[Param::SERIES],
        Body::Leaf(|_| Leaf::Whole(Whole::Uniques)),
    )
    .of_sketches(),
];

fn quantile(args: &Args<'_>) -> Leaf {
    Leaf::quantile(args.number("q")).unwrap_or(Leaf::Whole(Whole::Max))
}
