//! The store's integration tests: whisper files against the recorded answers of the original, and the store as its
//! callers see it.

mod find;
mod model;
mod sketches;
mod store;
mod tags;
mod whisper_conformance;
