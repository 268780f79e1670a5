//! The `medshare` program.

fn main() {}
