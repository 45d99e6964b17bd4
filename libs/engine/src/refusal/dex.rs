use std::borrow::Cow;

use insula_oauth::{ClientAuthError, ErrorCode};

use super::{Refusal, repeatable};

impl Refusal {
    /// Where dex's word is not the RFC's.
    pub(super) fn dex_code(&self) -> Option<ErrorCode> {
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
            | Self::RefreshObsolete { .. }
            | Self::RefreshExpired { .. }
            | Self::RefreshScopeBeyond(_)
            | Self::RefreshConnectorGone { .. }
            | Self::RefreshNotOfConnector { .. }
            | Self::RefreshDenied { .. } => Some(E::InvalidRequest),
            Self::DeviceCodeUnknown => Some(E::InvalidRequest),
            Self::MissingGrantType => Some(E::UnsupportedGrantType),
            Self::ConsentRequired => Some(E::InteractionRequired),
            Self::BearerMissing
            | Self::BearerInvalid
            | Self::BearerLacksOpenId
            | Self::WrongPassword
            | Self::SubjectTokenRefused(_) => Some(E::AccessDenied),
            Self::PasswordScopes(_) => Some(E::InvalidRequest),
            Self::ExchangeScopes(_) => Some(E::ServerError),
            Self::SubjectTokenType(_) | Self::RequestedTokenType(_) => Some(E::RequestNotSupported),
            _ => None,
        }
    }

    /// dex's words, to the letter, where clients are known to match on them.
    pub(super) fn dex_description(&self) -> Option<Cow<'static, str>> {
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
            Self::UntrustedAudience(words) | Self::ScopeNotAllowed(words) => {
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
            | Self::CodeReplayed { .. }
            | Self::CodeTakenOver { .. }
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
            | Self::RefreshObsolete { .. }
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
            Self::RefreshDenied { .. }
            | Self::UnsupportedGrantType(_)
            | Self::MissingGrantType
            | Self::DevicePending
            | Self::DevicePolledTooSoon
            | Self::DeviceCodeExpired
            | Self::NoDeviceGrant => "".into(),
            Self::MissingDeviceCode => "No device code received".into(),
            Self::DeviceCodeUnknown => "Invalid Device code.".into(),
            Self::MissingUserCode => "No user code received".into(),
            Self::UserCodeUnknown => "Invalid or expired user code.".into(),
            Self::DeviceAnswerIncomplete => "Request was missing parameters".into(),
            Self::DeviceAnswerRefused => "Authorization failed. Please try again.".into(),
            Self::DeviceAnswerCodeUnknown => "Invalid or expired auth code.".into(),
            Self::DeviceAnswerLate => "Invalid or expired device code.".into(),
            Self::NoSuchResource => "Requested resource does not exist.".into(),
            Self::ScopeOfPeople(words) => {
                let words = repeatable(&words.join(" "));
                format!("client_credentials grant does not support {words} scope.").into()
            }
            Self::PublicClientHasNoCredentials => {
                "Public clients cannot use client_credentials grant.".into()
            }
            Self::WrongPassword => "Invalid username or password".into(),
            Self::PasswordConnectorMissing | Self::ExchangeConnectorUnknown(_) => {
                "Requested connector does not exist.".into()
            }
            Self::PasswordConnectorAsksNone => {
                "Requested password connector does not correct type.".into()
            }
            Self::PasswordLoginFailed(_) => "Could not login user".into(),
            Self::PasswordScopes(why) => return why.dex_description(),
            Self::GrantNotOfConnector(_) | Self::RefreshNotOfConnector { .. } => {
                "Requested connector does not support this grant type.".into()
            }
            Self::ConnectorNotOfClient(_) => "Connector not allowed for this client.".into(),
            Self::SubjectTokenMissing => "Missing subject_token".into(),
            Self::SubjectTokenType(_) => "Invalid subject_token_type.".into(),
            Self::RequestedTokenType(_) => "Invalid requested_token_type.".into(),
            Self::SubjectTokenRefused(_) | Self::ExchangeScopes(_) => "".into(),
            Self::BearerMissing | Self::BearerInvalid => "Invalid bearer token.".into(),
            Self::MissingToken => "The POST body doesn't contain 'token' parameter.".into(),
            Self::IntrospectionByMethod(method) => {
                let method = repeatable(method);
                format!(r#"HTTP method is "{method}", expected "POST"."#).into()
            }
            Self::IntrospectionOfNothing => "The POST body can not be empty.".into(),
            Self::MethodNotAllowed(_) => "method not allowed".into(),
            Self::LogoutRedirectNeedsHint => {
                "post_logout_redirect_uri requires id_token_hint.".into()
            }
            Self::LogoutRedirectUnregistered => "Unregistered post_logout_redirect_uri.".into(),
            Self::LogoutClientUnknown => "Invalid client.".into(),
            Self::NoLogoutInProgress => "No logout in progress.".into(),
            Self::RefreshSessionEnded { .. } => {
                "The session this refresh token belongs to has ended.".into()
            }
            _ => return None,
        })
    }
}
