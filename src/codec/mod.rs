//! The `codec` module.
