//! Tallies to points, on the interval's edge.

pub mod book;
pub mod ledger;
pub mod naming;
pub mod number;
pub mod outlet;
pub mod statistics;
pub mod store;
