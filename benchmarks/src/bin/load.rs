//! `load`: the load program. Without a command it measures everything.

use clap::Parser as _;
use insula_benchmarks::Options;

// The server's own choice, so that the bare handler differs from it in nothing but its work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    insula_benchmarks::run(Options::parse())
}
