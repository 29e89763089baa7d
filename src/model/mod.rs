//! The `model` module.
