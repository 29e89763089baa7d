//! Bytes as a NetCDF-3 file of any version.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if data.starts_with(b"CDF") {
        altostac_fuzz::index::check(data);
    }
});
