#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    injector_fuzz::spec(data);
});
