//! The `write` module.
