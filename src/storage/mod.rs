//! The `storage` module.
