//! Bytes as an HDF5 file: indexed, checked, and some chunks read. Checksums are not checked (`cfg(fuzzing)`).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| altostac_fuzz::index::check(data));
