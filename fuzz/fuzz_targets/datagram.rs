//! `cargo fuzz run datagram`, or fuzz/smoke: see src/datagram.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::datagram::run(bytes));
