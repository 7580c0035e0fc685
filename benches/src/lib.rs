//! Workloads sized by a parameter, one file a stage, and what each costs, in CPU time unless it is the disk's. A test runs them tiny.
//!
//! Every workload is deterministic: the same size is the same work.
#![forbid(unsafe_code)]

pub mod agent;
pub mod draw;
pub mod graphite;
pub mod index;
pub mod measure;
pub mod pipeline;
pub mod proxy;
pub mod query;
pub mod sketch;
pub mod slab;
pub mod slab_store;
pub mod store;

use measure::Measured;

/// How much work each workload does.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rounds of each measurement; the least counts.
    pub rounds: usize,
    /// Lines, updates or points of one round.
    pub units: usize,
    /// Known names.
    pub names: usize,
}

impl Size {
    /// What benches/README.md reports.
    pub const FULL: Size = Size { rounds: 15, units: 200_000, names: 1_000 };
    /// Enough to see that the workloads run.
    pub const TINY: Size = Size { rounds: 1, units: 200, names: 20 };
}

/// A workload file: its name and what it measures.
pub type Workload = (&'static str, fn(Size) -> Vec<Measured>);

/// Every workload, from the wire to the picture.
pub const WORKLOADS: &[Workload] = &[
    ("agent", agent::run),
    ("store", store::run),
    ("slab", slab::run),
    ("slab_store", slab_store::run),
    ("slab_hour", slab_store::hour),
    ("index", index::run),
    ("sketch", sketch::run),
    ("query", query::run),
    ("draw", draw::run),
    ("graphite", graphite::run),
    ("pipeline", pipeline::run),
    ("proxy", proxy::run),
];
