//! The `altostac` command.

fn main() {}
