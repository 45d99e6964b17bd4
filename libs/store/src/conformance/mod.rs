//! The suites every backend passes.
