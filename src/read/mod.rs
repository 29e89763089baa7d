//! The `read` module.
