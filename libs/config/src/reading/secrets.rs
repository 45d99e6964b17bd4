use insula_secret::Secret;

use super::{Reading, Spot};
use crate::secret::{self, SecretError, SecretRef};
use crate::tree::{Kind, Node, Position};

impl Reading<'_> {
    /// A secret: like [`Reading::text`], in our files also `env:NAME` and `file:PATH`, and never
    /// shown.
    pub(crate) fn secret(&mut self, node: &Node, key: &str) -> Option<Spot<Secret<str>>> {
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
                Some(SecretRef::Plain(Secret::new(text.clone())))
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
    ) -> Option<Secret<str>> {
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

    fn fetch(&self, reference: &SecretRef) -> Result<Secret<str>, SecretError> {
        match (reference, self.reader()) {
            (SecretRef::Plain(secret), _) => Ok(secret.clone()),
            (_, Some(files)) => reference.fetch(self.env, files),
            (_, None) => Err(SecretError::OfThisMachine(named(reference))),
        }
    }

    /// A variable that a value of the document asks for.
    pub(crate) fn variable(&self, name: &str) -> Option<Secret<str>> {
        self.fetch(&SecretRef::Env(name.to_owned())).ok()
    }

    /// Tells what about a secret was hardly meant; it is used as it stands.
    pub(crate) fn doubt_secret(&mut self, secret: &Secret<str>, at: Position, key: &str) {
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
    ) -> Option<Secret<str>> {
        let secret = self.resolve(reference, at, key)?;
        self.doubt_secret(&secret, at, key);
        if secret.reveal().is_empty() {
            let cause = format!("refers to {}, which is empty", named(reference));
            self.error(at, key, cause, "put the secret there");
            return None;
        }
        Some(secret)
    }
}

/// What a reference is called in a message.
pub(super) fn named(reference: &SecretRef) -> String {
    match reference {
        SecretRef::Plain(_) => "a plain secret".to_owned(),
        SecretRef::Env(name) => format!("env:{name}"),
        SecretRef::File(path) => format!("file:{}", path.display()),
    }
}
