use std::path::{Path, PathBuf};

use insula_files::{Allowed, Reader, Seen};
use insula_model::{Rate, TenantId, TenantSpec};

use crate::reading::{Gate, Lookup, Reading};
use crate::tenant;
use crate::tree::{self, Node, Position};
use crate::{Problem, Severity};

/// Whose form a tenant file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `tenant.yaml`: ours, strict.
    Native,
    /// `dex.yaml`: an unmodified dex config.
    Dex,
}

/// The name of a file in our format.
const NATIVE: &str = "tenant.yaml";

/// A tenant that has a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSource {
    /// The name of its folder.
    pub id: TenantId,
    /// Its file.
    pub file: PathBuf,
    /// Whose form the file has.
    pub format: Format,
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
        let dex = folder.join("dex.yaml");
        let (file, format) = match (is_there(&native), is_there(&dex)) {
            (true, false) => (native, Format::Native),
            // A tenant.yaml beside it says what dex has no words for.
            (_, true) => (dex, Format::Dex),
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
    /// Everything it was read from: the file, the theme folder, files of secrets and certificates.
    pub seen: Seen,
    /// Where it says `default: true`, if it does.
    pub default_mark: Option<DefaultMark>,
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
    /// Which setting of which kind of connector may name a file of certificates.
    pub certificates: &'a [(&'a str, &'a str)],
}

/// Reads a tenant's file: all problems at once, and the spec if none of them is an error.
pub fn load_tenant(source: &TenantSource, options: &LoadOptions<'_>) -> Loaded {
    let folder = source.file.parent().unwrap_or(Path::new(""));
    let files = Reader::within(folder, options.files);
    let gate = Gate::Machine {
        files: &files,
        themes: options.themes,
    };
    let is_dexs = source.format == Format::Dex;
    let mut reading = Reading::new(&source.file, options.env, gate, is_dexs);
    let root = tree::read_file(&source.file, &mut reading);
    let mut loaded = finish(root, &source.id, reading, options);
    if is_dexs {
        read_beside(
            &source.file.with_file_name(NATIVE),
            &mut loaded,
            &files,
            options,
        );
    }
    Loaded {
        seen: files.seen(),
        ..loaded
    }
}

/// Reads what a `tenant.yaml` beside a dex file says.
fn read_beside(file: &Path, loaded: &mut Loaded, files: &Reader, options: &LoadOptions<'_>) {
    let gate = Gate::Machine {
        files,
        themes: options.themes,
    };
    let mut reading = Reading::new(file, options.env, gate, false);
    if !is_there(file) {
        // Looked for all the same, so that its coming is noticed.
        let _absent = files.read(file, 0);
        return;
    }
    let root = tree::read_file(file, &mut reading);
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

/// Reads a tenant's document that came over the network, called `name` in problems. It refers to no
/// variable and no file of this machine, which would hand them to whoever wrote it.
pub fn load_document(
    id: &TenantId,
    name: &Path,
    text: &str,
    format: Format,
    options: &LoadOptions<'_>,
) -> Loaded {
    let is_dexs = format == Format::Dex;
    let mut reading = Reading::new(name, options.env, Gate::Document, is_dexs);
    let root = tree::read_text(text, &mut reading);
    finish(root, id, reading, options)
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
    }
}
