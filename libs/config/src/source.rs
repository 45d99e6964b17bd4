use std::path::{Path, PathBuf};

use insula_model::{TenantId, TenantSpec};

use crate::fingerprint::{Fingerprint, fingerprint};
use crate::reading::{Lookup, Reading};
use crate::tenant;
use crate::tree;
use crate::{Problem, Severity};

/// Whose form a tenant file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `tenant.yaml`: ours, strict.
    Native,
    /// `dex.yaml`: an unmodified dex config.
    Dex,
}

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

impl TenantSource {
    /// A fingerprint of the tenant's own folder as it is now: the file and the theme beside it.
    /// Secrets that the file takes from other files are in [`Loaded::files`].
    pub fn fingerprint(&self) -> Fingerprint {
        let theme = self.file.with_file_name(tenant::OVERLAY);
        fingerprint(&[self.file.clone(), theme])
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
        let native = folder.join("tenant.yaml");
        let dex = folder.join("dex.yaml");
        let (file, format) = match (native.is_file(), dex.is_file()) {
            (true, true) => {
                let cause = "stands beside a tenant.yaml, and only one of them can be the tenant";
                self.tell(&dex, cause, "remove one of the two");
                return;
            }
            (true, false) => (native, Format::Native),
            (false, true) => (dex, Format::Dex),
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
    /// Everything it was read from, for watching: the file, the theme folder, files of secrets.
    pub files: Vec<PathBuf>,
}

/// Reads a tenant's file: all problems at once, and the spec if none of them is an error.
pub fn load_tenant(source: &TenantSource, env: Lookup<'_>) -> Loaded {
    load(source, env, None)
}

/// [`load_tenant`], which also refuses connectors of a kind that is not among `kinds`.
pub fn load_tenant_knowing(source: &TenantSource, env: Lookup<'_>, kinds: &[&str]) -> Loaded {
    load(source, env, Some(kinds))
}

fn load(source: &TenantSource, env: Lookup<'_>, kinds: Option<&[&str]>) -> Loaded {
    let mut reading = Reading::new(&source.file, env, source.format == Format::Dex);
    let spec = tree::read_file(&source.file, &mut reading)
        .and_then(|root| tenant::read(&source.id, &root, &mut reading, kinds))
        .filter(|_| !reading.has_errors())
        .ok_or(Unservable);
    let mut files = vec![source.file.clone()];
    files
        .extend(Some(source.file.with_file_name(tenant::OVERLAY)).filter(|folder| folder.is_dir()));
    for file in std::mem::take(&mut reading.files) {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    let mut problems = reading.problems;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Loaded {
        spec,
        problems,
        files,
    }
}
