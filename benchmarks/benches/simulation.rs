//! A million steps of the simulation, and how fast they go. Ends with the failure if one is found.

use std::process::ExitCode;
use std::time::Instant;

use insula_simulation::explore;

const STEPS: u64 = 1_000_000;
/// When it is only to be seen whether it runs.
const STEPS_OF_A_TRIAL: u64 = 2_000;

fn main() -> ExitCode {
    let is_trial = std::env::args().any(|argument| argument == "--test");
    let steps = if is_trial { STEPS_OF_A_TRIAL } else { STEPS };
    let began = Instant::now();
    if let Err(failure) = explore(2, steps, None) {
        eprintln!("{}", failure.shrunk(None));
        return ExitCode::FAILURE;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("simulation: {steps} steps in {seconds:.1} s, every promise kept");
    ExitCode::SUCCESS
}
