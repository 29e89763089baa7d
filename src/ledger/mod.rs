//! The `ledger` module.
