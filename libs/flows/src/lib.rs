//! One file per use case: load the facts, ask the engine, commit what it decided.
//!
//! Owns the order of I/O around a decision, and nothing else: rules are `engine`'s, rows are
//! `store`'s, how an outcome travels is `web`'s. Every flow is handed a [`TenantView`], whose stores
//! are bound to one tenant; no signature here names a tenant.

pub mod authorize;
pub mod backchannel;
pub mod callback;
pub mod clients;
pub mod consent;
pub mod device;
pub mod home;
pub mod introspect;
pub mod login;
pub mod logout;
pub mod posted;
pub mod revoke;
pub mod token;
pub mod userinfo;

mod advance;
mod choice;
mod client_authentication;
mod client_book;
mod client_guesses;
mod commit;
mod configured_people;
mod connectors;
mod conversation;
mod denied;
mod error;
mod family;
mod guesses;
mod issue;
mod kept;
mod known_device;
mod last_used;
mod log_in;
mod login_log;
mod outcome;
mod questions;
mod refresh_grant;
mod routes;
mod sealed;
mod session;
mod session_end;
mod signing;
#[cfg(test)]
mod testing;
mod under_way;
mod upstream_logout;
mod view;

pub use client_book::ClientBook;
pub use clients::ClientChangeError;
pub use configured_people::ConfiguredPeople;
pub use connectors::{Connectors, OpenedConnector};
pub use error::{Fault, FlowError, Refused};
pub use outcome::{
    AddressForm, AuthorizationResponse, ConnectorChoice, ConsentScope, CookieChange, DeviceAsked,
    DeviceTrouble, Negotiate, Outcome, PasswordTrouble, Screen, TooMany, Turn, Unavailability,
};
pub use questions::Questions;
pub use signing::have_promised_keys_made;
pub use view::{Browser, Effects, MakeKeys, Tasks, TenantView};
