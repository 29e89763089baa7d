//! Integration tests: one binary, a file per theme.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod architecture;
mod cfa;
mod commands;
mod hostile;
mod index_memory;
mod index_oracle;
mod index_robust;
mod joins;
mod remote_archive;
mod schemas;
mod web;
