//! `cargo fuzz run retention`, or fuzz/smoke: see src/retention.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::retention::run(bytes));
