//! The `recipe` module.
