//! The `publish` module.
