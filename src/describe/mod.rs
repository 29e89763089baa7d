//! The `describe` module.
