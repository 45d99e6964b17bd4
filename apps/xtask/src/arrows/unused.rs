//! Lines of dependencies that no source of their crate names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::Fault;
use super::plan::Plan;
use super::workspace::Workspace;

/// Every dependency that its crate's sources do not name, and every exception that is none.
pub(super) fn compare(plan: &Plan, workspace: &Workspace) -> anyhow::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for name in workspace.names() {
        let words = words_below(workspace.folder(name))?;
        faults.extend(faults_of_a_crate(plan, workspace, name, &words));
    }
    Ok(faults)
}

/// The same of one crate whose sources hold these words.
pub(super) fn faults_of_a_crate(
    plan: &Plan,
    workspace: &Workspace,
    name: &str,
    words: &BTreeSet<String>,
) -> Vec<Fault> {
    let excepted = plan.named_nowhere.get(name).map_or(&[][..], Vec::as_slice);
    let mut unnamed = BTreeSet::new();
    for dependency in workspace.dependencies(name) {
        if !words.contains(&dependency.word) {
            unnamed.insert(&dependency.name);
        }
    }
    let unused = unnamed.iter().filter(|package| !excepted.contains(package));
    let mut faults: Vec<Fault> = unused
        .map(|package| Fault::Unused {
            from: name.to_owned(),
            package: (*package).clone(),
        })
        .collect();
    for package in excepted.iter().filter(|package| !unnamed.contains(package)) {
        faults.push(Fault::NeedlessException {
            from: name.to_owned(),
            package: package.clone(),
        });
    }
    faults
}

/// The words of every Rust source below a folder, but for lines of comments: a crate that is only
/// talked about is not used. What an example in a comment alone needs is an exception.
fn words_below(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut words = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("could not read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("could not read {}", path.display()))?;
                words.extend(words_of(&text).map(str::to_owned));
            }
        }
    }
    Ok(words)
}

pub(super) fn words_of(source: &str) -> impl Iterator<Item = &str> {
    let is_comment = |line: &&str| line.trim_start().starts_with("//");
    let code = source.lines().filter(move |line| !is_comment(line));
    code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
}
