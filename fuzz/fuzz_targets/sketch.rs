//! `cargo fuzz run sketch`, or fuzz/smoke: see src/sketch.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::sketch::run(bytes));
