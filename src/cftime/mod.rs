//! The `cftime` module.
