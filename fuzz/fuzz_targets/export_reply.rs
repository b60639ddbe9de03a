#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| esm_fuzz::export_reply(data));
