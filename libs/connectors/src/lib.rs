//! One folder per upstream, and the registry that names them.
//!
//! Owns how each kind of upstream is spoken to, the one HTTP client all of them share with its
//! guard against private addresses, and the pool passwords are hashed on. Owns no rule of what a
//! login is worth (`engine`), keeps no state of a login (`flows` hands it back) and never sees an
//! HTTP request of ours (`web`).

mod authproxy;
mod base_url;
mod bitbucket_cloud;
mod callback;
mod crowd;
mod gitea;
mod github;
mod gitlab;
mod google;
mod hashing;
mod http;
mod keystone;
mod ldap;
mod linkedin;
mod local;
mod microsoft;
mod mock;
mod oauth;
mod oauth_client;
mod oidc;
mod openshift;
mod registry;
mod saml;
mod settings;
mod token_endpoint;

pub use hashing::{HashingPool, hash_password};
pub use http::{OutboundPolicy, UpstreamHttp};
pub use registry::Registry;

#[cfg(test)]
mod testing;
