mod dex;

use std::borrow::Cow;

use insula_model::{GrantId, RefusalForm, Resource, Rules};
use insula_oauth::{ClientAuthError, ErrorCode};

use crate::audience::MOST_AUDIENCES;

/// The protocol saying no: one variant per cause, carrying facts for the log.
///
/// What the client may know of it is [`code`](Self::code) and [`description`](Self::description),
/// here and nowhere else; how it travels is `web`'s. Where dex spells a cause differently, its words
/// stand in `refusal/dex.rs`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the cause it names")]
pub enum Refusal {
    // the authorization endpoint
    MissingClientId,
    UnknownClient,
    MissingRedirectUri,
    RedirectUriMismatch,
    DuplicateParameter(String),
    TooLong {
        parameter: &'static str,
        most: usize,
    },
    RequestObjectNotSupported,
    BadRequestObject(String),
    RequestObjectMissing,
    RequestUriNotSupported,
    RegistrationNotSupported,
    MissingResponseType,
    UnknownResponseType(String),
    ResponseTypeNotServed(String),
    BadResponseMode(String),
    QueryForTokens,
    TokenAlone,
    TokensOutOfBand,
    MissingNonce,
    MissingOpenIdScope,
    UnknownScope(Vec<String>),
    UntrustedAudience(Vec<String>),
    TooManyAudiences,
    ScopeNotAllowed(Vec<String>),
    ScopeOfAnotherResource(Vec<String>),
    ScopesOfSeveralResources,
    ResourceNotAllowed(String),
    TooManyResources,
    PkceMethodNotSupported(String),
    PkceRequired,
    PkceMalformed,
    BadPrompt(String),
    BadMaxAge,
    BadClaims {
        at: usize,
    },
    ClaimsOfTwoPeople,
    BadIdTokenHint,
    UnknownConnector(String),
    ConnectorNotAllowed(String),
    NoConnectorForClient,
    ConnectorUnavailable {
        connector: String,
        why: String,
    },
    GrantNotAllowed,
    LoginRequired,
    ConsentRequired,
    WrongPerson,
    UnmetAuthentication,
    ConsentDenied,
    // a login under way
    LoginUnknown,
    LoginExpired,
    WrongBrowser,
    WrongStage,
    BadProof,
    WrongConnector,
    UpstreamDenied(String),
    UpstreamDeclined {
        connector: String,
    },
    UpstreamReply {
        connector: String,
        why: String,
    },
    NotInGroup,
    // a device's login in dex's form
    MissingUserCode,
    UserCodeUnknown,
    DeviceAnswerIncomplete,
    DeviceAnswerRefused,
    DeviceAnswerCodeUnknown,
    DeviceAnswerLate,
    // client authentication and the token endpoint
    ClientAuth(ClientAuthError),
    ClientCredentials,
    MissingGrantType,
    UnsupportedGrantType(String),
    MissingCode,
    CodeUnknown,
    CodeOfAnotherClient {
        grant: GrantId,
    },
    CodeReplayed {
        grant: GrantId,
    },
    CodeTakenOver {
        grant: GrantId,
    },
    RedirectUriChanged {
        grant: GrantId,
    },
    PkceMismatch {
        grant: GrantId,
    },
    PkceNotStarted {
        grant: GrantId,
    },
    PkceVerifierMissing {
        grant: GrantId,
    },
    MissingDeviceCode,
    DeviceCodeUnknown,
    DeviceCodeExpired,
    DevicePending,
    DevicePolledTooSoon,
    DeviceDenied,
    NoDeviceGrant,
    MissingRefreshToken,
    RefreshUnknown,
    RefreshOfAnotherClient {
        grant: GrantId,
    },
    RefreshExpired {
        grant: GrantId,
    },
    RefreshReused {
        grant: GrantId,
    },
    RefreshObsolete {
        grant: GrantId,
    },
    RefreshScopeBeyond(Vec<String>),
    RefreshConnectorGone {
        grant: GrantId,
    },
    RefreshNotOfConnector {
        grant: GrantId,
    },
    RefreshDenied {
        grant: GrantId,
    },
    RefreshSessionEnded {
        grant: GrantId,
    },
    ResourceNotGranted(String),
    ResourceMissing,
    ScopeOfPeople(Vec<String>),
    PublicClientHasNoCredentials,
    ClientIsCalledAsPerson,
    WrongPassword,
    MissingPassword,
    PasswordConnectorMissing,
    PasswordConnectorAsksNone,
    PasswordLoginFailed(String),
    PasswordScopes(Box<Refusal>),
    GrantNotOfConnector(String),
    ConnectorNotOfClient(String),
    ExchangeConnectorUnknown(String),
    SubjectTokenMissing,
    SubjectTokenType(String),
    RequestedTokenType(String),
    /// Not good, or not what the client's policy asks for.
    SubjectTokenRefused(String),
    ActorTokenRefused(String),
    /// What dex finds wrong with the scopes of an exchange.
    ExchangeScopes(Box<Refusal>),
    // userinfo, introspection, revocation, logout
    BearerMissing,
    BearerTwice,
    BearerMalformed,
    BearerInvalid,
    BearerLacksOpenId,
    BearerOfAnotherAudience,
    MissingToken,
    /// dex says what introspection expects instead.
    IntrospectionByMethod(String),
    /// dex tells it from a form without a token.
    IntrospectionOfNothing,
    UnsupportedTokenType,
    TokenOfAnotherClient,
    BadLogoutHint,
    LogoutRedirectNeedsHint,
    LogoutRedirectUnregistered,
    LogoutClientUnknown,
    NoLogoutInProgress,
    // everywhere
    NoSuchResource,
    MethodNotAllowed(String),
    MalformedBody(String),
    TooManyRequests {
        retry_after_s: u64,
    },
    /// We have more work than we can do in time; nobody asked too much.
    Overloaded {
        retry_after_s: u64,
    },
}

