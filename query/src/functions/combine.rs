//! Combine: many series into one, row by row, after all are brought to a common step.

use super::{Body, Function, Group, Param};
use crate::aggregation::Aggregation;

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "averageSeries",
        Group::Combine,
        "The mean of all series, step by step; gaps are left out.",
        &[Param::SERIES_LISTS],
        Body::Fold(Aggregation::Average),
    )
    .aliases(&["avg"]),
    Function::new(
        "maxSeries",
        Group::Combine,
        "The largest value of all series, step by step.",
        &[Param::SERIES_LISTS],
        Body::Fold(Aggregation::Max),
    ),
    Function::new(
        "sumSeries",
        Group::Combine,
        "The sum of all series, step by step; gaps are left out.",
        &[Param::SERIES_LISTS],
        Body::Fold(Aggregation::Sum),
    )
    .aliases(&["sum"]),
];
