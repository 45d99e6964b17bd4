use std::borrow::Cow;

use insula_ambient::Timestamp;
use insula_jose::says_nothing;
use serde_json::{Map, Value};

use super::shape;
use crate::ConnectorError;

/// A JSON object an upstream answered with, read member by member.
///
/// A member that is `null` or an empty text is absent. A member that is there in a shape nobody
/// understands is an error, never an absence: a rule that must not be skipped would be. Errors name
/// the document and the member, and never the value, which is about a person.
#[derive(Clone, PartialEq)]
pub struct Document {
    what: Cow<'static, str>,
    members: Map<String, Value>,
}

impl Document {
    /// Reads a body. `what` is what to call it: `userinfo`, `token response`.
    pub fn parse(what: impl Into<Cow<'static, str>>, body: &[u8]) -> Result<Self, ConnectorError> {
        let what = what.into();
        match serde_json::from_slice(body) {
            Ok(members) => Ok(Self::of(what, members)),
            Err(_) => Err(ConnectorError::BadReply(format!(
                "its {what} is not a JSON object"
            ))),
        }
    }

    /// Members that were read already, of a verified token for example.
    pub fn of(what: impl Into<Cow<'static, str>>, mut members: Map<String, Value>) -> Self {
        members.retain(|_, value| !says_nothing(value));
        Self {
            what: what.into(),
            members,
        }
    }

    /// The same, without some members.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.members
            .retain(|name, _| !names.contains(&name.as_str()));
        self
    }

    /// All members that say something.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The member as it is, unless it says nothing.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// A member that must be there and must be a text, not something that may be read as one: an
    /// identifier the specifications define as a text.
    pub fn required(&self, name: &str) -> Result<&str, ConnectorError> {
        let missing = || ConnectorError::BadReply(format!("its {} has no {name:?}", self.what));
        let value = self.get(name).ok_or_else(missing)?;
        value.as_str().ok_or_else(|| self.misshapen(name, "a text"))
    }

    /// A member that is one text: a text, a whole number by its digits, or a list of one of these.
    pub fn text(&self, name: &str) -> Result<Option<String>, ConnectorError> {
        let read = |value| shape::text(value).map(Cow::into_owned);
        self.read(name, "one text", read)
    }

    /// A member that is a list of texts; one text is a list of one.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, ConnectorError> {
        self.read(name, "a list of texts", shape::texts)
    }

    /// A member that is a list of names: texts, or objects with a `name`.
    pub fn names(&self, name: &str) -> Result<Option<Vec<String>>, ConnectorError> {
        self.read(name, "a list of names", shape::names)
    }

    /// A member that is true or false, also as a text.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ConnectorError> {
        self.read(name, "true or false", shape::flag)
    }

    /// A member that is a time in seconds, also as a text.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, ConnectorError> {
        let read = |value| shape::seconds(value).map(Timestamp::from_secs);
        self.read(name, "a number of seconds", read)
    }

    /// A member that is an object, as a document of its own.
    pub fn object(&self, name: &str) -> Result<Option<Self>, ConnectorError> {
        let read = |value: &Value| Some(Self::of(name.to_owned(), value.as_object()?.clone()));
        self.read(name, "an object", read)
    }

    fn read<'a, T>(
        &'a self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ConnectorError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.misshapen(name, wanted)),
        }
    }

    fn misshapen(&self, name: &str, wanted: &str) -> ConnectorError {
        ConnectorError::BadReply(format!("{name:?} in its {} is not {wanted}", self.what))
    }
}

/// Names only: the values are about a person.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.members.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn a_document(members: &Value) -> Document {
        Document::of("userinfo", members.as_object().unwrap().clone())
    }

    #[test]
    fn a_member_that_is_null_or_empty_is_absent_in_every_reading() {
        for empty in [Value::Null, json!("")] {
            let document = a_document(&json!({"m": empty}));
            assert_eq!(document.get("m"), None);
            assert_eq!(document.text("m"), Ok(None));
            assert_eq!(document.texts("m"), Ok(None));
            assert_eq!(document.names("m"), Ok(None));
            assert_eq!(document.flag("m"), Ok(None));
            assert_eq!(document.time("m"), Ok(None));
            assert_eq!(document.object("m"), Ok(None));
            let missing = "its userinfo has no \"m\"".to_owned();
            assert_eq!(
                document.required("m"),
                Err(ConnectorError::BadReply(missing))
            );
        }
    }

    #[test]
    fn a_member_nobody_understands_is_an_error_that_names_it_and_not_its_value() {
        let document = a_document(&json!({"m": {"hunter2": "hunter2"}}));
        let told = [
            document.required("m").map(drop),
            document.text("m").map(drop),
            document.texts("m").map(drop),
            document.names("m").map(drop),
            document.flag("m").map(drop),
            document.time("m").map(drop),
        ];
        let wanted = [
            "a text",
            "one text",
            "a list of texts",
            "a list of names",
            "true or false",
            "a number of seconds",
        ];
        for (told, wanted) in told.into_iter().zip(wanted) {
            let cause = format!("\"m\" in its userinfo is not {wanted}");
            assert_eq!(told, Err(ConnectorError::BadReply(cause)));
        }
        assert_eq!(format!("{document:?}"), "{\"m\"}");
    }

    #[test]
    fn a_member_that_is_an_object_is_a_document_of_its_own() {
        let document = a_document(&json!({"m": {"a": "x", "b": null}, "n": ["a"]}));
        let inner = document.object("m").unwrap().unwrap();
        assert_eq!(inner.text("a"), Ok(Some("x".to_owned())));
        assert_eq!(inner.get("b"), None);
        let cause = "\"n\" in its userinfo is not an object".to_owned();
        assert_eq!(document.object("n"), Err(ConnectorError::BadReply(cause)));
    }

    #[test]
    fn what_is_no_object_is_no_document() {
        for body in ["", "[]", "null", "\"a\"", "<html>", "{\"a\":1"] {
            let told = Document::parse("userinfo", body.as_bytes());
            let cause = "its userinfo is not a JSON object".to_owned();
            assert_eq!(told, Err(ConnectorError::BadReply(cause)), "{body}");
        }
    }
}
