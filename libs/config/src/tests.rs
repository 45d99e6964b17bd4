mod clashes;
mod clients;
mod connectors;
mod dex;
mod examples;
mod folders;
mod frontend;
mod policies;
mod secrets;
mod shape;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use insula_model::{TenantId, TenantSpec};
use tempfile::TempDir;

use crate::{Format, Loaded, TenantSource, load_tenant_knowing};

const KINDS: [&str; 4] = ["local", "mockCallback", "mockPassword", "oidc"];

/// A tenant's folder with one file, to be read under an environment of its own.
struct Folder {
    dir: TempDir,
    format: Format,
    env: BTreeMap<String, String>,
}

impl Folder {
    fn native(text: &str) -> Self {
        Self::with(Format::Native, text)
    }

    fn dex(text: &str) -> Self {
        Self::with(Format::Dex, text)
    }

    fn with(format: Format, text: &str) -> Self {
        let folder = Self {
            dir: tempfile::tempdir().unwrap(),
            format,
            env: BTreeMap::new(),
        };
        let name = folder.file_name();
        folder.file(name, text)
    }

    fn file_name(&self) -> &'static str {
        match self.format {
            Format::Native => "tenant.yaml",
            Format::Dex => "dex.yaml",
        }
    }

    /// A further file of the folder.
    fn file(self, name: &str, content: &str) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn source(&self) -> TenantSource {
        TenantSource {
            id: TenantId::parse("acme").unwrap(),
            file: self.dir.path().join(self.file_name()),
            format: self.format,
        }
    }

    fn load(&self) -> Loaded {
        load_tenant_knowing(&self.source(), &|name| self.env.get(name).cloned(), &KINDS)
    }

    /// The spec of a file with nothing wrong in it.
    fn spec(&self) -> TenantSpec {
        let said = self.said();
        assert!(
            said.iter().all(|line| line.starts_with("info")),
            "{said:#?}"
        );
        self.load().spec.unwrap()
    }

    /// All that is said of the file, a line each, beginning with its weight.
    fn said(&self) -> Vec<String> {
        let mut problems = self.load().problems;
        let lines = problems.iter_mut().map(|problem| {
            problem.file = without(self.dir.path(), &problem.file);
            problem.cause = problem
                .cause
                .replace(&format!("{}/", self.dir.path().display()), "");
            format!("{} {problem}", problem.severity)
        });
        lines.collect()
    }

    /// The one thing said of the file.
    fn only(&self) -> String {
        let said = self.said();
        assert_eq!(said.len(), 1, "{said:#?}");
        said.into_iter().next().unwrap()
    }
}

fn without(dir: &Path, file: &Path) -> std::path::PathBuf {
    file.strip_prefix(dir).unwrap_or(file).to_owned()
}

/// A tenant of ours with nothing left out that must be there, and `more` below it.
fn ours(more: &str) -> Folder {
    Folder::native(&format!(
        "issuer: https://acme.test\nenablePasswordDB: true\n{more}"
    ))
}

/// The same of dex.
fn dexs(more: &str) -> Folder {
    Folder::dex(&format!(
        "issuer: https://acme.test\nenablePasswordDB: true\n{more}"
    ))
}
