//! `cargo fuzz run pickle`, or fuzz/smoke: see src/pickle.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::pickle::run(bytes));
