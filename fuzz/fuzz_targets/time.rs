//! `cargo fuzz run time`, or fuzz/smoke: see src/time.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::time::run(bytes));
