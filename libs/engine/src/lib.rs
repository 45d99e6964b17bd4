//! The protocol rules: given a request, the facts and the time, what may happen next.
//!
//! Owns every OAuth and OpenID Connect decision. Where dex departs from the RFCs it reads a rule of
//! the tenant. Owns no I/O, no clock, no HTTP: callers load the facts (`flows`) and carry the answer
//! (`web`).

pub mod access;
pub mod access_token;
pub mod authorize;
pub mod bearer;
pub mod binding;
pub mod client_auth;
pub mod device;
pub mod discovery;
pub mod grants;
pub mod introspect;
pub mod issue;
pub mod logout;
pub mod people;
pub mod revoke;
pub mod signing;
pub mod subject;
pub mod token_plan;
pub mod userinfo;

mod acr;
mod audience;
mod claims;
mod evidence;
mod peers;
mod proof;
mod refusal;
mod string_pair;

pub use acr::asked_of_upstream;
pub use audience::MOST_AUDIENCES;
pub use evidence::{ClientBudget, Evidence};
pub use peers::Peers;
pub use proof::{Step, proof_of, proves};
pub use refusal::{Refusal, repeatable};
