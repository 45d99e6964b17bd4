//! The workspace as cargo sees it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

const OURS: &str = "insula-";

/// Our crates, by their names without `insula-`, and what each depends on.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    crates: BTreeMap<String, Vec<Dependency>>,
    folders: BTreeMap<String, PathBuf>,
}

/// One line of a `Cargo.toml`'s dependencies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Dependency {
    /// Ours without `insula-`, others as they are called.
    pub(super) name: String,
    /// As sources name it.
    pub(super) word: String,
    pub(super) kind: Kind,
}

/// What a dependency is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The crate itself or its build script.
    Code,
    /// Its tests, benchmarks and examples.
    Tests,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    manifest_path: PathBuf,
    dependencies: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    rename: Option<String>,
    kind: Option<String>,
}

impl Workspace {
    /// Reads the output of `cargo metadata --no-deps`.
    pub(super) fn read(metadata: &str) -> anyhow::Result<Self> {
        let metadata: Metadata =
            serde_json::from_str(metadata).context("could not read `cargo metadata`")?;
        let folder_of = |package: &Package| package.manifest_path.parent().map(Path::to_owned);
        let folders = metadata.packages.iter();
        let folders = folders
            .map(|package| (short(&package.name), folder_of(package).unwrap_or_default()))
            .collect();
        let crates = metadata
            .packages
            .into_iter()
            .map(|package| {
                let dependencies = package
                    .dependencies
                    .into_iter()
                    .map(Dependency::from)
                    .collect();
                (short(&package.name), dependencies)
            })
            .collect();
        Ok(Self { crates, folders })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.crates.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.crates.keys()
    }

    pub(super) fn dependencies(&self, name: &str) -> &[Dependency] {
        self.crates.get(name).map_or(&[], Vec::as_slice)
    }

    /// The folder of a crate's `Cargo.toml`.
    pub(super) fn folder(&self, name: &str) -> &Path {
        self.folders
            .get(name)
            .map_or(Path::new(""), PathBuf::as_path)
    }

    pub(super) fn len(&self) -> usize {
        self.crates.len()
    }

    /// How many arrows between our crates there are, those of tests aside.
    pub(super) fn arrows(&self) -> usize {
        self.crates
            .values()
            .flatten()
            .filter(|dependency| dependency.kind == Kind::Code && self.has(&dependency.name))
            .count()
    }
}

impl From<Entry> for Dependency {
    fn from(entry: Entry) -> Self {
        let kind = match entry.kind.as_deref() {
            Some("dev") => Kind::Tests,
            _ => Kind::Code,
        };
        Self {
            word: entry
                .rename
                .as_ref()
                .unwrap_or(&entry.name)
                .replace('-', "_"),
            name: short(&entry.name),
            kind,
        }
    }
}

fn short(name: &str) -> String {
    name.strip_prefix(OURS).unwrap_or(name).to_owned()
}
