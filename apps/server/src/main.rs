//! `insula`: the process. Reads config, opens every socket, chooses every implementation, drains on exit.
//!
//! Owns the command line, the listeners and the choice of implementations: the only crate that
//! names a backend. Owns no rule; see `docs/ARCHITECTURE.md` for who does.

mod admin;
mod adopt;
mod algorithms;
mod awake_limit;
mod cache_lease;
mod check;
mod cli;
mod descriptors;
mod events;
mod exit;
mod leaving;
mod listeners;
mod maintenance;
mod master_key;
mod owners;
mod serve;
mod specs;
mod tenants;
mod tls;
mod waiting;
mod wiring;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
