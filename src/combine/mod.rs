//! The `combine` module.
