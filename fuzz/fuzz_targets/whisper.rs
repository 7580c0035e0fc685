//! `cargo fuzz run whisper`, or fuzz/smoke: see src/whisper.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::whisper::run(bytes));