impl Refusal {
    /// The registered word, by cause and form (RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1,
    /// RFC 7009 §2.2.1, RFC 8707 §2, OpenID Connect Core §3.1.2.6).
    pub fn code(&self, form: RefusalForm) -> ErrorCode {
        use ErrorCode as E;
        if form == RefusalForm::Dex
            && let Some(code) = self.dex_code()
        {
            return code;
        }
        match self {
            Self::RequestObjectNotSupported => E::RequestNotSupported,
            Self::BadRequestObject(_) => E::InvalidRequestObject,
            Self::RequestObjectMissing => E::InvalidRequest,
            Self::RequestUriNotSupported => E::RequestUriNotSupported,
            Self::RegistrationNotSupported => E::RegistrationNotSupported,
            Self::ResponseTypeNotServed(_) | Self::UnknownResponseType(_) => {
                E::UnsupportedResponseType
            }
            Self::MissingOpenIdScope
            | Self::UnknownScope(_)
            | Self::UntrustedAudience(_)
            | Self::TooManyAudiences
            | Self::ScopeNotAllowed(_)
            | Self::ScopeOfAnotherResource(_)
            | Self::ScopesOfSeveralResources
            | Self::ScopeOfPeople(_)
            | Self::RefreshScopeBeyond(_) => E::InvalidScope,
            Self::PasswordScopes(why) | Self::ExchangeScopes(why) => why.code(form),
            Self::ResourceNotAllowed(_)
            | Self::ResourceNotGranted(_)
            | Self::ResourceMissing
            | Self::TooManyResources => E::InvalidTarget,
            Self::GrantNotAllowed
            | Self::PublicClientHasNoCredentials
            | Self::ClientIsCalledAsPerson => E::UnauthorizedClient,
            Self::LoginRequired | Self::WrongPerson => E::LoginRequired,
            Self::UnmetAuthentication => E::UnmetAuthenticationRequirements,
            Self::ConsentRequired => E::ConsentRequired,
            Self::ConsentDenied
            | Self::UpstreamDenied(_)
            | Self::UpstreamDeclined { .. }
            | Self::DeviceDenied
            | Self::NotInGroup => E::AccessDenied,
            Self::DevicePending => E::AuthorizationPending,
            Self::DevicePolledTooSoon => E::SlowDown,
            Self::DeviceCodeExpired => E::ExpiredToken,
            Self::ConnectorUnavailable { .. }
            | Self::TooManyRequests { .. }
            | Self::Overloaded { .. } => E::TemporarilyUnavailable,
            Self::ClientAuth(ClientAuthError::TwoMethods) => E::InvalidRequest,
            Self::UnknownClient | Self::ClientAuth(_) | Self::ClientCredentials => E::InvalidClient,
            Self::UnsupportedGrantType(_) => E::UnsupportedGrantType,
            Self::CodeUnknown
            | Self::CodeOfAnotherClient { .. }
            | Self::CodeReplayed { .. }
            | Self::CodeTakenOver { .. }
            | Self::DeviceCodeUnknown
            | Self::NoDeviceGrant
            | Self::RedirectUriChanged { .. }
            | Self::PkceMismatch { .. }
            | Self::PkceNotStarted { .. }
            | Self::PkceVerifierMissing { .. }
            | Self::RefreshUnknown
            | Self::RefreshOfAnotherClient { .. }
            | Self::RefreshExpired { .. }
            | Self::RefreshReused { .. }
            | Self::RefreshObsolete { .. }
            | Self::RefreshConnectorGone { .. }
            | Self::RefreshNotOfConnector { .. }
            | Self::RefreshDenied { .. }
            | Self::RefreshSessionEnded { .. }
            | Self::WrongPassword
            | Self::ConnectorNotOfClient(_)
            | Self::TokenOfAnotherClient => E::InvalidGrant,
            Self::BearerInvalid | Self::BearerOfAnotherAudience => E::InvalidToken,
            Self::BearerLacksOpenId => E::InsufficientScope,
            Self::UnsupportedTokenType => E::UnsupportedTokenType,
            _ => E::InvalidRequest,
        }
    }

