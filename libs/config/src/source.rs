use std::path::{Path, PathBuf};

use insula_files::{Allowed, Reader, Seen};
use insula_model::{DocumentFormat, DocumentSyntax, Rate, TenantDocument, TenantId, TenantSpec};

use crate::reading::{Gate, Lookup, Reading};
use crate::tenant;
use crate::tree::{self, Node, Position};
use crate::{Problem, Severity};

/// The name of a file in our format.
const NATIVE: &str = "tenant.yaml";
/// The name of a file in dex's.
const DEX: &str = "dex.yaml";

/// A tenant that has a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSource {
    /// The name of its folder.
    pub id: TenantId,
    /// Its file.
    pub file: PathBuf,
    /// Whose form the file has.
    pub format: DocumentFormat,
}

impl TenantSource {
    /// The file of the tenant of this name in the folder of tenants.
    pub fn within(tenants: &Path, id: TenantId, format: DocumentFormat) -> Self {
        let name = match format {
            DocumentFormat::Native => NATIVE,
            DocumentFormat::Dex => DEX,
        };
        let file = tenants.join(id.as_str()).join(name);
        Self { id, file, format }
    }
}

/// The tenants of a folder.
#[derive(Debug, Clone, Default)]
pub struct TenantFiles {
    /// Every folder with a file that can be a tenant, by name.
    pub sources: Vec<TenantSource>,
    /// Folders that look like tenants and are none.
    pub problems: Vec<Problem>,
}

impl TenantFiles {
    /// Looks through the folders of `dir`. One with a `tenant.yaml` or a `dex.yaml` is a tenant of
    /// the folder's name; hidden ones and those with neither are passed over.
    pub fn discover(dir: &Path) -> Self {
        let mut found = Self::default();
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                let cause = format!("the folder of tenants cannot be read: {error}");
                found.tell(dir, cause, "make it, or name another with `tenants`");
                return found;
            }
        };
        let mut folders: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        for folder in folders {
            found.look_into(&folder);
        }
        found
    }

    fn look_into(&mut self, folder: &Path) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            return;
        }
        let native = folder.join(NATIVE);
        let dex = folder.join(DEX);
        let (file, format) = match (is_there(&native), is_there(&dex)) {
            (true, false) => (native, DocumentFormat::Native),
            // A tenant.yaml beside it says what dex has no words for.
            (_, true) => (dex, DocumentFormat::Dex),
            (false, false) => {
                for other in ["tenant.yml", "dex.yml"] {
                    let file = folder.join(other);
                    if file.is_file() {
                        self.tell(
                            &file,
                            "is not read under this name",
                            "end its name with .yaml",
                        );
                    }
                }
                return;
            }
        };
        match TenantId::parse(&name) {
            Ok(id) => self.sources.push(TenantSource { id, file, format }),
            Err(error) => self.tell(folder, error.to_string(), "rename the folder"),
        }
    }

    fn tell(&mut self, file: &Path, cause: impl Into<String>, next_step: &str) {
        self.problems.push(Problem {
            severity: Severity::Error,
            file: file.to_owned(),
            line: 0,
            column: 0,
            key: String::new(),
            cause: cause.into(),
            next_step: next_step.to_owned(),
        });
    }
}

/// Whether something goes by the name: what is no regular file is told when it is read.
fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// A tenant file that was read stands in no spec: its problems say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tenant's file has errors; its problems name them")]
pub struct Unservable;

/// What became of a tenant's file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The tenant, if nothing is wrong that keeps it from being served.
    pub spec: Result<TenantSpec, Unservable>,
    /// All that was found, in the order of the file.
    pub problems: Vec<Problem>,
    /// Everything it was read from: the file, the theme folder, files of secrets, certificates and keys.
    pub seen: Seen,
    /// Where it says `default: true`, if it does.
    pub default_mark: Option<DefaultMark>,
    /// What was read, as it is written; `None` if it could not be read.
    pub document: Option<TenantDocument>,
}

/// The place where a tenant says that hosts nobody has lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultMark {
    pub(crate) file: PathBuf,
    pub(crate) at: Position,
}

/// What reading a tenant depends on beside its file.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// How variables are read.
    pub env: Lookup<'a>,
    /// Where the files that it names may lie beside its own folder.
    pub files: &'a Allowed,
    /// Where links in its theme may lead beside that theme, which strangers are shown.
    pub themes: &'a Allowed,
    /// The kinds of connectors there are; `None` takes every kind.
    pub kinds: Option<&'a [&'a str]>,
    /// The quota of requests of a tenant that names none; `None` for what its format says.
    pub requests: Option<Rate>,
    /// Which setting of which kind of connector holds what a file may hold: certificates, a key, a token.
    pub file_settings: &'a [(&'a str, &'a str)],
    /// Which setting of which group of which kind of connector may name a keytab.
    pub keytabs: &'a [(&'a str, &'a str, &'a str)],
}

