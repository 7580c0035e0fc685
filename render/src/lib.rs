//! render draws series and answers over HTTP: pictures, formats, the Graphite API and the page.
//!
//! It never reads a clock; `now` is handed to it.
#![forbid(unsafe_code)]

pub mod access;
pub mod alert;
pub mod app;
pub mod catalogue;
pub mod draw;
pub mod encode;
pub mod error;
pub mod http;
pub mod page;
pub mod templates;

pub use app::App;
pub use catalogue::Catalogue;
pub use error::Error;
