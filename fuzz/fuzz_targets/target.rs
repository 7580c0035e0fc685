//! `cargo fuzz run target`, or fuzz/smoke: see src/target.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::target::run(bytes));
