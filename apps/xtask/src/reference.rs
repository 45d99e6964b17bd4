//! `cargo xtask reference`: which test proves which clause of a specification, as a page.
//!
//! `tests/clauses.toml` is written by hand; `docs/reference/coverage.md` is made of it. A clause names
//! tests that exist, or says in a sentence why it does not apply.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::repository::Repository;

const CLAUSES: &str = "tests/clauses.toml";
const PAGE: &str = "docs/reference/coverage.md";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clauses {
    #[serde(rename = "clause", default)]
    clauses: Vec<Clause>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clause {
    spec: String,
    section: String,
    /// What it demands, in our words.
    says: String,
    /// `BINARY PATH::OF::THE_TEST`, where the binary is `it`, `interop`, or a crate.
    #[serde(default)]
    tests: Vec<String>,
    does_not_apply: Option<String>,
}

/// Writes the page.
pub(crate) fn write(repository: &Repository) -> anyhow::Result<()> {
    let page = repository.root.join(PAGE);
    if let Some(folder) = page.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&page, made(repository)?)?;
    println!("wrote {PAGE}");
    Ok(())
}

/// Fails unless the page is what the clauses make of it, and all their tests exist.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<()> {
    let written = fs::read_to_string(repository.root.join(PAGE)).unwrap_or_default();
    if written != made(repository)? {
        bail!("{PAGE} is not what {CLAUSES} makes of it: run `cargo xtask reference`");
    }
    Ok(())
}

fn made(repository: &Repository) -> anyhow::Result<String> {
    let text = fs::read_to_string(repository.root.join(CLAUSES))
        .with_context(|| format!("could not read {CLAUSES}"))?;
    let Clauses { clauses } =
        toml::from_str(&text).with_context(|| format!("could not read {CLAUSES}"))?;
    let mut sources = Sources::of(&repository.root);
    let faults: Vec<String> = clauses
        .iter()
        .flat_map(|clause| faults(clause, &mut sources))
        .collect();
    if !faults.is_empty() {
        bail!("{CLAUSES}:\n  {}", faults.join("\n  "));
    }
    Ok(page(&clauses))
}

fn faults(clause: &Clause, sources: &mut Sources) -> Vec<String> {
    let name = format!("{} §{} ({})", clause.spec, clause.section, clause.says);
    if clause.tests.is_empty() == clause.does_not_apply.is_none() {
        return vec![format!("{name}: write either tests or does_not_apply")];
    }
    let missing = clause.tests.iter().filter(|test| !sources.have(test));
    missing
        .map(|test| format!("{name}: there is no test {test:?}"))
        .collect()
}

/// The sources of tests, read once for each binary.
struct Sources<'a> {
    root: &'a Path,
    read: BTreeMap<String, Vec<Source>>,
}

impl<'a> Sources<'a> {
    fn of(root: &'a Path) -> Self {
        let read = BTreeMap::new();
        Self { root, read }
    }

    fn have(&mut self, test: &str) -> bool {
        let Some((binary, path)) = test.split_once(' ') else {
            return false;
        };
        let Some((module, function)) = path.rsplit_once("::") else {
            return false;
        };
        let root = self.root;
        let files = self.read.entry(binary.to_owned());
        let files = files.or_insert_with(|| files_of(&folder_of(root, binary)));
        let (before, after) = (format!("fn {function}("), format!("\"{function}\""));
        files.iter().any(|file| {
            let is_there = file.module == module || format!("{}::tests", file.module) == module;
            is_there && (file.text.contains(&before) || file.text.contains(&after))
        })
    }
}

fn folder_of(root: &Path, binary: &str) -> PathBuf {
    let name = binary.strip_prefix("insula-").unwrap_or(binary);
    let folders = [
        root.join("tests").join(name),
        root.join("libs").join(name),
        root.join("apps").join(name),
    ];
    let [first, ..] = &folders;
    let found = folders.iter().find(|folder| folder.is_dir());
    found.unwrap_or(first).clone()
}

/// A file of Rust, and the module that it is.
struct Source {
    module: String,
    text: String,
}

