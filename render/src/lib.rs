//! render draws series and answers over HTTP: pictures, formats, the Graphite API and the page.
//!
//! It never reads a clock; `now` is handed to it.
#![forbid(unsafe_code)]

pub mod draw;
