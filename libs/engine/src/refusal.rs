use std::borrow::Cow;

use insula_model::{Dialect, GrantId};
use insula_oauth::{ClientAuthError, ErrorCode};

/// The protocol saying no: one variant per cause, carrying facts for the log.
///
/// What the client may know of it is [`code`](Self::code) and [`description`](Self::description),
/// here and nowhere else; how it travels is `web`'s. Where dex spells a cause differently, its words
/// stand in the `Dialect::Dex` arm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the cause it names")]
pub enum Refusal {
    // the authorization endpoint
    MissingClientId,
    UnknownClient,
    MissingRedirectUri,
    RedirectUriMismatch,
    DuplicateParameter(String),
    RequestObjectNotSupported,
    RequestUriNotSupported,
    RegistrationNotSupported,
    MissingResponseType,
    UnknownResponseType(String),
    ResponseTypeNotServed(String),
    ResponseTypeTokenAlone,
    NonceRequired,
    BadResponseMode(String),
    MissingOpenIdScope,
    UnknownScope(Vec<String>),
    UntrustedAudience(Vec<String>),
    PkceMethodNotSupported(String),
    PkceRequired,
    PkceMalformed,
    BadPrompt(String),
    BadMaxAge,
    BadIdTokenHint,
    UnknownConnector(String),
    ConnectorNotAllowed(String),
    NoConnectorForClient,
    ConnectorUnavailable(String),
    GrantNotAllowed,
    LoginRequired,
    InteractionRequired,
    ConsentRequired,
    WrongPerson,
    ConsentDenied,
    // a login under way
    LoginUnknown,
    LoginExpired,
    WrongBrowser,
    WrongStage,
    BadProof,
    WrongConnector,
    UpstreamDenied(String),
    UpstreamReply(String),
    NotInGroup,
    // client authentication and the token endpoint
    ClientAuth(ClientAuthError),
    ClientCredentials,
    MissingGrantType,
    UnsupportedGrantType(String),
    MissingCode,
    CodeUnknown,
    CodeExpired { grant: GrantId },
    CodeOfAnotherClient { grant: GrantId },
    CodeReplayed { grant: GrantId },
    RedirectUriChanged { grant: GrantId },
    PkceMismatch { grant: GrantId },
    PkceNotStarted { grant: GrantId },
    PkceVerifierMissing { grant: GrantId },
    MissingRefreshToken,
    RefreshUnknown,
    RefreshOfAnotherClient { grant: GrantId },
    RefreshExpired { grant: GrantId },
    RefreshReused { grant: GrantId },
    RefreshScopeBeyond(Vec<String>),
    RefreshConnectorGone { grant: GrantId },
    RefreshDenied { grant: GrantId },
    SessionEnded { grant: GrantId },
    // userinfo, introspection, revocation, logout
    BearerMissing,
    BearerInvalid,
    BearerLacksOpenId,
    MissingToken,
    UnsupportedTokenType,
    TokenOfAnotherClient,
    BadLogoutHint,
    LogoutRedirectNeedsHint,
    LogoutRedirectUnregistered,
    // everywhere
    MethodNotAllowed(String),
    MalformedBody(String),
    TooManyRequests { retry_after_s: u64 },
}

