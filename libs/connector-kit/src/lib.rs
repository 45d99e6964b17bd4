//! The one [`Connector`] trait, and what the authors of connectors need.
//!
//! A connector asks a person or an upstream who somebody is, and hears the answer. It never sees an
//! HTTP request of ours: what it needs comes as plain values, so it is tested with plain values.
//! Owns no HTTP client (`connectors`) and no rule of what a login is worth (`engine`).

mod challenge;
mod claims;
mod code_flow;
mod connector;
mod contract;
mod error;
mod exchange;
mod health;
mod negotiation;
mod open;
mod password;
mod post_form;

pub use challenge::{Challenge, Memory, Reply};
pub use claims::{Document, Qualified, UpstreamClaims};
pub use code_flow::{
    PkcePair, RedirectFrom, UpstreamTokens, authorization_url, error_word, random_text, read_code,
    refused_with, what_helps,
};
pub use connector::{
    Capabilities, Connector, ConnectorMetadata, LoginContext, LogoutContext, UpstreamIdentity,
};
pub use contract::{keeps_contract, refuses_exchange_it_cannot, refuses_refresh_it_cannot};
pub use error::ConnectorError;
pub use exchange::{ExchangedIdentity, SubjectToken, SubjectTokenAudience, SubjectTokenKind};
pub use health::{HealthReport, HearHealth, UpstreamHealth};
pub use negotiation::{Negotiated, Negotiation, Once};
pub use open::{OpenConnector, OpenContext};
pub use password::{LoginName, PasswordBook, PasswordCheck, PasswordVerdict};
pub use post_form::{NotPosted, PostForm};