/// What a tenant is read from.
#[derive(Debug, Clone, Copy)]
pub enum Document<'d> {
    /// Its file, as it is now.
    File(&'d TenantSource),
    /// What its file said before. It refers to whatever the file may refer to.
    Earlier(&'d TenantSource, &'d TenantDocument),
    /// A document that came over the network. It refers to no variable and no file of this machine,
    /// which would hand them to whoever wrote it.
    Stored {
        /// Whose it is.
        id: &'d TenantId,
        /// What it is called in problems.
        name: &'d Path,
        /// What is written.
        document: &'d TenantDocument,
    },
}

/// Reads what is written of a tenant: all problems at once, and the spec if none of them is an
/// error. The one gate for files and documents, for YAML and JSON: the same words, the same
/// problems.
pub fn read_document(document: Document<'_>, options: &LoadOptions<'_>) -> Loaded {
    match document {
        Document::File(source) => read_as_file(source, None, options),
        Document::Earlier(source, earlier) => read_as_file(source, Some(earlier), options),
        Document::Stored { id, name, document } => read_stored(id, name, document, options),
    }
}

fn read_as_file(
    source: &TenantSource,
    earlier: Option<&TenantDocument>,
    options: &LoadOptions<'_>,
) -> Loaded {
    let folder = source.file.parent().unwrap_or(Path::new(""));
    let files = Reader::within(folder, options.files);
    let gate = || Gate::Machine {
        files: &files,
        themes: options.themes,
    };
    let format = earlier.map_or(source.format, |earlier| earlier.format);
    let is_dexs = format == DocumentFormat::Dex;
    let mut reading = Reading::new(&source.file, options.env, gate(), is_dexs);
    let text = match earlier {
        Some(earlier) => Some(earlier.text.clone()),
        None => tree::text_of(&source.file, &mut reading),
    };
    let syntax = DocumentSyntax::Yaml;
    let root = text.as_deref();
    let root = root.and_then(|text| tree::read_text(text, syntax, &mut reading));
    let mut loaded = finish(root, &source.id, reading, options);
    let mut beside = None;
    if is_dexs {
        let file = source.file.with_file_name(NATIVE);
        let mut reading = Reading::new(&file, options.env, gate(), false);
        beside = match earlier {
            Some(earlier) => earlier.beside.clone(),
            None if is_there(&file) => tree::text_of(&file, &mut reading),
            None => {
                // Looked for all the same, so that its coming is noticed.
                let _absent = files.read(&file, 0);
                None
            }
        };
        finish_beside(beside.as_deref(), syntax, reading, &mut loaded);
    }
    let document = text.map(|text| TenantDocument {
        format,
        syntax,
        text,
        beside,
    });
    Loaded {
        seen: files.seen(),
        document,
        ..loaded
    }
}

fn read_stored(
    id: &TenantId,
    name: &Path,
    document: &TenantDocument,
    options: &LoadOptions<'_>,
) -> Loaded {
    let is_dexs = document.format == DocumentFormat::Dex;
    let syntax = document.syntax;
    let mut reading = Reading::new(name, options.env, Gate::Document, is_dexs);
    let root = tree::read_text(&document.text, syntax, &mut reading);
    let mut loaded = finish(root, id, reading, options);
    if is_dexs {
        let reading = Reading::new(name, options.env, Gate::Document, false);
        finish_beside(document.beside.as_deref(), syntax, reading, &mut loaded);
    }
    Loaded {
        document: Some(document.clone()),
        ..loaded
    }
}

/// Reads what a `tenant.yaml` beside a dex document says.
fn finish_beside(
    text: Option<&str>,
    syntax: DocumentSyntax,
    mut reading: Reading<'_>,
    loaded: &mut Loaded,
) {
    let root = text.and_then(|text| tree::read_text(text, syntax, &mut reading));
    if let Some(root) = root {
        tenant::read_beside_dex(&root, loaded.spec.as_mut().ok(), &mut reading);
    }
    loaded.default_mark = mark(&reading);
    if reading.has_errors() {
        loaded.spec = Err(Unservable);
    }
    loaded.problems.append(&mut reading.problems);
}

fn mark(reading: &Reading<'_>) -> Option<DefaultMark> {
    reading.default_at.map(|at| DefaultMark {
        file: reading.file.clone(),
        at,
    })
}

fn finish(
    root: Option<Node>,
    id: &TenantId,
    mut reading: Reading<'_>,
    options: &LoadOptions<'_>,
) -> Loaded {
    let spec = root
        .and_then(|root| tenant::read(id, &root, &mut reading, options))
        .filter(|_| !reading.has_errors())
        .ok_or(Unservable);
    let default_mark = mark(&reading);
    let mut problems = reading.problems;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Loaded {
        spec,
        problems,
        seen: Seen::default(),
        default_mark,
        document: None,
    }
}
