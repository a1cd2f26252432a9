#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockeye_fuzz_bodies::event_stream(data));
