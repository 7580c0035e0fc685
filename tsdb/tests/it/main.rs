//! The store's integration tests: whisper files against the recorded answers of the original, and the store as its
//! callers see it.

mod backup;
mod find;
mod import;
mod model;
mod sketches;
mod slab;
mod store;
mod tags;
mod whisper_conformance;
