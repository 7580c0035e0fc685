//! Configuration: flags, kymo.toml and statsd's own file become one `Settings`; nothing behind it reads a file again.
//!
//! A flag wins over kymo.toml, that over statsd's file, that over the default.

pub mod access;
pub mod alerts;
pub mod js_object;
pub mod kymo_toml;
pub mod pipeline;
pub mod proxy_file;
pub mod reload;
pub mod settings;
pub mod statsd_file;
pub mod statsd_keys;

pub use settings::Settings;

use std::path::{Path, PathBuf};

/// Where kymo's own store lies in its data folder.
pub fn own_store(data: &Path) -> PathBuf {
    data.join("slab")
}
