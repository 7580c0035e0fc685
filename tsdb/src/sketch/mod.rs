//! Sketches: what is kept of many values so that any later question about them is answered within a known error, and so that
//! two of them merge into what one would have been. Timers become a [`DdSketch`], sets a [`Hll`].
//!
//! In reading order: `kind` is what a rule asks for, `scale` and `bins` are the arithmetic and the memory of `ddsketch`;
//! `hash` is how members of a set reach `hll`; `wire` is numbers as bytes, `ddsketch_coding` and `hll_coding` the stored forms;
//! `percentile` and `leaves` are the numbers that a sketch answers for under the names that dashboards ask for.
//!
//! Invariants: merging is exact, associative and commutative (but for the rounding of floating-point sums), so that windows,
//! hosts and roll-ups give one answer; bytes from outside never panic and never take more memory than [`Sketch::decode`] says.

mod bins;
mod ddsketch;
mod ddsketch_coding;
mod hash;
mod hll;
mod hll_coding;
mod kind;
pub mod leaves;
mod percentile;
mod scale;
#[cfg(test)]
mod tests;
mod wire;

pub use ddsketch::DdSketch;
pub use hash::member_hash;
pub use hll::Hll;
pub use kind::{BinLimit, Family, LgK, SketchKind, UnknownSketch};
pub use leaves::{Leaf, leaves_of};
pub use percentile::Percentile;
pub use scale::Accuracy;

/// The first byte of every stored sketch: readers refuse what they do not know.
const VERSION: u8 = 1;
/// The second byte: a [`DdSketch`].
const DD: u8 = 1;
/// The second byte: a [`Hll`].
const HLL: u8 = 2;

/// A sketch of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Sketch {
    /// Of the values of a timer.
    Dd(DdSketch),
    /// Of the members of a set.
    Hll(Hll),
}

/// Why two sketches cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmergeable {
    /// Their bins have different edges: merged, neither's error would hold.
    #[error("a sketch of accuracy {theirs} cannot be merged into one of accuracy {ours}")]
    Accuracy {
        /// Of the sketch that would be merged into.
        ours: Accuracy,
        /// Of the other.
        theirs: Accuracy,
    },
    /// One is of values, the other of members.
    #[error("a sketch of values and a sketch of members cannot be merged")]
    Kind,
}

impl Sketch {
    /// An empty sketch.
    pub fn new(kind: SketchKind) -> Sketch {
        match kind {
            SketchKind::Dd { accuracy, bins } => Sketch::Dd(DdSketch::new(accuracy, bins)),
            SketchKind::Hll { lg_k } => Sketch::Hll(Hll::new(lg_k)),
        }
    }

    /// What it was made as, or became by merging with a coarser one.
    pub fn kind(&self) -> SketchKind {
        match self {
            Sketch::Dd(sketch) => SketchKind::Dd { accuracy: sketch.accuracy(), bins: sketch.bin_limit() },
            Sketch::Hll(sketch) => SketchKind::Hll { lg_k: sketch.lg_k() },
        }
    }

    /// Takes all that the other holds.
    ///
    /// # Errors
    /// When they are of different kinds or accuracies; nothing is changed then. Sets of different sizes do merge: see
    /// [`Hll::merge`].
    pub fn merge(&mut self, other: &Sketch) -> Result<(), Unmergeable> {
        match (self, other) {
            (Sketch::Dd(ours), Sketch::Dd(theirs)) => ours.merge(theirs),
            (Sketch::Hll(ours), Sketch::Hll(theirs)) => {
                ours.merge(theirs);
                Ok(())
            }
            _ => Err(Unmergeable::Kind),
        }
    }

    /// [`Sketch::merge`], also of two accuracies: see [`DdSketch::merge_coarsely`].
    ///
    /// # Errors
    /// When they are of different kinds; nothing is changed then.
    pub fn merge_coarsely(&mut self, other: &Sketch) -> Result<(), Unmergeable> {
        match (self, other) {
            (Sketch::Dd(ours), Sketch::Dd(theirs)) => {
                ours.merge_coarsely(theirs);
                Ok(())
            }
            (ours, theirs) => ours.merge(theirs),
        }
    }

    /// Appends the stored form, which says itself what it is.
    pub fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Sketch::Dd(sketch) => sketch.encode(into),
            Sketch::Hll(sketch) => sketch.encode(into),
        }
    }

    /// Reads exactly one stored form; `None` for anything else. Whatever the bytes, it takes at most
    /// 16 bytes of memory for each bin that [`BinLimit::MAX`] allows (128 KiB), or twice the length of the bytes.
    pub fn decode(bytes: &[u8]) -> Option<Sketch> {
        match bytes {
            [VERSION, DD, ..] => DdSketch::decode(bytes).map(Sketch::Dd),
            [VERSION, HLL, ..] => Hll::decode(bytes).map(Sketch::Hll),
            _ => None,
        }
    }
}
