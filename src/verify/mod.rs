//! The `verify` module.
