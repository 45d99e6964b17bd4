//! Leaves out of a script what it does not take.

use crate::Defect;
use crate::run::replay;
use crate::script::Script;
use crate::truth::Violation;

/// The script without the steps that are not needed to break the same promise.
pub(crate) fn shrunk(
    script: Script,
    violation: Violation,
    defect: Option<Defect>,
) -> (Script, Violation) {
    let mut smallest = (script, violation);
    let mut chunk = smallest.0.steps.len().div_ceil(2).max(1);
    loop {
        let mut left_out = false;
        let mut from = 0;
        while from < smallest.0.steps.len() {
            let without = without(&smallest.0, from, chunk);
            match replay(&without, defect) {
                Err((steps, violation)) if violation.promise == smallest.1.promise => {
                    let mut steps_of = without;
                    steps_of.steps.truncate(steps);
                    smallest = (steps_of, violation);
                    left_out = true;
                }
                _ => from += chunk,
            }
        }
        if chunk == 1 && !left_out {
            return smallest;
        }
        if !left_out {
            chunk = chunk.div_ceil(2);
        }
    }
}

fn without(script: &Script, from: usize, count: usize) -> Script {
    let steps = script.steps.iter().enumerate();
    let kept = steps.filter(|(number, _)| *number < from || *number >= from + count);
    Script {
        seed: script.seed,
        steps: kept.map(|(_, step)| *step).collect(),
    }
}
