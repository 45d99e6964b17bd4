use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose form a tenant's document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentFormat {
    /// That of `tenant.yaml`: ours, strict.
    Native,
    /// That of an unmodified dex config.
    Dex,
}

/// How a document is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentSyntax {
    /// As people write files.
    Yaml,
    /// As programs write requests.
    Json,
}

/// What somebody wrote down of a tenant, as it was written. It may hold secrets, so that it is
/// never printed, and leaves the process sealed only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantDocument {
    /// Whose form it has.
    pub format: DocumentFormat,
    /// How it is written.
    pub syntax: DocumentSyntax,
    /// What it says.
    pub text: String,
    /// What a `tenant.yaml` beside a dex config says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

impl TenantDocument {
    /// A document that stands alone.
    pub fn new(format: DocumentFormat, syntax: DocumentSyntax, text: impl Into<String>) -> Self {
        Self {
            format,
            syntax,
            text: text.into(),
            beside: None,
        }
    }
}

impl fmt::Debug for TenantDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantDocument({:?}, {:?})", self.format, self.syntax)
    }
}
