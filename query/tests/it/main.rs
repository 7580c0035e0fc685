//! What a user of the crate sees: graphite-web's recorded answers, and scripts of targets over small series.
// A test that cannot go on says so by panicking, in its helpers as well.
#![allow(clippy::unwrap_used)]

mod docs;
mod imported;
mod limits;
mod recorded;
mod script;
