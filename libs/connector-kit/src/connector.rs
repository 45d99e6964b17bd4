use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{AuthRequestId, IdentityClaims};

use crate::{
    Challenge, ConnectorError, ExchangedIdentity, Memory, Negotiated, Negotiation, Reply,
    SubjectToken,
};

/// What a connector can do beyond logging people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Whether claims can be fetched again without the person; without it there are no refresh
    /// tokens.
    pub refresh: bool,
    /// Whether it asks for a name and a password itself instead of sending the browser away.
    pub password: bool,
    /// Whether a token of the upstream's may be shown in place of a login.
    pub exchange: bool,
}

/// What a connector is told of the login it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginContext {
    /// To be sent as `state`, so that the answer finds its login.
    pub state: AuthRequestId,
    /// `<issuer>/callback`.
    pub callback_url: String,
    /// Whether the client asked for `offline_access`.
    pub offline_access: bool,
    /// Whether the client asked for `groups`.
    pub groups: bool,
    /// Whether the person must prove themselves again, whatever session the upstream has.
    pub force_login: bool,
    /// Who the client thinks will log in.
    pub login_hint: Option<String>,
    /// Contexts of the proof that the client asked for, the best first, in the upstream's words.
    pub acr_values: Vec<String>,
    /// Whether whose entry in a directory has another DN than at the login is gone at a refresh.
    pub moved_entry_is_gone: bool,
    /// The present.
    pub now: Timestamp,
}

/// A document about us, for an upstream to read. It is public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorMetadata {
    /// What kind of document it is.
    pub media_type: &'static str,
    /// The document.
    pub body: String,
}

/// What a connector is told of a person who was logged out here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutContext {
    /// Where the upstream is to send the browser back to.
    pub return_url: String,
    /// To be sent as `state`, so that whoever comes back goes on.
    pub state: String,
    /// Whether people are logged out at an upstream whose connector does not say.
    pub unless_told: bool,
}

/// Who it is, says the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamIdentity {
    /// What it says of them.
    pub claims: IdentityClaims,
    /// What the connector wants back to refresh them; sealed before it is stored.
    pub connector_data: Option<Vec<u8>>,
    /// How they proved it (RFC 8176), where the upstream tells: `pwd`, `otp`, …
    pub amr: Vec<String>,
    /// What the upstream calls the context of the proof, in its own words: `acr` of OpenID Connect,
    /// `AuthnContextClassRef` of SAML. What it is worth here is the tenant's to say.
    pub acr: Option<String>,
}

/// An upstream that can tell who somebody is.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Headers that a proxy in front of us writes about the person; with any, answers come as
    /// [`Reply::Vouched`].
    fn wanted_headers(&self) -> &[String] {
        &[]
    }

    /// Whether browsers are asked for a ticket before the password form is shown.
    fn negotiation(&self) -> Option<Negotiation> {
        None
    }

    /// What its upstream is given to read about us, where upstreams read anything.
    fn metadata(&self, _callback_url: &str) -> Option<ConnectorMetadata> {
        None
    }

    /// What to ask of a person who wants to log in.
    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError>;

    /// Who answered. `memory` is what [`begin`](Self::begin) put into its challenge.
    async fn complete(
        &self,
        ctx: &LoginContext,
        memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError>;

    /// Whose ticket a browser shows, in a token of HTTP's `Negotiate` scheme. A token that proves
    /// nobody is a `BadReply`; somebody who is proven, but not let in, is `Denied`.
    async fn negotiate(
        &self,
        _ctx: &LoginContext,
        _token: &[u8],
    ) -> Result<Negotiated, ConnectorError> {
        Err(ConnectorError::Unsupported("tickets"))
    }

    /// Where a browser goes so that its person is logged out at the upstream, too; `None` where that
    /// cannot be, or is not wanted.
    async fn logout_url(&self, _ctx: &LogoutContext) -> Result<Option<String>, ConnectorError> {
        Ok(None)
    }

    /// What the upstream says of the person now. `Denied` means they are gone. A failure after the
    /// upstream renewed what it is asked with is told by [`ConnectorError::after_renewal`].
    async fn refresh(
        &self,
        _ctx: &LoginContext,
        _known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        Err(ConnectorError::Unsupported("refresh"))
    }

    /// Of whom a token of the upstream's is. One that is not its own, or not good, is a `BadReply`.
    async fn exchange(
        &self,
        _shown: SubjectToken<'_>,
    ) -> Result<ExchangedIdentity, ConnectorError> {
        Err(ConnectorError::Unsupported("token exchange"))
    }
}
