//! A relying party.
fn main() {}
