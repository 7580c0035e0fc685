//! `cargo fuzz run access`, or fuzz/smoke: see src/access.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::access::run(bytes));
