//! `insula`: the process.
fn main() {}
