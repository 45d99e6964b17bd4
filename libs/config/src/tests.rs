mod addresses;
mod clashes;
mod clients;
mod connectors;
mod dex;
mod documents;
mod examples;
mod files;
mod folders;
mod frontend;
mod http_policy;
mod keytabs;
mod policies;
mod resources;
mod secrets;
mod shape;
mod vocabulary;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use insula_files::Allowed;
use insula_model::{DocumentFormat, DocumentSyntax, TenantDocument, TenantId, TenantSpec};
use tempfile::TempDir;

use crate::{Document, LoadOptions, Loaded, TenantSource, read_document};

const KINDS: [&str; 4] = ["local", "mockCallback", "mockPassword", "oidc"];

const FILE_SETTINGS: [(&str, &str); 1] = [("oidc", "rootCAs")];

/// A tenant's folder with one file, to be read under an environment of its own.
struct Folder {
    dir: TempDir,
    format: DocumentFormat,
    env: BTreeMap<String, String>,
    allowed: Allowed,
}

/// Reads under the rules of these tests.
fn with_options<T>(
    env: crate::Lookup<'_>,
    files: &Allowed,
    then: impl FnOnce(&LoadOptions<'_>) -> T,
) -> T {
    then(&LoadOptions {
        env,
        files,
        themes: &Allowed::default(),
        kinds: Some(&KINDS),
        requests: None,
        file_settings: &FILE_SETTINGS,
        keytabs: &[("oidc", "kerberos", "keytabPath")],
    })
}

impl Folder {
    fn native(text: &str) -> Self {
        Self::with(DocumentFormat::Native, text)
    }

    fn dex(text: &str) -> Self {
        Self::with(DocumentFormat::Dex, text)
    }

    fn with(format: DocumentFormat, text: &str) -> Self {
        let folder = Self {
            dir: tempfile::tempdir().unwrap(),
            format,
            env: BTreeMap::new(),
            allowed: Allowed::default(),
        };
        let name = folder.file_name();
        folder.file(name, text)
    }

    fn file_name(&self) -> &'static str {
        match self.format {
            DocumentFormat::Native => "tenant.yaml",
            DocumentFormat::Dex => "dex.yaml",
        }
    }

    /// A further file of the folder.
    fn file(self, name: &str, content: &str) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A link in the folder.
    fn link(self, name: &str, target: impl AsRef<Path>) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
        self
    }

    /// A folder that the server allows.
    fn allowing(mut self, folder: &Path) -> Self {
        self.allowed = Allowed::new(&[folder.to_owned()], &[]);
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
        let env = |name: &str| self.env.get(name).cloned();
        with_options(&env, &self.allowed, |options| {
            read_document(Document::File(&self.source()), options)
        })
    }

    /// Its file as a document that came over the network.
    fn load_as_document(&self) -> Loaded {
        let text = fs::read_to_string(self.source().file).unwrap();
        self.load_stored(DocumentSyntax::Yaml, text)
    }

    /// The same, written as JSON.
    fn load_as_json(&self) -> Loaded {
        let text = fs::read_to_string(self.source().file).unwrap();
        self.load_stored(DocumentSyntax::Json, as_json(&text))
    }

    fn load_stored(&self, syntax: DocumentSyntax, text: String) -> Loaded {
        let env = |name: &str| self.env.get(name).cloned();
        let document = TenantDocument::new(self.format, syntax, text);
        with_options(&env, &self.allowed, |options| {
            let stored = Document::Stored {
                id: &self.source().id,
                name: Path::new("document"),
                document: &document,
            };
            read_document(stored, options)
        })
    }

    /// What its file said, now that it says something else.
    fn load_earlier(&self, earlier: &TenantDocument) -> Loaded {
        let env = |name: &str| self.env.get(name).cloned();
        with_options(&env, &self.allowed, |options| {
            read_document(Document::Earlier(&self.source(), earlier), options)
        })
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

/// A YAML text written as JSON, in the same order.
fn as_json(text: &str) -> String {
    use crate::tree::{Kind, Node, json_of, parse};
    use serde_json::Value;

    fn quoted(text: &str) -> String {
        Value::String(text.to_owned()).to_string()
    }
    fn written(node: &Node) -> String {
        match &node.kind {
            Kind::Scalar { text, plain: true } => json_of(text, false).to_string(),
            Kind::Scalar { text, plain: false } => quoted(text),
            Kind::Seq(items) => {
                let items: Vec<_> = items.iter().map(written).collect();
                format!("[{}]", items.join(","))
            }
            Kind::Map(entries) => {
                let entries = entries.iter();
                let entries: Vec<_> = entries
                    .map(|entry| format!("{}:{}", quoted(&entry.key), written(&entry.value)))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }
        }
    }
    written(&parse(text).ok().unwrap().0)
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
