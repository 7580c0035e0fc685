//! statsd-agent hears StatsD datagrams, tallies them and flushes each interval as points.
//!
//! In pipeline order: `listen` (bytes arrive), `wire` (bytes to samples), `aggregate` (samples to tallies), `flush`
//! (tallies to points). It never reads a clock: `now` is a function that whoever starts it passes in. It knows nothing of
//! configuration files, of queries or of HTTP.

pub mod admin;
mod agent;
pub mod aggregate;
pub mod config;
pub mod counters;
mod error;
pub mod flush;
pub mod inspect;
pub mod listen;
pub mod proxy;
pub mod told;
pub mod wire;

pub use agent::{Agent, Live, Sinks};
pub use config::Config;
pub use error::Error;
