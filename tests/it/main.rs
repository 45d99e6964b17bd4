//! Insula end to end: every test speaks to the real process over HTTP.
fn main() {}
