//! Series to bytes, one file a format, each byte for byte as graphite-web writes it: clients parse these with care.
//!
//! Nothing here knows of HTTP: [`crate::http`] chooses the format and its content type.

pub mod csv;
pub mod dygraph;
pub mod json;
pub mod json_writer;
pub mod msgpack;
pub mod packed;
pub mod pickle;
pub mod python_float;
pub mod raw;
pub mod rickshaw;

pub use json::Nulls;
pub use json_writer::{Charset, JsonWriter, Layout};
pub use msgpack::MsgPack;
pub use packed::Packed;
pub use pickle::Pickle;

#[cfg(test)]
mod tests;
