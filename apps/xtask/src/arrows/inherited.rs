//! Lines of `[workspace.dependencies]` that no crate takes with `workspace = true`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use toml::{Table, Value};

use super::Fault;
use super::workspace::Workspace;

/// The tables of a crate's `Cargo.toml` that name what it depends on.
const OF_A_CRATE: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Reads the `Cargo.toml` of the workspace and of each of its crates.
pub(super) fn compare(root: &Path, workspace: &Workspace) -> anyhow::Result<Vec<Fault>> {
    let offered = read(&root.join("Cargo.toml"))?;
    let crates = workspace.names().map(|name| workspace.folder(name));
    let crates = crates.map(|folder| read(&folder.join("Cargo.toml")));
    let crates: Vec<Table> = crates.collect::<Result<_, _>>()?;
    Ok(faults(&offered, &crates))
}

fn read(path: &Path) -> anyhow::Result<Table> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("could not read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not TOML", path.display()))
}

/// Every line of the workspace that none of the crates takes.
pub(super) fn faults(workspace: &Table, crates: &[Table]) -> Vec<Fault> {
    let taken: BTreeSet<&String> = crates.iter().flat_map(taken).collect();
    let offered = workspace.get("workspace").and_then(Value::as_table);
    let offered = offered.and_then(|table| table.get("dependencies")?.as_table());
    let lines = offered.into_iter().flat_map(Table::keys);
    let unused = lines.filter(|line| !taken.contains(line));
    let faults = unused.map(|line| Fault::NotInherited {
        package: line.clone(),
    });
    faults.collect()
}

/// What one crate takes from the workspace, for every target and for some alone.
fn taken(of_crate: &Table) -> impl Iterator<Item = &String> {
    let targets = of_crate.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let parts = targets.filter_map(Value::as_table).chain([of_crate]);
    let tables = parts.flat_map(|part| OF_A_CRATE.iter().filter_map(|name| part.get(*name)));
    let lines = tables.filter_map(Value::as_table).flatten();
    lines.filter_map(|(name, line)| {
        let is_taken = line.get("workspace").and_then(Value::as_bool);
        is_taken.unwrap_or_default().then_some(name)
    })
}
