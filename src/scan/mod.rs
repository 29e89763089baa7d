//! The `scan` module.