impl Refusal {
    /// The registered word, by cause and dialect (RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1,
    /// RFC 7009 §2.2.1, OpenID Connect Core §3.1.2.6).
    pub fn code(&self, dialect: Dialect) -> ErrorCode {
        use ErrorCode as E;
        if dialect == Dialect::Dex
            && let Some(code) = self.dex_code()
        {
            return code;
        }
        match self {
            Self::RequestObjectNotSupported => E::RequestNotSupported,
            Self::RequestUriNotSupported => E::RequestUriNotSupported,
            Self::RegistrationNotSupported => E::RegistrationNotSupported,
            Self::ResponseTypeNotServed(_) | Self::UnknownResponseType(_) => {
                E::UnsupportedResponseType
            }
            Self::MissingOpenIdScope
            | Self::UnknownScope(_)
            | Self::UntrustedAudience(_)
            | Self::RefreshScopeBeyond(_) => E::InvalidScope,
            Self::GrantNotAllowed => E::UnauthorizedClient,
            Self::LoginRequired | Self::WrongPerson => E::LoginRequired,
            Self::InteractionRequired => E::InteractionRequired,
            Self::ConsentRequired => E::ConsentRequired,
            Self::ConsentDenied | Self::UpstreamDenied(_) | Self::NotInGroup => E::AccessDenied,
            Self::ConnectorUnavailable(_) | Self::TooManyRequests { .. } => {
                E::TemporarilyUnavailable
            }
            Self::ClientAuth(ClientAuthError::TwoMethods) => E::InvalidRequest,
            Self::UnknownClient | Self::ClientAuth(_) | Self::ClientCredentials => E::InvalidClient,
            Self::UnsupportedGrantType(_) => E::UnsupportedGrantType,
            Self::CodeUnknown
            | Self::CodeExpired { .. }
            | Self::CodeOfAnotherClient { .. }
            | Self::CodeReplayed { .. }
            | Self::RedirectUriChanged { .. }
            | Self::PkceMismatch { .. }
            | Self::PkceNotStarted { .. }
            | Self::PkceVerifierMissing { .. }
            | Self::RefreshUnknown
            | Self::RefreshOfAnotherClient { .. }
            | Self::RefreshExpired { .. }
            | Self::RefreshReused { .. }
            | Self::RefreshConnectorGone { .. }
            | Self::RefreshDenied { .. }
            | Self::SessionEnded { .. }
            | Self::TokenOfAnotherClient => E::InvalidGrant,
            Self::BearerInvalid => E::InvalidToken,
            Self::BearerLacksOpenId => E::InsufficientScope,
            Self::UnsupportedTokenType => E::UnsupportedTokenType,
            _ => E::InvalidRequest,
        }
    }

    /// Where dex's word is not the RFC's.
    fn dex_code(&self) -> Option<ErrorCode> {
        use ErrorCode as E;
        match self {
            Self::UnknownResponseType(_)
            | Self::ClientAuth(
                ClientAuthError::ClientIdEncoding | ClientAuthError::ClientSecretEncoding,
            )
            | Self::RedirectUriChanged { .. }
            | Self::PkceNotStarted { .. }
            | Self::RefreshUnknown
            | Self::RefreshReused { .. }
            | Self::RefreshExpired { .. }
            | Self::RefreshScopeBeyond(_)
            | Self::RefreshConnectorGone { .. }
            | Self::RefreshDenied { .. } => Some(E::InvalidRequest),
            Self::MissingGrantType => Some(E::UnsupportedGrantType),
            Self::ConsentRequired | Self::InteractionRequired => Some(E::InteractionRequired),
            Self::BearerMissing | Self::BearerInvalid | Self::BearerLacksOpenId => {
                Some(E::AccessDenied)
            }
            _ => None,
        }
    }

