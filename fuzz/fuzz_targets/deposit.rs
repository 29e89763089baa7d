//! The body of a deposit message.
#![no_main]

use std::path::Component;

use altostac::watch::{Deposit, parse_deposit};
use altostac_fuzz::allocator::within;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    within(40 * body.len() + (1 << 20), || match parse_deposit(body) {
        Err(error) => assert!(error.to_string().len() < 2 * body.len() + 1000, "a message without end"),
        Ok(Deposit { path, action }) => {
            assert!(path.is_absolute() && !path.components().any(|component| component == Component::ParentDir));
            let text = path.to_str().expect("bodies are UTF-8");
            assert!(text.len() <= 4096 && !text.chars().any(char::is_control));
            let again = serde_json::json!({"filepath": text, "action": action.word()}).to_string();
            assert_eq!(parse_deposit(again.as_bytes()), Ok(Deposit { path, action }));
        }
    });
});
