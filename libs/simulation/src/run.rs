use std::fmt;

use crate::draw::Draw;
use crate::script::Script;
use crate::shrink::shrunk;
use crate::truth::Violation;
use crate::world::World;
use crate::{Defect, STEPS_EACH};

/// A promise that was broken, and how to see it again.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The seed of the whole.
    pub seed: u64,
    /// After how many steps of the whole.
    pub step: u64,
    /// Which promise, and how.
    pub violation: Violation,
    /// The run in which it broke, up to there.
    pub script: Script,
}

impl Failure {
    /// The same with a script that has only what it takes.
    pub fn shrunk(self, defect: Option<Defect>) -> Self {
        let (script, violation) = shrunk(self.script, self.violation, defect);
        Self {
            violation,
            script,
            ..self
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            step,
            violation,
            script,
        } = self;
        let text = serde_json::to_string(script).unwrap_or_default();
        let count = script.steps.len();
        write!(
            f,
            "seed {seed}, step {step}: {violation}\nthe script that shows it ({count} steps), for \
             `insula_simulation::replay`:\n{text}"
        )
    }
}

/// Draws so many steps from `seed`, in runs of [`STEPS_EACH`], until a promise is broken.
pub fn explore(seed: u64, steps: u64, defect: Option<Defect>) -> Result<(), Box<Failure>> {
    let mut taken = 0;
    for run in 0.. {
        let of_run = seed.wrapping_mul(1_000_003).wrapping_add(run);
        let mut draw = Draw::new(of_run, defect.map(Defect::topic));
        let mut world = World::new(of_run, defect);
        let mut script = Script {
            seed: of_run,
            steps: Vec::new(),
        };
        while script.steps.len() < STEPS_EACH {
            if taken == steps {
                return Ok(());
            }
            let step = draw.next(&world);
            script.steps.push(step);
            taken += 1;
            if let Err(violation) = world.step(step) {
                return Err(Box::new(Failure {
                    seed,
                    step: taken,
                    violation,
                    script,
                }));
            }
        }
    }
    Ok(())
}

/// Takes the steps of a script until a promise is broken; answers after how many.
pub fn replay(script: &Script, defect: Option<Defect>) -> Result<(), (usize, Violation)> {
    let mut world = World::new(script.seed, defect);
    for (number, step) in script.steps.iter().enumerate() {
        world
            .step(*step)
            .map_err(|violation| (number + 1, violation))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Act, Step, Written};
    use crate::tenants::TENANTS;

    /// What would be true of a world in which nothing happens is worth nothing.
    #[test]
    fn people_of_every_tenant_log_in_and_refresh_also_after_their_tenant_changed() {
        let (mut refreshed, mut held_after) = ([0; TENANTS], [0; TENANTS]);
        let mut chosen = 0;
        for seed in 0..20 {
            let mut draw = Draw::new(seed, None);
            let mut world = World::new(seed, None);
            let mut changed_at = [None; TENANTS];
            let mut script = Script {
                seed,
                steps: Vec::new(),
            };
            for _ in 0..STEPS_EACH {
                let step = draw.next(&world);
                match step {
                    Step::Write {
                        tenant,
                        what: Written::AsItWas,
                    } => {
                        changed_at[tenant].get_or_insert(world.ms);
                    }
                    Step::Begin {
                        act: Act::Choose, ..
                    } => chosen += 1,
                    _ => {}
                }
                script.steps.push(step);
                let broken = world.step(step).err();
                let shown = broken.map(|violation| shrunk(script.clone(), violation, None));
                assert_eq!(shown, None);
            }
            for family in &world.families {
                let tenant = family.tenant;
                refreshed[tenant] += usize::from(family.before.is_some());
                let is_after = changed_at[tenant].is_some_and(|at| family.answered.ms > at);
                held_after[tenant] += usize::from(is_after);
            }
        }
        for counts in [refreshed, held_after] {
            assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
        }
        assert!(chosen > 50, "{chosen}");
    }
}
