//! `cargo fuzz run config`, or fuzz/smoke: see src/config.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::config::run(bytes));