/// All of Rust below the folder of a binary.
fn files_of(folder: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                files.push(Source {
                    module: module_of(path.strip_prefix(folder).unwrap_or(&path)),
                    text: fs::read_to_string(&path).unwrap_or_default(),
                });
            }
        }
    }
    files
}

/// The module that a file is, by where it lies.
fn module_of(file: &Path) -> String {
    let named = file.with_extension("");
    let parts = named.iter().map(|part| part.to_string_lossy());
    let parts = parts.filter(|part| !matches!(part.as_ref(), "src" | "mod" | "lib" | "main"));
    parts.collect::<Vec<_>>().join("::")
}

fn page(clauses: &[Clause]) -> String {
    let mut by_spec: BTreeMap<&str, Vec<&Clause>> = BTreeMap::new();
    for clause in clauses {
        by_spec.entry(&clause.spec).or_default().push(clause);
    }
    let mut page = String::from(
        "# What the specifications demand, and the test that proves it\n\n\
         Made by `cargo xtask reference` of `tests/clauses.toml`. Every clause that binds a server of this kind\n\
         names its tests, or says why it does not apply. They hold for tenants of our format; where a tenant follows\n\
         dex it does what dex does, and where that differs is a field of `insula_model::Rules`.\n\n\
         | specification | clauses | proven | do not apply |\n| --- | --- | --- | --- |\n",
    );
    for (spec, clauses) in &by_spec {
        let proven = clauses
            .iter()
            .filter(|clause| !clause.tests.is_empty())
            .count();
        let all = clauses.len();
        let _ = writeln!(page, "| {spec} | {all} | {proven} | {} |", all - proven);
    }
    for (spec, mut clauses) in by_spec {
        clauses.sort_by_key(|clause| numbers_of(&clause.section));
        let _ = write!(
            page,
            "\n## {spec}\n\n| § | demands | proven by |\n| --- | --- | --- |\n"
        );
        for clause in clauses {
            let proof = match &clause.does_not_apply {
                Some(why) => format!("does not apply: {}", in_cell(why)),
                None => {
                    let tests = clause.tests.iter().map(|test| format!("`{test}`"));
                    tests.collect::<Vec<_>>().join("<br>")
                }
            };
            let _ = writeln!(
                page,
                "| {} | {} | {proof} |",
                clause.section,
                in_cell(&clause.says)
            );
        }
    }
    page
}

/// `3.1.10` after `3.1.9`.
fn numbers_of(section: &str) -> Vec<(u32, String)> {
    section
        .split('.')
        .map(|part| (part.parse().unwrap_or(u32::MAX), part.to_owned()))
        .collect()
}

fn in_cell(text: &str) -> String {
    text.trim().replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(tests: &[&str], does_not_apply: Option<&str>) -> Clause {
        Clause {
            spec: "RFC 1".to_owned(),
            section: "2".to_owned(),
            says: "Something".to_owned(),
            tests: tests.iter().map(|&test| test.to_owned()).collect(),
            does_not_apply: does_not_apply.map(str::to_owned),
        }
    }

    #[test]
    fn a_clause_names_a_test_that_exists_or_says_why_it_does_not_apply() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut sources = Sources::of(&root);
        let here = "xtask reference::tests::a_clause_names_a_test_that_exists_or_says_why_it_does_not_apply";
        let elsewhere = here.replace("reference::", "coverage::");
        for (clause, is_good) in [
            (clause(&[here], None), true),
            (clause(&[], Some("why")), true),
            (
                clause(&["xtask reference::tests::no_such_test"], None),
                false,
            ),
            (clause(&[&elsewhere], None), false),
            (clause(&["nowhere a::b"], None), false),
            (clause(&[], None), false),
            (clause(&[here], Some("why")), false),
        ] {
            let faults = faults(&clause, &mut sources);
            assert_eq!(faults.is_empty(), is_good, "{:?}: {faults:?}", clause.tests);
        }
    }

    #[test]
    fn clauses_stand_in_the_order_of_their_sections() {
        assert!(numbers_of("3.1.10") > numbers_of("3.1.9"));
        assert!(numbers_of("3.1") < numbers_of("3.1.1"));
    }
}
