//! Series to bytes, one file a format, each byte for byte as graphite-web writes it: clients parse these with care.
//!
//! Nothing here knows of HTTP: [`crate::http`] chooses the format and its content type.

pub mod csv;
pub mod json;
pub mod json_writer;
pub mod python_float;
pub mod raw;

pub use json::Nulls;
pub use json_writer::{Charset, JsonWriter, Layout};

#[cfg(test)]
mod tests;
