use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use insula_files::{Allowed, Reader, THEME_LIMITS};

use crate::secret::{self, SecretError, SecretRef};
use crate::tree::{Kind, Node, Position, Trouble};
use crate::{Problem, SecretText, Severity, address, duration};

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

    /// A single value as text. In our files it may also be `{ env: NAME }` or `{ file: PATH }`.
    /// `None` where it is null, or where a problem was told.
    pub(crate) fn text(&mut self, node: &Node, key: &str) -> Option<Spot<String>> {
        let (value, shown) = match &node.kind {
            Kind::Scalar { .. } if node.is_null() => return None,
            Kind::Scalar { text, .. } => (text.clone(), quote(text)),
            _ => {
                let Some(reference) = self.reference(node) else {
                    let cause = format!("is {} where a single value belongs", node.noun());
                    self.error(node.at, key, cause, "write one text, number or bool");
                    return None;
                };
                let shown = format!("the value of {}", named(&reference));
                let secret = self.resolve(&reference, node.at, key)?;
                (secret.reveal().to_owned(), shown)
            }
        };
        Some(Spot {
            value,
            at: node.at,
            key: key.to_owned(),
            shown,
        })
    }

    /// A secret: like [`Reading::text`], in our files also `env:NAME` and `file:PATH`, and never
    /// shown.
    pub(crate) fn secret(&mut self, node: &Node, key: &str) -> Option<Spot<SecretText>> {
        let reference = match self.secret_ref(node, key)? {
            SecretRef::Plain(text) if text.reveal().is_empty() => return None,
            reference => reference,
        };
        let value = self.resolve_secret(&reference, node.at, key)?;
        Some(Spot {
            value,
            at: node.at,
            key: key.to_owned(),
            shown: "the secret".to_owned(),
        })
    }

    /// Where a secret is found, without fetching it.
    pub(crate) fn secret_ref(&mut self, node: &Node, key: &str) -> Option<SecretRef> {
        match &node.kind {
            Kind::Scalar { .. } if node.is_null() => None,
            Kind::Scalar { text, .. } if self.lenient => {
                Some(SecretRef::Plain(SecretText::new(text.clone())))
            }
            Kind::Scalar { text, .. } => Some(SecretRef::parse(text, &self.dir)),
            _ => {
                let reference = self.reference(node);
                if reference.is_none() {
                    let cause = format!("is {} where a secret belongs", node.noun());
                    let next = "write a text, { env: NAME } or { file: PATH }";
                    self.error(node.at, key, cause, next);
                }
                reference
            }
        }
    }

    /// `{ env: NAME }` or `{ file: PATH }`; dex has no such thing.
    pub(crate) fn reference(&self, node: &Node) -> Option<SecretRef> {
        let Kind::Map(entries) = &node.kind else {
            return None;
        };
        let [entry] = entries.as_slice() else {
            return None;
        };
        let Kind::Scalar { text, .. } = &entry.value.kind else {
            return None;
        };
        if self.lenient {
            return None;
        }
        match entry.key.to_ascii_lowercase().as_str() {
            "env" => Some(SecretRef::Env(text.clone())),
            "file" => Some(SecretRef::File(self.dir.join(text))),
            _ => None,
        }
    }

    /// Fetches what a reference names: the one way from a document to a variable or a file.
    pub(crate) fn resolve(
        &mut self,
        reference: &SecretRef,
        at: Position,
        key: &str,
    ) -> Option<SecretText> {
        match self.fetch(reference) {
            Ok(secret) => Some(secret),
            Err(error) => {
                let next = match error {
                    SecretError::Unusable { next_step, .. } => next_step,
                    SecretError::NoSuchVariable(_) => "set the variable, or refer to another",
                    SecretError::OfThisMachine(_) => "write the value itself",
                };
                self.error(at, key, error.to_string(), next);
                None
            }
        }
    }

    fn fetch(&self, reference: &SecretRef) -> Result<SecretText, SecretError> {
        match (reference, self.reader()) {
            (SecretRef::Plain(secret), _) => Ok(secret.clone()),
            (_, Some(files)) => reference.fetch(self.env, files),
            (_, None) => Err(SecretError::OfThisMachine(named(reference))),
        }
    }

    /// A variable that a value of the document asks for.
    pub(crate) fn variable(&self, name: &str) -> Option<SecretText> {
        self.fetch(&SecretRef::Env(name.to_owned())).ok()
    }

    /// Tells what about a secret was hardly meant; it is used as it stands.
    pub(crate) fn doubt_secret(&mut self, secret: &SecretText, at: Position, key: &str) {
        if let Some(oddity) = secret::oddity(secret.reveal()) {
            let cause = format!("the secret {oddity}, which is taken as part of it");
            self.warn(at, key, cause, "take it out unless it is meant");
        }
    }

    /// Fetches a secret; an empty one would let everybody in.
    pub(crate) fn resolve_secret(
        &mut self,
        reference: &SecretRef,
        at: Position,
        key: &str,
    ) -> Option<SecretText> {
        let secret = self.resolve(reference, at, key)?;
        self.doubt_secret(&secret, at, key);
        if secret.reveal().is_empty() {
            let cause = format!("refers to {}, which is empty", named(reference));
            self.error(at, key, cause, "put the secret there");
            return None;
        }
        Some(secret)
    }

    /// A bool.
    pub(crate) fn flag(&mut self, node: &Node, key: &str) -> Option<bool> {
        let spot = self.text(node, key)?;
        let flag = crate::tree::bool_of(&spot.value, self.lenient);
        if flag.is_none() {
            let cause = format!("{} is neither true nor false", spot.shown);
            self.error(spot.at, key, cause, "write true or false");
        }
        flag
    }

    /// A duration in Go's form.
    pub(crate) fn duration(&mut self, node: &Node, key: &str) -> Option<Spot<Duration>> {
        let spot = self.text(node, key)?;
        match duration::parse(&spot.value) {
            Ok(span) => Some(spot.map(|_| span)),
            Err(why) => {
                let cause = format!("{} {why}", spot.shown);
                let next = "write a number and a unit, such as 30s, 10m or 1h30m";
                self.error(spot.at, key, cause, next);
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&mut self, node: &Node, key: &str) -> Option<Spot<u32>> {
        let spot = self.text(node, key)?;
        let Ok(number) = spot.value.parse() else {
            let cause = format!("{} is not a whole number", spot.shown);
            self.error(spot.at, key, cause, "write digits only");
            return None;
        };
        Some(spot.map(|_| number))
    }

    /// The items of a list with their keys; null is an empty one.
    pub(crate) fn items<'n>(&mut self, node: &'n Node, key: &str) -> Vec<(&'n Node, String)> {
        match &node.kind {
            Kind::Seq(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| (item, format!("{key}[{index}]")))
                .collect(),
            _ if node.is_null() => Vec::new(),
            _ => {
                let cause = format!("is {} where a list belongs", node.noun());
                self.error(
                    node.at,
                    key,
                    cause,
                    "write [one, two], or one - item a line",
                );
                Vec::new()
            }
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, node: &Node, key: &str) -> Vec<Spot<String>> {
        let items = self.items(node, key);
        items
            .into_iter()
            .filter_map(|(item, key)| self.text(item, &key))
            .collect()
    }

    /// A mapping of texts, keys as written.
    pub(crate) fn table(&mut self, node: &Node, key: &str) -> BTreeMap<String, String> {
        let Kind::Map(entries) = &node.kind else {
            if !node.is_null() {
                let cause = format!("is {} where a mapping belongs", node.noun());
                self.error(node.at, key, cause, "write key: value lines below it");
            }
            return BTreeMap::new();
        };
        entries
            .iter()
            .filter_map(|entry| {
                let text = self.text(&entry.value, &format!("{key}.{}", entry.key))?;
                Some((entry.key.clone(), text.value))
            })
            .collect()
    }
}

/// What a reference is called in a message.
fn named(reference: &SecretRef) -> String {
    match reference {
        SecretRef::Plain(_) => "a plain secret".to_owned(),
        SecretRef::Env(name) => format!("env:{name}"),
        SecretRef::File(path) => format!("file:{}", path.display()),
    }
}

/// The value in quotes, cut where it is long.
pub(crate) fn quote(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