    /// Whether the client hears of it at its proven redirect URI (RFC 6749 §4.1.2.1); otherwise a
    /// page tells the person. Once a request is found good, dex tells clients only what
    /// `prompt=none` forbids to show.
    pub fn is_for_client(&self, rules: &Rules) -> bool {
        match self {
            // What went wrong in the browser: the client had its answer, or has it from another tab.
            Self::LoginUnknown
            | Self::LoginExpired
            | Self::WrongBrowser
            | Self::WrongStage
            | Self::WrongConnector
            | Self::BadProof
            // What the person can mend: another account, another connector, another minute.
            | Self::NotInGroup
            | Self::UpstreamReply { .. }
            | Self::ConnectorUnavailable { .. }
            | Self::TooManyRequests { .. }
            | Self::Overloaded { .. }
            // Nobody is left to hear it.
            | Self::UnknownClient => false,
            Self::LoginRequired | Self::ConsentRequired | Self::WrongPerson => true,
            _ => rules.tells_clients_what_failed,
        }
    }

    /// For the integrator; never a fact about a person. Empty where dex says nothing. In our
    /// dialect of the characters RFC 6749 §4.1.2.1 allows, whatever was sent to us.
    pub fn description(&self, form: RefusalForm) -> Cow<'static, str> {
        if form == RefusalForm::Dex
            && let Some(text) = self.dex_description()
        {
            return text;
        }
        match self.plain_description() {
            Cow::Owned(text) => repeatable(&text).into(),
            text @ Cow::Borrowed(_) => text,
        }
    }

    fn plain_description(&self) -> Cow<'static, str> {
        let text = match self {
            Self::MissingClientId => "client_id is missing",
            Self::UnknownClient => "no client with this client_id is registered",
            Self::MissingRedirectUri => "redirect_uri is missing",
            Self::RedirectUriMismatch => "redirect_uri is not registered for this client",
            Self::DuplicateParameter(name) => {
                return format!("parameter '{name}' is included more than once").into();
            }
            Self::TooLong { parameter, most } => {
                return format!("{parameter} is longer than {most} bytes").into();
            }
            Self::RequestObjectNotSupported => "request objects are not supported",
            Self::BadRequestObject(why) => {
                return format!("the request object is not taken: {why}").into();
            }
            Self::RequestObjectMissing => {
                "this client signs its requests, and this one has no request object"
            }
            Self::RequestUriNotSupported => "request_uri is not supported",
            Self::RegistrationNotSupported => "the registration parameter is not supported",
            Self::MissingResponseType => "response_type is missing",
            Self::UnknownResponseType(word) => {
                return format!("response_type '{word}' is not known").into();
            }
            Self::ResponseTypeNotServed(words) => {
                return format!("response_type '{words}' is not served here").into();
            }
            Self::BadResponseMode(mode) => {
                return format!("response_mode '{mode}' is not known").into();
            }
            Self::QueryForTokens => {
                "response_mode query is not for tokens; use fragment or form_post"
            }
            Self::TokenAlone => "response_type token needs id_token or code beside it",
            Self::TokensOutOfBand => "this redirect_uri can be sent a code and no token",
            Self::MissingNonce => "nonce is missing, which this response_type needs",
            Self::MissingOpenIdScope => "scope must contain openid",
            Self::UnknownScope(words) => {
                return format!("scope is not known: {}", words.join(" ")).into();
            }
            Self::UntrustedAudience(words) => {
                return format!("this client may not ask for {}", words.join(" ")).into();
            }
            Self::TooManyAudiences => {
                return format!("scope names more than {MOST_AUDIENCES} audiences").into();
            }
            Self::ScopeNotAllowed(words) => {
                return format!("this client may not ask for scope {}", words.join(" ")).into();
            }
            Self::ScopeOfAnotherResource(words) => {
                return format!("scope belongs to no named resource: {}", words.join(" ")).into();
            }
            Self::ScopesOfSeveralResources => {
                "the scopes belong to several resources; say which by resource"
            }
            Self::ResourceNotAllowed(resource) => {
                return format!("this client may have no access token for '{resource}'").into();
            }
            Self::TooManyResources => {
                return format!("more than {} resources are named", Resource::MOST_NAMED).into();
            }
            Self::PkceMethodNotSupported(method) => {
                return format!("code_challenge_method '{method}' is not supported; use S256")
                    .into();
            }
            Self::PkceRequired => "code_challenge is required; send one with method S256",
            Self::PkceMalformed => "code_challenge must be 43 to 128 unreserved characters",
            Self::BadPrompt(why) => return why.clone().into(),
            Self::BadMaxAge => "max_age must be a number of seconds, zero or more",
            Self::BadClaims { at } => {
                return format!(
                    "claims is not the JSON object of OpenID Connect Core 5.5; see column {at}"
                )
                .into();
            }
            Self::ClaimsOfTwoPeople => "claims asks for the sub of two different people",
            Self::BadIdTokenHint => "id_token_hint is not an ID token of this issuer",
            Self::UnknownConnector(_) => "connector_id names no connector",
            Self::ConnectorNotAllowed(_) => "this client may not use this connector",
            Self::NoConnectorForClient => "no connector is available for this client",
            Self::ConnectorUnavailable { .. } => "the way to sign in is not available right now",
            Self::GrantNotAllowed => "this client may not use this grant",
            Self::LoginRequired => "nobody is logged in and prompt=none forbids asking",
            Self::ConsentRequired => "consent is missing and prompt=none forbids asking",
            Self::WrongPerson => "another person than the hinted one is logged in",
            Self::UnmetAuthentication => "the login did not reach an acr that claims demands",
            Self::ConsentDenied => "the person did not give consent",
            Self::UpstreamDenied(_) => "the login was refused",
            Self::UpstreamDeclined { .. } => "the login was declined at the identity provider",
            Self::NotInGroup => "the person is in none of the required groups",
            Self::LoginUnknown | Self::LoginExpired => "this login is over; start again",
            Self::WrongBrowser => "this login was begun in another browser",
            Self::WrongStage | Self::WrongConnector => "this step does not belong to the login",
            Self::BadProof => "this link is not complete",
            Self::UpstreamReply { connector, why } => {
                return format!("the answer of connector '{connector}' cannot be used: {why}")
                    .into();
            }
            Self::ClientAuth(why) => return why.to_string().into(),
            Self::ClientCredentials => "client authentication failed",
            Self::MissingGrantType => "grant_type is missing",
            Self::UnsupportedGrantType(_) => "this grant_type is not served here",
            Self::MissingCode => "code is missing",
            Self::CodeUnknown | Self::CodeReplayed { .. } | Self::CodeTakenOver { .. } => {
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
            Self::MissingDeviceCode => "device_code is missing",
            Self::DeviceCodeUnknown => "the device code is unknown, used or of another client",
            Self::DeviceCodeExpired => "the device code expired; ask for a new one",
            Self::DevicePending => {
                "nobody has confirmed the device yet; ask again after the interval"
            }
            Self::DevicePolledTooSoon => {
                "asked again too soon; wait five seconds longer from now on"
            }
            Self::DeviceDenied => "the person did not allow the device",
            Self::NoDeviceGrant => "grant_type is not that of a device code",
            Self::MissingUserCode => "user_code is missing",
            Self::UserCodeUnknown => "the user code is unknown or expired",
            Self::DeviceAnswerIncomplete => "code or state is missing",
            Self::DeviceAnswerRefused => "the login of the device was refused",
            Self::DeviceAnswerCodeUnknown => "the code is unknown, used or expired",
            Self::DeviceAnswerLate => "the device code expired, or was answered before",
            Self::NoSuchResource => "there is nothing here for this method",
            Self::MissingRefreshToken => "refresh_token is missing",
            Self::RefreshUnknown | Self::RefreshReused { .. } | Self::RefreshObsolete { .. } => {
                "the refresh token is unknown, used or revoked"
            }
            Self::RefreshOfAnotherClient { .. } => "the refresh token was issued to another client",
            Self::RefreshExpired { .. } => "the refresh token expired",
            Self::RefreshScopeBeyond(words) => {
                return format!("scope was not granted: {}", words.join(" ")).into();
            }
            Self::RefreshConnectorGone { .. } => "the connector of this login is gone",
            Self::RefreshDenied { .. } => "the identity provider no longer vouches for this login",
            Self::RefreshSessionEnded { .. } => {
                "the session that the refresh token belongs to has ended"
            }
            Self::ResourceNotGranted(resource) => {
                return format!("resource '{resource}' was not granted").into();
            }
            Self::ResourceMissing => "say by resource or scope what the access token is for",
            Self::WrongPassword => "the name and the password do not belong together",
            Self::MissingPassword => "username and password are required",
            Self::PasswordConnectorMissing => "no connector checks passwords here",
            Self::PasswordConnectorAsksNone => "the connector for passwords asks for none",
            Self::PasswordLoginFailed(_) => "the password could not be checked",
            Self::PasswordScopes(why) | Self::ExchangeScopes(why) => {
                return why.plain_description();
            }
            Self::GrantNotOfConnector(_) | Self::RefreshNotOfConnector { .. } => {
                "this connector does not serve this grant"
            }
            Self::ConnectorNotOfClient(_) => "this client may not use this connector",
            Self::ExchangeConnectorUnknown(_) => "connector_id names no connector with tokens",
            Self::SubjectTokenMissing => "subject_token is missing",
            Self::SubjectTokenType(_) => "subject_token_type is missing or not taken here",
            Self::RequestedTokenType(_) => {
                "tokens of this requested_token_type are not issued here"
            }
            Self::SubjectTokenRefused(_) => "the subject token is not good for this exchange",
            Self::ActorTokenRefused(_) => "the actor token is not good for this exchange",
            Self::ScopeOfPeople(words) => {
                return format!(
                    "nobody logs in here who scope could be about: {}",
                    words.join(" ")
                )
                .into();
            }
            Self::PublicClientHasNoCredentials => {
                "a public client cannot prove that it acts for itself"
            }
            Self::ClientIsCalledAsPerson => "this client_id reads as the sub of a person",
            Self::BearerMissing => "an access token is missing; send it as Authorization: Bearer",
            Self::BearerTwice => "the access token came in more than one place",
            Self::BearerMalformed => "Authorization must be the word Bearer and one access token",
            Self::BearerInvalid => "the access token is malformed, expired or revoked",
            Self::BearerLacksOpenId => "the access token was not granted the openid scope",
            Self::BearerOfAnotherAudience => "the access token is not meant for userinfo",
            Self::MissingToken | Self::IntrospectionOfNothing => "token is missing",
            Self::UnsupportedTokenType => "tokens of this type cannot be revoked",
            Self::TokenOfAnotherClient => "the token was issued to another client",
            Self::BadLogoutHint => "id_token_hint is not an ID token of this issuer",
            Self::LogoutRedirectNeedsHint => {
                "post_logout_redirect_uri needs an id_token_hint or a client_id"
            }
            Self::LogoutRedirectUnregistered => {
                "post_logout_redirect_uri is not registered for this client"
            }
            Self::LogoutClientUnknown => "no client with this client_id is registered",
            Self::NoLogoutInProgress => "no logout is in progress here",
            Self::MethodNotAllowed(method) | Self::IntrospectionByMethod(method) => {
                return format!("method {method} is not allowed here").into();
            }
            Self::MalformedBody(why) => return format!("the request cannot be read: {why}").into(),
            Self::TooManyRequests { .. } => "too many requests; try again later",
            Self::Overloaded { .. } => "the server is busy; try again later",
        };
        text.into()
    }

    /// Whether it only says to ask again later: nobody need look at it.
    pub fn is_to_wait(&self) -> bool {
        matches!(self, Self::DevicePending | Self::DevicePolledTooSoon)
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

/// A text that repeats what somebody else sent or chose: the characters of `error_description`
/// (RFC 6749 §4.1.2.1), and no more of them than anybody reads.
pub fn repeatable(text: &str) -> String {
    let shown = |c: char| match c {
        '"' => '\'',
        ' '..='!' | '#'..='[' | ']'..='~' => c,
        _ => '?',
    };
    text.chars().take(200).map(shown).collect()
}

#[cfg(test)]
mod tests;
