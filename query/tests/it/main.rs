//! What a user of the crate sees: graphite-web's recorded answers, and scripts of targets over small series.

mod recorded;
mod script;
mod standin;
