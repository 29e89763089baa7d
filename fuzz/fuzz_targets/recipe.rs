//! Text as a recipe.
#![no_main]

use altostac_fuzz::allocator::within;

libfuzzer_sys::fuzz_target!(|text: &str| {
    within(1000 * text.len() + (64 << 20), || {
        if let Err(error) = altostac::recipe::parse(text, "/fuzz/recipe.yaml".as_ref()) {
            assert!(!error.to_string().is_empty());
        }
    });
});
