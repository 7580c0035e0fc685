//! What is fuzzed: one file a kind of outside bytes, each with `run`, which must return for any bytes and asserts what must
//! hold for all of them. The fuzz binaries call it under libFuzzer, and `kymo/tests/it/fuzz.rs` includes this file to run
//! the recorded cases and past findings on the stable compiler.

pub mod access;
pub mod carbon;
pub mod config;
pub mod datagram;
pub mod pickle;
pub mod retention;
pub mod sketch;
pub mod target;
pub mod time;
pub mod whisper;

/// A target: its name, which is also its folder under `regressions/`, and what runs it.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("datagram", datagram::run),
    ("carbon", carbon::run),
    ("pickle", pickle::run),
    ("config", config::run),
    ("whisper", whisper::run),
    ("retention", retention::run),
    ("time", time::run),
    ("target", target::run),
    ("sketch", sketch::run),
    ("access", access::run),
];

/// The moment that counts as now everywhere, so that a finding is found again.
pub const NOW: tsdb::Timestamp = tsdb::Timestamp(1_712_068_643);
