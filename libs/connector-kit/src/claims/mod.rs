//! What upstreams say of a person, read by every connector in the same way.

mod document;
mod shape;

pub use document::Document;

use insula_ambient::Timestamp;

use crate::ConnectorError;

/// What several documents of one upstream say of one person.
///
/// A claim is taken whole from one document: the one that was added last and has it. What qualifies
/// a claim is only believed of the value it was said of (see [`flag_about`](Self::flag_about)).
///
/// ```
/// use insula_connector_kit::{Document, Qualified, UpstreamClaims};
/// let token = br#"{"email": "jane@a.example", "email_verified": true}"#;
/// let userinfo = br#"{"email": "jane@b.example"}"#;
/// let claims = UpstreamClaims::of(Document::parse("ID token", token)?)
///     .with(Document::parse("userinfo", userinfo)?);
///
/// let email = claims.text("email")?.unwrap_or_default();
/// assert_eq!(email, "jane@b.example");
/// let verified = claims.flag_about("email_verified", &["email"], &email)?;
/// assert_eq!(verified, Qualified::OfAnother);
/// # Ok::<(), insula_connector_kit::ConnectorError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamClaims {
    /// The last one is asked first.
    documents: Vec<Document>,
}

/// What is said about a value in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualified {
    /// This is said of it.
    Told(bool),
    /// Something is said, but of another value.
    OfAnother,
    /// Nothing is said.
    Untold,
}

impl UpstreamClaims {
    /// The claims of one document.
    pub fn of(document: Document) -> Self {
        Self {
            documents: vec![document],
        }
    }

    /// With another document, whose claims count before those that are there.
    #[must_use]
    pub fn with(mut self, document: Document) -> Self {
        self.documents.push(document);
        self
    }

    fn last_first(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().rev()
    }

    fn having(&self, name: &str) -> Option<&Document> {
        self.last_first()
            .find(|document| document.get(name).is_some())
    }

    fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Document) -> Result<Option<T>, ConnectorError>,
    ) -> Result<Option<T>, ConnectorError> {
        self.having(name).map_or(Ok(None), read)
    }

    /// A claim that is one text; see [`Document::text`].
    pub fn text(&self, name: &str) -> Result<Option<String>, ConnectorError> {
        self.read(name, |document| document.text(name))
    }

    /// A claim that is a list of texts; see [`Document::texts`].
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, ConnectorError> {
        self.read(name, |document| document.texts(name))
    }

    /// A claim that is a list of names; see [`Document::names`].
    pub fn names(&self, name: &str) -> Result<Option<Vec<String>>, ConnectorError> {
        self.read(name, |document| document.names(name))
    }

    /// A claim that is a time in seconds; see [`Document::time`].
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, ConnectorError> {
        self.read(name, |document| document.time(name))
    }

    /// A claim that is an object, taken whole from one document; see [`Document::object`].
    pub fn object(&self, name: &str) -> Result<Option<Document>, ConnectorError> {
        self.read(name, |document| document.object(name))
    }

    /// What a flag like `email_verified` or `phone_number_verified` says about the value in use.
    ///
    /// Claims that qualify each other travel together: a flag is about the value of its own
    /// document, which is the first of `subjects` the document has, and counts for the value in use
    /// only if the two are the same. `subjects` are the claims the flag may be about: `email`, then
    /// the one that is mapped to it. A flag without any of them beside it proves nothing, but if it
    /// is false it counts: doubt needs no proof.
    pub fn flag_about(
        &self,
        flag: &str,
        subjects: &[&str],
        in_use: &str,
    ) -> Result<Qualified, ConnectorError> {
        let mut verdict = Qualified::Untold;
        for document in self.last_first() {
            let Some(told) = document.flag(flag)? else {
                continue;
            };
            let mut there = subjects.iter().filter(|name| document.get(name).is_some());
            let is_about_it = match there.next() {
                Some(subject) => document.text(subject)?.as_deref() == Some(in_use),
                None => !told,
            };
            if is_about_it {
                return Ok(Qualified::Told(told));
            }
            verdict = Qualified::OfAnother;
        }
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests;
