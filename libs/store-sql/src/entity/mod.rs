//! The rows, one file for each table.
#![expect(
    unreachable_pub,
    reason = "what the entity macro makes is pub, and so must be what it is made of"
)]

pub(crate) mod browser_session;
pub(crate) mod client;
pub(crate) mod event;
pub(crate) mod event_counter;
pub(crate) mod identity;
pub(crate) mod key_ring;
pub(crate) mod last_good_document;
pub(crate) mod lease;
pub(crate) mod logout_notice;
pub(crate) mod redeemed_code;
pub(crate) mod refresh_grant;
pub(crate) mod registered_host;
pub(crate) mod registered_tenant;
pub(crate) mod registry_counter;
pub(crate) mod revoked_grant;
pub(crate) mod server_fact;
pub(crate) mod tenant_owner;
pub(crate) mod upgraded_password;
