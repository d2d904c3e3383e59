#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clel_fuzz::read("jpeg", bytes));
