//! `cargo xtask arrows`: may the crates of this workspace depend on each other the way they do?
//!
//! Compares what `cargo metadata` reports with the plan in `docs/arrows.toml`, and tells of
//! dependencies that no source names, and of those of the workspace that no crate takes.

mod inherited;
mod plan;
mod unused;
mod workspace;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;

use anyhow::{Context as _, bail};

use self::plan::{Plan, Room};
use self::workspace::{Kind, Workspace};
use crate::process;
use crate::repository::Repository;

const PLAN: &str = "docs/arrows.toml";

/// Reads both sides, and fails with every difference.
pub(crate) fn run(repository: &Repository) -> anyhow::Result<()> {
    let text = fs::read_to_string(repository.root.join(PLAN))
        .with_context(|| format!("could not read {PLAN}"))?;
    let plan: Plan = toml::from_str(&text).with_context(|| format!("{PLAN} is not a plan"))?;
    let metadata = process::output(&mut repository.cargo([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]))?;
    let workspace = Workspace::read(&metadata)?;
    let mut faults = compare(&plan, &workspace);
    faults.extend(unused::compare(&plan, &workspace)?);
    faults.extend(inherited::compare(&repository.root, &workspace)?);
    if faults.is_empty() {
        println!(
            "arrows: {} crates, {} arrows, all as planned",
            workspace.len(),
            workspace.arrows()
        );
        return Ok(());
    }
    for fault in &faults {
        eprintln!("arrows: {fault}");
    }
    bail!("{} arrows are not as {PLAN} plans them", faults.len());
}

/// One way in which the workspace and its plan differ.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Fault {
    /// The plan allows an arrow that does not point to a lower floor; such arrows make circles.
    Upward { from: String, to: String },
    /// The plan names a room that it does not describe.
    UnknownTarget { from: String, to: String },
    /// The plan describes a crate that does not exist.
    Stale { name: String },
    /// A crate exists that the plan does not describe.
    Unplanned { name: String },
    /// A crate depends on another that it may not use.
    Forbidden { from: String, to: String },
    /// A crate's tests depend on a crate that is neither allowed nor made for tests.
    ForbiddenInTests { from: String, to: String },
    /// A heavy package is used by a crate other than the one that hides it.
    Exposed {
        from: String,
        package: String,
        rooms: Vec<String>,
    },
    /// A crate depends on a package that its sources do not name.
    Unused { from: String, package: String },
    /// The plan lets a crate depend on a package without naming it, and it does not.
    NeedlessException { from: String, package: String },
    /// The workspace offers its crates a package that none of them takes from it.
    NotInherited { package: String },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upward { from, to } => write!(
                f,
                "{from} → {to} is allowed by the plan but does not point down a floor; \
                 arrows that point up or sideways can close a circle"
            ),
            Self::UnknownTarget { from, to } => {
                write!(
                    f,
                    "the plan lets {from} use {to}, which it does not describe"
                )
            }
            Self::Stale { name } => {
                write!(
                    f,
                    "the plan describes {name}, which is no crate of the workspace"
                )
            }
            Self::Unplanned { name } => {
                write!(
                    f,
                    "{name} is not in the plan; say on which floor it lives and what it uses"
                )
            }
            Self::Forbidden { from, to } => {
                write!(
                    f,
                    "{from} → {to} is not in the plan; move what is needed down, or argue for it"
                )
            }
            Self::ForbiddenInTests { from, to } => {
                write!(f, "the tests of {from} → {to} is not in the plan")
            }
            Self::Exposed {
                from,
                package,
                rooms,
            } => {
                write!(
                    f,
                    "{from} uses {package}, which belongs behind {}",
                    rooms.join(", ")
                )
            }
            Self::Unused { from, package } => write!(
                f,
                "{from} depends on {package}, which none of its sources names; remove the line, \
                 or say under named_nowhere what it is for"
            ),
            Self::NeedlessException { from, package } => write!(
                f,
                "named_nowhere excepts {package} of {from}, which is named there or not depended \
                 on; remove the exception"
            ),
            Self::NotInherited { package } => write!(
                f,
                "[workspace.dependencies] has a line for {package}, which no crate takes from \
                 there; remove the line"
            ),
        }
    }
}

/// Every fault, those of the plan itself first, then crate by crate.
fn compare(plan: &Plan, workspace: &Workspace) -> Vec<Fault> {
    let mut faults = faults_of_the_plan(plan);
    for name in plan.crates.keys().filter(|name| !workspace.has(name)) {
        faults.push(Fault::Stale { name: name.clone() });
    }
    for name in workspace.names() {
        let Some(room) = plan.crates.get(name) else {
            faults.push(Fault::Unplanned { name: name.clone() });
            continue;
        };
        faults_of_a_crate(plan, workspace, name, room, &mut faults);
    }
    faults
}

fn faults_of_the_plan(plan: &Plan) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (from, room) in &plan.crates {
        for to in &room.uses {
            let (from, to) = (from.clone(), to.clone());
            match plan.crates.get(&to) {
                None => faults.push(Fault::UnknownTarget { from, to }),
                Some(target) if target.floor >= room.floor => {
                    faults.push(Fault::Upward { from, to });
                }
                Some(_) => {}
            }
        }
    }
    faults
}

fn faults_of_a_crate(
    plan: &Plan,
    workspace: &Workspace,
    name: &str,
    room: &Room,
    faults: &mut Vec<Fault>,
) {
    for dependency in workspace.dependencies(name) {
        let from = name.to_owned();
        let to = dependency.name.clone();
        if let Some(rooms) = plan.behind.get(&to) {
            if !rooms.iter().any(|allowed| allowed == name) {
                faults.push(Fault::Exposed {
                    from,
                    package: to,
                    rooms: rooms.clone(),
                });
            }
            continue;
        }
        if !workspace.has(&to) || room.uses.contains(&to) {
            continue;
        }
        match dependency.kind {
            Kind::Tests if plan.for_tests.contains(&to) => {}
            Kind::Tests => faults.push(Fault::ForbiddenInTests { from, to }),
            Kind::Code => faults.push(Fault::Forbidden { from, to }),
        }
    }
}
