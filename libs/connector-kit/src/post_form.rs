use async_trait::async_trait;
use thiserror::Error;

/// Why a form could not be posted, or was not answered. Names no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NotPosted(pub String);

/// Posts forms to addresses that a tenant's clients registered.
///
/// Whoever implements it guards where it connects to: a client names its address, so that without a
/// guard it could have the server speak to whatever the server can reach.
#[async_trait]
pub trait PostForm: Send + Sync + 'static {
    /// Posts an encoded form, once, and answers the status; what else is answered is not read. It is
    /// over within seconds, and follows no redirect.
    async fn post_form(&self, url: &str, form: String) -> Result<u16, NotPosted>;
}
