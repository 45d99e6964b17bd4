use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// A column of JSON. Escapes control characters, which PostgreSQL would not take as text.
pub(crate) fn to_json<T: Serialize>(
    what: &'static str,
    column: &'static str,
    value: &T,
) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|_| Fault::column(what, column))
}

/// Reads a column of JSON. The error names the place, not the value that serde would quote.
pub(crate) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| {
        let (line, at) = (error.line(), error.column());
        Fault::Corrupt(what, format!("column {column} breaks off at {line}:{at}"))
    })
}
