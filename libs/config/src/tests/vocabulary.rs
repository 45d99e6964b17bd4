//! Every key of every file, and what becomes of it.
//!
//! A key is obeyed, which its value in the spec and the named tests show; or refused; or told to have
//! no effect. A key that is read and is in no row fails the test, and so does a row nobody reads.

mod keys;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use insula_model::TenantSpec;

use self::keys::{BOTH, DEX, OURS, SERVER};
use super::{Folder, dexs, ours};
use crate::section::asked;
use crate::{Problem, ServerConfig, Severity};

/// What becomes of a key.
#[derive(Clone, Copy)]
enum Effect {
    /// What it says reaches the spec, and the tests of these names show what that does.
    Obeyed(&'static [&'static str]),
    /// An error says that it cannot be had.
    Refused,
    /// A warning, or a note for what belongs to the server, says that it has no effect here.
    Told,
}
use Effect::{Obeyed, Refused, Told};

/// A key: its path, the file around it where `HERE` stands for it, itself, and what becomes of it.
type Row = (&'static str, &'static str, &'static str, Effect);

/// What a file comes to.
struct Read<T> {
    /// The spec or settings, if they could be made.
    made: Option<T>,
    problems: Vec<Problem>,
}

fn tenant(folder: Folder) -> Read<TenantSpec> {
    let folder = folder
        .env("DEX_SESSIONS_ENABLED", "true")
        .env("NAMED", "from-the-environment")
        .env("PASSWORD", HASH)
        .file("theme/logo.svg", "<svg/>");
    let loaded = folder.load();
    let mut made = loaded.spec.ok();
    if let Some(spec) = &mut made {
        // Each reading has a folder of its own.
        spec.frontend.overlay = None;
    }
    Read {
        made,
        problems: loaded.problems,
    }
}

/// What a row's file begins with where nothing stands around it.
const WHOLE: &str = "whole ";
/// A bcrypt hash of nothing in particular.
const HASH: &str = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W";

fn server(text: &str) -> Read<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("insula.yaml");
    fs::write(&file, text).unwrap();
    match ServerConfig::load(Some(&file), |_| None, &BTreeMap::new()) {
        Ok(config) => Read {
            made: Some(format!("{config:?}").replace(&dir.path().display().to_string(), "")),
            problems: Vec::new(),
        },
        Err(error) => Read {
            made: None,
            problems: error.problems,
        },
    }
}

fn filled(around: &str, key: &str) -> String {
    around.replace("HERE", key).replace("HASH", HASH)
}

/// Looks whether a row holds.
fn fault<T: PartialEq>(row: &Row, read: &impl Fn(&str) -> Read<T>) -> Option<String> {
    let (path, around, key, effect) = row;
    let without = read(&filled(around, ""));
    let with = read(&filled(around, key));
    let again = read(&filled(around, key));
    assert!(
        with.made == again.made,
        "{path}: one file comes to two things"
    );
    let is_about = |problem: &&Problem| {
        let mut parts = String::new();
        let mut rest = problem.key.as_str();
        while let Some((before, after)) = rest.split_once('[') {
            parts += before;
            parts += "[]";
            rest = after.split_once(']').map_or("", |(_, after)| after);
        }
        parts += rest;
        parts == *path || parts.starts_with(&format!("{path}[]"))
    };
    let told: Vec<_> = with.problems.iter().filter(is_about).collect();
    let held = match effect {
        Obeyed(tests) => {
            !tests.is_empty()
                && with.made.is_some()
                && with.made != without.made
                && !told.iter().any(|problem| problem.is_error())
        }
        Refused => told.iter().any(|problem| problem.is_error()),
        Told => {
            let said_why = |problem: &&&Problem| {
                problem.severity != Severity::Error
                    && [
                        "has no effect",
                        "not served",
                        "belongs to the server",
                        "not read",
                        "nobody is asked",
                    ]
                    .iter()
                    .any(|words| problem.cause.contains(words))
            };
            told.iter().any(|problem| said_why(&problem))
        }
    };
    (!held).then(|| {
        let problems: Vec<_> = with.problems.iter().map(Problem::to_string).collect();
        format!("{path}: {problems:#?}")
    })
}

/// The keys that were asked for, but for those that only hold others.
fn leaves(keys: &BTreeSet<String>) -> BTreeSet<String> {
    let holds_others = |key: &str| {
        let below = [format!("{key}."), format!("{key}[].")];
        keys.iter()
            .any(|other| below.iter().any(|b| other.starts_with(b)))
    };
    let alone = keys.iter().filter(|key| !holds_others(key));
    alone.cloned().collect()
}

fn walk<T: PartialEq>(rows: &[&[Row]], read: impl Fn(&str) -> Read<T>) {
    asked::taken();
    let rows: Vec<_> = rows.iter().copied().flatten().collect();
    let faults: Vec<_> = rows.iter().filter_map(|row| fault(row, &read)).collect();
    let told: BTreeSet<_> = rows.iter().map(|(path, ..)| (*path).to_owned()).collect();
    let known = leaves(&asked::taken());
    let unspoken: Vec<_> = known.difference(&told).collect();
    let unknown: Vec<_> = told.difference(&known).collect();
    assert!(
        faults.is_empty(),
        "change nothing, or not what the row says: {faults:#?}"
    );
    assert!(
        unspoken.is_empty(),
        "are read, and nobody says what for: {unspoken:#?}"
    );
    assert!(
        unknown.is_empty(),
        "are in the table, and nobody reads them: {unknown:#?}"
    );
}

#[test]
fn every_key_of_our_format_changes_something_or_is_told_to() {
    walk(&[BOTH, OURS], |text| {
        tenant(
            text.strip_prefix(WHOLE)
                .map_or_else(|| ours(text), Folder::native),
        )
    });
}

#[test]
fn every_key_of_dexs_format_changes_something_or_is_told_to() {
    walk(&[BOTH, DEX], |text| {
        tenant(
            text.strip_prefix(WHOLE)
                .map_or_else(|| dexs(text), Folder::dex),
        )
    });
}

#[test]
fn every_setting_of_the_server_changes_something_or_is_told_to() {
    walk(&[SERVER], server);
}

#[test]
fn every_setting_but_the_list_of_certificates_is_a_flag_and_a_variable() {
    let in_file = SERVER.iter().map(|(path, ..)| *path);
    let in_file: BTreeSet<_> = in_file.filter(|path| !path.contains("[]")).collect();
    let flags: BTreeSet<_> = ServerConfig::settings().iter().map(|s| s.path).collect();
    assert_eq!(in_file, flags);
}

#[test]
fn every_test_that_shows_a_key_obeyed_is_there() {
    let mut sources = String::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root.join("libs"), root.join("apps"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                sources += &fs::read_to_string(path).unwrap();
            }
        }
    }
    let rows = [BOTH, OURS, DEX, SERVER].concat();
    let missing: Vec<_> = rows
        .iter()
        .flat_map(|(path, _, _, effect)| match effect {
            Obeyed(tests) => tests.iter().map(|test| (*path, *test)).collect(),
            Refused | Told => vec![],
        })
        .filter(|(_, test)| !sources.contains(&format!("fn {test}(")))
        .collect();
    assert!(missing.is_empty(), "no test has these names: {missing:#?}");
}