    /// For the integrator; never a fact about a person. Empty where dex says nothing.
    pub fn description(&self, dialect: Dialect) -> Cow<'static, str> {
        if dialect == Dialect::Dex
            && let Some(text) = self.dex_description()
        {
            return text;
        }
        let text = match self {
            Self::MissingClientId => "client_id is missing",
            Self::UnknownClient => "no client with this client_id is registered",
            Self::MissingRedirectUri => "redirect_uri is missing",
            Self::RedirectUriMismatch => "redirect_uri is not registered for this client",
            Self::DuplicateParameter(name) => {
                return format!("parameter {name:?} is included more than once").into();
            }
            Self::RequestObjectNotSupported => "request objects are not supported",
            Self::RequestUriNotSupported => "request_uri is not supported",
            Self::RegistrationNotSupported => "the registration parameter is not supported",
            Self::MissingResponseType => "response_type is missing",
            Self::UnknownResponseType(word) => {
                return format!("response_type {word:?} is not known").into();
            }
            Self::ResponseTypeNotServed(words) => {
                return format!("response_type {words:?} is not served here").into();
            }
            Self::ResponseTypeTokenAlone => "response_type token needs id_token or code beside it",
            Self::NonceRequired => "nonce is required when an ID token travels through the browser",
            Self::BadResponseMode(mode) => {
                return format!("response_mode {mode:?} cannot be used with this response_type")
                    .into();
            }
            Self::MissingOpenIdScope => "scope must contain openid",
            Self::UnknownScope(words) => {
                return format!("scope is not known: {}", words.join(" ")).into();
            }
            Self::UntrustedAudience(words) => {
                return format!("this client may not ask for {}", words.join(" ")).into();
            }
            Self::PkceMethodNotSupported(method) => {
                return format!("code_challenge_method {method:?} is not supported; use S256")
                    .into();
            }
            Self::PkceRequired => "code_challenge is required; send one with method S256",
            Self::PkceMalformed => "code_challenge must be 43 to 128 unreserved characters",
            Self::BadPrompt(why) => return why.clone().into(),
            Self::BadMaxAge => "max_age must be a number of seconds, zero or more",
            Self::BadIdTokenHint => "id_token_hint is not an ID token of this issuer",
            Self::UnknownConnector(_) => "connector_id names no connector",
            Self::ConnectorNotAllowed(_) => "this client may not use this connector",
            Self::NoConnectorForClient => "no connector is available for this client",
            Self::ConnectorUnavailable(_) => "the way to sign in is not available right now",
            Self::GrantNotAllowed => "this client may not use this grant",
            Self::LoginRequired => "nobody is logged in and prompt=none forbids asking",
            Self::InteractionRequired => "the person must act and prompt=none forbids asking",
            Self::ConsentRequired => "consent is missing and prompt=none forbids asking",
            Self::WrongPerson => "another person than the hinted one is logged in",
            Self::ConsentDenied => "the person did not give consent",
            Self::UpstreamDenied(_) => "the login was refused",
            Self::NotInGroup => "the person is in none of the required groups",
            Self::LoginUnknown | Self::LoginExpired => "this login is over; start again",
            Self::WrongBrowser => "this login was begun in another browser",
            Self::WrongStage | Self::WrongConnector => "this step does not belong to the login",
            Self::BadProof => "this link is not complete",
            Self::UpstreamReply(_) => "the answer of the identity provider cannot be used",
            Self::ClientAuth(why) => return why.to_string().into(),
            Self::ClientCredentials => "client authentication failed",
            Self::MissingGrantType => "grant_type is missing",
            Self::UnsupportedGrantType(_) => "this grant_type is not served here",
            Self::MissingCode => "code is missing",
            Self::CodeUnknown | Self::CodeExpired { .. } | Self::CodeReplayed { .. } => {
                "the code is unknown, used or expired"
            }
            Self::CodeOfAnotherClient { .. } => "the code was issued to another client",
            Self::RedirectUriChanged { .. } => {
                "redirect_uri is not the one of the authorization request"
            }
            Self::PkceMismatch { .. } => "code_verifier does not match the code_challenge",
            Self::PkceNotStarted { .. } => {
                "code_verifier was sent, but the authorization request had no code_challenge"
            }
            Self::PkceVerifierMissing { .. } => "code_verifier is missing",
            Self::MissingRefreshToken => "refresh_token is missing",
            Self::RefreshUnknown | Self::RefreshReused { .. } => {
                "the refresh token is unknown, used or revoked"
            }
            Self::RefreshOfAnotherClient { .. } => "the refresh token was issued to another client",
            Self::RefreshExpired { .. } => "the refresh token expired",
            Self::RefreshScopeBeyond(words) => {
                return format!("scope was not granted: {}", words.join(" ")).into();
            }
            Self::RefreshConnectorGone { .. } => "the connector of this login is gone",
            Self::RefreshDenied { .. } => "the identity provider no longer vouches for this login",
            Self::SessionEnded { .. } => "the session this refresh token belongs to has ended",
            Self::BearerMissing => "an access token is missing; send it as Authorization: Bearer",
            Self::BearerInvalid => "the access token is malformed, expired or revoked",
            Self::BearerLacksOpenId => "the access token was not granted the openid scope",
            Self::MissingToken => "token is missing",
            Self::UnsupportedTokenType => "tokens of this type cannot be revoked",
            Self::TokenOfAnotherClient => "the token was issued to another client",
            Self::BadLogoutHint => "id_token_hint is not an ID token of this issuer",
            Self::LogoutRedirectNeedsHint => {
                "post_logout_redirect_uri needs an id_token_hint or a client_id"
            }
            Self::LogoutRedirectUnregistered => {
                "post_logout_redirect_uri is not registered for this client"
            }
            Self::MethodNotAllowed(method) => {
                return format!("method {method} is not allowed here").into();
            }
            Self::MalformedBody(why) => return format!("the request cannot be read: {why}").into(),
            Self::TooManyRequests { .. } => "too many requests; try again later",
        };
        text.into()
    }

    /// dex's words, to the letter, where clients are known to match on them.
    fn dex_description(&self) -> Option<Cow<'static, str>> {
        let quoted = |words: &[String]| {
            let quoted: Vec<_> = words.iter().map(|w| format!("{w:?}")).collect();
            quoted.join(" ")
        };
        Some(match self {
            Self::UnknownClient => "Invalid client_id.".into(),
            Self::RedirectUriMismatch | Self::MissingRedirectUri => {
                "Unregistered redirect_uri.".into()
            }
            Self::RequestObjectNotSupported => "Server does not support request parameter.".into(),
            Self::MissingResponseType => "No response_type provided".into(),
            Self::UnknownResponseType(word) => format!("Invalid response type {word:?}").into(),
            Self::ResponseTypeNotServed(words) => {
                format!("Unsupported response type {words:?}").into()
            }
            Self::MissingOpenIdScope => r#"Missing required scope(s) ["openid"]."#.into(),
            Self::UnknownScope(words) => {
                format!("Unrecognized scope(s) [{}]", quoted(words)).into()
            }
            Self::UntrustedAudience(words) => {
                format!("Client can't request scope(s) [{}]", quoted(words)).into()
            }
            Self::PkceMethodNotSupported(method) => {
                format!("Unsupported PKCE challenge method ({method:?}).").into()
            }
            Self::BadIdTokenHint | Self::BadLogoutHint => "Invalid id_token_hint.".into(),
            Self::UnknownConnector(_) => "Invalid ConnectorID".into(),
            Self::ConnectorNotAllowed(_) => "Connector not allowed for this client".into(),
            Self::ClientCredentials => "Invalid client credentials.".into(),
            Self::MissingCode => "Required param: code.".into(),
            Self::CodeUnknown
            | Self::CodeExpired { .. }
            | Self::CodeReplayed { .. }
            | Self::CodeOfAnotherClient { .. } => "Invalid or expired code parameter.".into(),
            Self::PkceMismatch { .. } => "Invalid code_verifier.".into(),
            Self::PkceNotStarted { .. } => {
                "No PKCE flow started. Cannot check code_verifier.".into()
            }
            Self::PkceVerifierMissing { .. } => {
                "Expecting parameter code_verifier in PKCE flow.".into()
            }
            Self::RedirectUriChanged { .. } => {
                "redirect_uri did not match URI from initial request.".into()
            }
            Self::MissingRefreshToken => "No refresh token is found in request.".into(),
            Self::RefreshUnknown
            | Self::RefreshReused { .. }
            | Self::RefreshOfAnotherClient { .. } => {
                "Refresh token is invalid or has already been claimed by another client.".into()
            }
            Self::RefreshExpired { .. } => "Refresh token expired.".into(),
            Self::RefreshScopeBeyond(words) => format!(
                "Requested scopes contain unauthorized scope(s): [{}].",
                quoted(words)
            )
            .into(),
            Self::RefreshConnectorGone { .. } => "Requested connector does not exist.".into(),
            Self::RefreshDenied { .. } | Self::UnsupportedGrantType(_) | Self::MissingGrantType => {
                "".into()
            }
            Self::SessionEnded { .. } => {
                "The session this refresh token belongs to has ended.".into()
            }
            Self::BearerMissing | Self::BearerInvalid => "Invalid bearer token.".into(),
            Self::MissingToken => "The POST body doesn't contain 'token' parameter.".into(),
            Self::MethodNotAllowed(_) => "method not allowed".into(),
            Self::LogoutRedirectNeedsHint => {
                "post_logout_redirect_uri requires id_token_hint.".into()
            }
            Self::LogoutRedirectUnregistered => "Unregistered post_logout_redirect_uri.".into(),
            _ => return None,
        })
    }

    /// The family whose tokens this refusal condemns: a replay or a reuse means that somebody else
    /// holds them too (RFC 6749 §4.1.2, RFC 9700 §4.14.2).
    pub fn condemns(&self) -> Option<&GrantId> {
        match self {
            Self::CodeReplayed { grant } | Self::RefreshReused { grant } => Some(grant),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dex_spells_a_wrong_refresh_token_as_an_invalid_request() {
        assert_eq!(
            Refusal::RefreshUnknown.code(Dialect::Standard),
            ErrorCode::InvalidGrant
        );
        assert_eq!(
            Refusal::RefreshUnknown.code(Dialect::Dex),
            ErrorCode::InvalidRequest
        );
    }

    #[test]
    fn dex_lists_scopes_in_its_own_brackets() {
        let refusal = Refusal::UnknownScope(vec!["a".into(), "b".into()]);
        assert_eq!(
            refusal.description(Dialect::Dex),
            r#"Unrecognized scope(s) ["a" "b"]"#
        );
    }

    #[test]
    fn only_replay_and_reuse_condemn_a_family() {
        let grant = GrantId::parse("g").unwrap();
        assert_eq!(
            Refusal::CodeReplayed {
                grant: grant.clone()
            }
            .condemns(),
            Some(&grant)
        );
        assert_eq!(Refusal::CodeUnknown.condemns(), None);
        assert_eq!(Refusal::PkceMismatch { grant }.condemns(), None);
    }
}
