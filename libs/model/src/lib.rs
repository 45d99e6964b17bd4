//! Insula's records: typed ids, secrets, tenant specs and the state machines of a login.
//!
//! Owns what things *are* and which transitions they allow. Owns no rule of the protocol (`engine`),
//! no persistence (`store`) and no I/O.

pub mod address;
pub mod registration;

mod auth_request;
mod cache_epoch;
mod claim;
mod client;
mod client_logout;
mod connector_spec;
mod device;
mod document;
mod email_domain;
mod event;
mod grant;
mod hash;
mod http_policy;
mod id;
mod identity;
mod issuer;
mod password_hash;
mod people;
mod person;
mod request_objects;
mod resource;
mod rules;
mod secret;
mod session;
mod tenant;
mod token_exchange;
mod written_length;

pub use auth_request::{
    Asked, AuthRequest, AuthorizationRequest, Login, Origin, Proof, ProvenPerson, WrongStage,
};
pub use cache_epoch::{CacheEpoch, CodeClaim};
/// A client names algorithms.
pub use insula_jose::Alg;

pub use claim::{Claim, ClaimSet, ClaimsRequest, RequestedClaims};
pub use client::{Client, IntrospectionScope};
pub use client_logout::{ClientLogout, RefreshTokenLifetime};
pub use connector_spec::{ClockSkew, ConnectorSpec};
pub use device::{DeviceOrigin, DeviceRequest, UserCode};
pub use document::{DocumentFormat, DocumentSyntax, TenantDocument};
pub use email_domain::{LONGEST_ADDRESS, email_domain};
pub use event::{Denial, Event, EventKind, Revocation, SessionEnd};
pub use grant::{CodeGrant, RefreshGrant};
pub use hash::TokenHash;
pub use http_policy::{ClientAddressHeader, Cors, CorsOrigins, HttpPolicy};
pub use id::{
    AuthRequestId, ClientId, ConnectorId, EventId, GrantId, InvalidId, RefreshId, SessionId,
    TenantId, UserId,
};
pub use identity::{Identity, IdentityClaims};
pub use issuer::{Issuer, IssuerError};
pub use password_hash::{Argon2Cost, NEW_PASSWORD_HASH, PasswordHashCost, PasswordHashTooCostly};
pub use people::People;
pub use person::{Address, PersonDetails, Phone};
pub use request_objects::RequestObjects;
pub use resource::{Resource, ResourceScope};
pub use rules::{
    AccessTokenForm, DeviceForm, IntrospectionForm, LoopbackRedirects, PreflightForm, RefusalForm,
    ReplacedRefreshToken, Rules,
};
pub use secret::{
    AccessToken, AuthorizationCode, BindingCookie, ClientSecret, DeviceCode, Password,
    RefreshSecret, SessionCookie,
};
pub use session::{BrowserSession, EarlierSession};
pub use tenant::{
    Dialect, Expiry, Frontend, Limits, Links, OAuth2Policy, PasswordRecord, Rate, RefreshPolicy,
    SessionPolicy, SignerPolicy, SsoDefault, TenantSpec,
};
pub use token_exchange::{
    AccessTokensOf, ExchangeAccessTokens, ExchangeConnector, SubjectTokens, TokenExchange,
};
pub use written_length::written_length;
