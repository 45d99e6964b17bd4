use std::borrow::Cow;

use insula_model::Resource;

use super::Refusal;
use crate::audience::MOST_AUDIENCES;

impl Refusal {
    /// What went wrong, in our words.
    pub(super) fn plain_description(&self) -> Cow<'static, str> {
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
            Self::ConnectorRemoved { .. } => "the way to sign in is not there any more",
            Self::GrantNotAllowed => "this client may not use this grant",
            Self::LoginRequired => "nobody is logged in and prompt=none forbids asking",
            Self::ConsentRequired => "consent is missing and prompt=none forbids asking",
            Self::WrongPerson => "another person than the hinted one is logged in",
            Self::UnmetAuthentication => "the login did not reach an acr that claims demands",
            Self::ConsentDenied => "the person did not give consent",
            Self::UpstreamDenied(_) => "the login was refused",
            Self::UpstreamDeclined { .. } => "the login was declined at the identity provider",
            Self::NotInGroup => "the person is in none of the required groups",
            Self::TicketRequired => "the browser shows no Kerberos ticket that lets anybody in",
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
}
