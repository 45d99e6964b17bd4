mod dex;
mod words;

use std::borrow::Cow;

use insula_model::{GrantId, RefusalForm, Rules};
use insula_oauth::{ClientAuthError, ErrorCode};

/// The protocol saying no: one variant per cause, carrying facts for the log.
///
/// What the client may know of it is [`code`](Self::code) and [`description`](Self::description),
/// here and nowhere else; how it travels is `web`'s. Our words stand in `refusal/words.rs`; where dex
/// spells a cause differently, its own in `refusal/dex.rs`.
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
    /// It was taken out of the configuration while somebody logged in there.
    ConnectorRemoved {
        /// The route to the other ways, where there are any.
        another: Option<String>,
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
    TicketRequired,
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
            | Self::NotInGroup
            | Self::TicketRequired => E::AccessDenied,
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
            | Self::TicketRequired
            | Self::UpstreamReply { .. }
            | Self::ConnectorUnavailable { .. }
            | Self::ConnectorRemoved { .. }
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
