//! What a broker sends: frames, and messages in pieces.
#![no_main]

use altostac::watch::{LONGEST_MESSAGE, messages_in};
use altostac_fuzz::allocator::within;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    within(40 * bytes.len() + (1 << 20), || {
        let (understood, messages) = messages_in(bytes);
        assert!(understood <= bytes.len(), "{understood} bytes of {}", bytes.len());
        assert!(messages.iter().all(|body| body.len() <= LONGEST_MESSAGE));
        // A message takes three frames, or two if it is empty; each has eight bytes around it.
        let held: usize = messages.iter().map(|body| body.len() + 16).sum();
        assert!(held <= understood, "{held} bytes of messages in {understood}");
        // What is cut off is understood as far as it goes.
        let (cut, fewer) = messages_in(&bytes[..understood / 2]);
        assert!(cut <= understood / 2 && messages.starts_with(&fewer));
    });
});
