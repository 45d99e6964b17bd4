use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use insula_files::{Allowed, Reader, THEME_LIMITS};
use insula_model::address;

use crate::tree::{Position, Trouble};
use crate::{Problem, Severity};

mod secrets;
mod values;

pub(crate) use values::quote;

/// How environment variables are read: a name in, a value out.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a document may refer to.
pub(crate) enum Gate<'e> {
    /// A file of this machine: the environment, and the files that its reader reaches.
    Machine {
        files: &'e Reader,
        themes: &'e Allowed,
    },
    /// A document that came over the network: nothing but what it says itself.
    Document,
}

/// One file being read: where it lies, whose rules it is held to, and what was found wrong so far.
/// Everything goes on after a problem, so that all of them are told at once.
pub(crate) struct Reading<'e> {
    env: Lookup<'e>,
    gate: Gate<'e>,
    /// Held to dex's rules: unknown keys are warnings, YAML 1.1 bools are read, a missing variable
    /// is an empty text.
    pub(crate) lenient: bool,
    pub(crate) file: PathBuf,
    dir: PathBuf,
    /// Values that did not come from the file: the key's path, in lower case, and their origin.
    pub(crate) origins: BTreeMap<String, String>,
    pub(crate) problems: Vec<Problem>,
    /// Where the tenant says that it is the default one.
    pub(crate) default_at: Option<Position>,
}

/// A value with its place and the words that may be said about it.
#[derive(Clone)]
pub(crate) struct Spot<T> {
    pub(crate) value: T,
    pub(crate) at: Position,
    pub(crate) key: String,
    /// The value as the file has it, in quotes, or where it came from.
    pub(crate) shown: String,
}

impl<T> Spot<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Spot<U> {
        Spot {
            value: change(self.value),
            at: self.at,
            key: self.key,
            shown: self.shown,
        }
    }
}

impl<'e> Reading<'e> {
    pub(crate) fn new(file: &Path, env: Lookup<'e>, gate: Gate<'e>, lenient: bool) -> Self {
        Self {
            env,
            gate,
            lenient,
            file: file.to_owned(),
            dir: file.parent().unwrap_or(Path::new("")).to_owned(),
            origins: BTreeMap::new(),
            problems: Vec::new(),
            default_at: None,
        }
    }

    /// The folder that relative paths are relative to.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The reader of this machine's files; a document from elsewhere has none.
    pub(crate) fn reader(&self) -> Option<&'e Reader> {
        match self.gate {
            Gate::Machine { files, .. } => Some(files),
            Gate::Document => None,
        }
    }

    /// The names of the files in the folder `name` beside the file, which are shown to strangers:
    /// links in there lead nowhere else but where themes may lie. `None` where there is no folder.
    pub(crate) fn shown_folder(&mut self, name: &str) -> Option<Vec<String>> {
        let Gate::Machine { files, themes } = self.gate else {
            return None;
        };
        let folder = self.dir.join(name);
        if !files.has_folder(&folder) {
            return None;
        }
        let nested = Reader::within(&self.dir, themes).nested(&folder);
        let read = nested.and_then(|nested| {
            let read = nested.tree(&folder, &THEME_LIMITS);
            files.note_all(&nested.seen());
            read
        });
        match read {
            Ok(files) => Some(files.into_keys().collect()),
            Err(error) => {
                self.error(
                    Position::default(),
                    name,
                    error.to_string(),
                    error.next_step(),
                );
                Some(Vec::new())
            }
        }
    }

    /// A variable that overrides a setting of the server, or one of dex's flags: never a value that
    /// a document asks for.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        (self.env)(name)
    }

    pub(crate) fn error(&mut self, at: Position, key: &str, cause: impl Into<String>, next: &str) {
        self.tell(Severity::Error, at, key, cause, next);
    }

    pub(crate) fn warn(&mut self, at: Position, key: &str, cause: impl Into<String>, next: &str) {
        self.tell(Severity::Warning, at, key, cause, next);
    }

    /// An error on the command line and not in the file.
    pub(crate) fn error_at_flag(&mut self, flag: &str, cause: impl Into<String>, next: &str) {
        self.error(Position::default(), "", cause, next);
        if let Some(problem) = self.problems.last_mut() {
            problem.file = PathBuf::from(format!("--{flag}"));
        }
    }

    /// An error in a file of ours, a warning in a dex file.
    pub(crate) fn object(&mut self, at: Position, key: &str, cause: impl Into<String>, next: &str) {
        let severity = if self.lenient {
            Severity::Warning
        } else {
            Severity::Error
        };
        self.tell(severity, at, key, cause, next);
    }

    /// A key nobody knows: dex passes over it unless `DEX_CONFIG_DISALLOW_UNKNOWN_FIELDS` is true.
    pub(crate) fn unknown_key(&mut self, at: Position, key: &str, cause: &str, next: &str) {
        if self.env_flag("DEX_CONFIG_DISALLOW_UNKNOWN_FIELDS", false) {
            self.error(at, key, cause, next);
        } else {
            self.object(at, key, cause, next);
        }
    }

    /// One of dex's feature flags, in Go's words for bools.
    pub(crate) fn env_flag(&self, name: &str, default: bool) -> bool {
        match self.setting(name).as_deref() {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => true,
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => false,
            _ => default,
        }
    }

    /// [`Reading::error`], in dex's own words where the file is dex's.
    pub(crate) fn refuse(&mut self, at: Position, key: &str, dex: &str, ours: &str, next: &str) {
        let cause = if self.lenient { dex } else { ours };
        self.error(at, key, cause, next);
    }

    pub(crate) fn tell(
        &mut self,
        severity: Severity,
        at: Position,
        key: &str,
        cause: impl Into<String>,
        next_step: &str,
    ) {
        let origin = self.origins.get(&key.to_ascii_lowercase());
        let (file, at) = match origin {
            Some(origin) => (PathBuf::from(origin), Position::default()),
            None => (self.file.clone(), at),
        };
        self.problems.push(Problem {
            severity,
            file,
            line: at.line,
            column: at.column,
            key: key.to_owned(),
            cause: cause.into(),
            next_step: next_step.to_owned(),
        });
    }

    /// Refuses blanks, line ends and what nobody sees in an address, whoever's file it is in.
    pub(crate) fn refuse_odd_address(&mut self, text: &Spot<String>) -> bool {
        let Some(oddity) = address::oddity(&text.value) else {
            return false;
        };
        let cause = format!("{} {oddity}", text.shown);
        self.error(text.at, &text.key, cause, address::NEXT_STEP);
        true
    }

    /// The same, but a dex file is served with what dex would serve.
    pub(crate) fn object_to_odd_address(&mut self, text: &Spot<String>) -> bool {
        if !self.lenient || address::is_refused_by_dex(&text.value) {
            return self.refuse_odd_address(text);
        }
        if let Some(oddity) = address::oddity(&text.value) {
            let cause = format!("{} {oddity}, and is compared with it", text.shown);
            self.warn(text.at, &text.key, cause, address::NEXT_STEP);
        }
        false
    }

    pub(crate) fn trouble(&mut self, trouble: &Trouble) {
        self.error(
            trouble.at,
            &trouble.key,
            trouble.cause.clone(),
            trouble.next_step,
        );
    }

    /// Whether anything found so far keeps the file from being served.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }
}
