//! Speed and memory, measured as ratios taken in one run.
//!
//! Owns the load program: it starts the real server, and beside it a bare handler that answers the
//! same bytes, asks both in turns, and writes what it saw to `README.md`. Owns its HTTP client too,
//! so that a fresh machine needs no tool. The benchmarks of single functions are in `benches/`; no
//! code of the server is linked into the load program.

mod awake;
mod bare;
mod browser;
mod cores;
mod deployment;
mod load;
mod measure;
mod process;
mod raw;
mod report;
mod storm;
mod wire;

#[cfg(test)]
mod tests;

pub use load::{Options, run};
