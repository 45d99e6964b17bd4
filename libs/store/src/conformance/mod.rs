//! The suites every backend passes.

mod cache;
mod durable;
