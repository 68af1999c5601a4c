//! `cargo xtask`: the work on this repository, one file per verb.
fn main() {}
