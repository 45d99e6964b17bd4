//! The wire vocabulary of OAuth 2 and OpenID Connect: one file per noun of the RFCs.
//!
//! Owns how requests are read, how responses are written and what the registered words are
//! (grant types, response types and modes, prompts, scopes, error codes). Decides nothing: whether
//! a request is allowed is `insula-engine`'s business, how an answer travels is `insula-web`'s.

mod authorize;
mod client_auth;
mod device;
mod error;
mod grant_type;
mod introspect;
mod logout;
mod metadata;
mod params;
mod pkce;
mod prompt;
mod response_mode;
mod response_type;
mod revoke;
mod scope;
mod token;
mod token_exchange;

pub use authorize::AuthorizeRequest;
pub use client_auth::{ClientAuthError, ClientAuthMethod, PresentedClient};
pub use device::{DeviceAuthorizationRequest, DeviceAuthorizationResponse};
pub use error::{ErrorCode, OAuthError};
pub use grant_type::GrantType;
pub use introspect::{IntrospectRequest, IntrospectResponse, IntrospectionExt};
pub use logout::LogoutRequest;
pub use metadata::ProviderMetadata;
pub use params::{Params, ParamsError, encode_pairs};
pub use pkce::{CodeChallenge, CodeChallengeMethod, CodeVerifier};
pub use prompt::{Prompt, Prompts};
pub use response_mode::ResponseMode;
pub use response_type::{ResponseType, ResponseWord};
pub use revoke::{RevokeRequest, TokenTypeHint};
pub use scope::{Scope, Scopes};
pub use token::{
    ClientCredentialsRequest, CodeRequest, DeviceCodeRequest, RefreshRequest, TokenRequest,
    TokenRequestError, TokenResponse,
};
pub use token_exchange::{PasswordRequest, TokenExchangeRequest, TokenType};
