//! The `validate` module.
