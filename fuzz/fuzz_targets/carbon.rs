//! `cargo fuzz run carbon`, or fuzz/smoke: see src/carbon.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::carbon::run(bytes));
