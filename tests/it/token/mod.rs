//! The token endpoint and what its tokens are good for.

mod algorithms;
mod claims;
mod client_auth;
mod client_credentials;
mod codes;
mod discovery;
mod exchange;
mod introspection;
mod password;
mod refresh;
mod resources;
mod revocation;
mod signing;
mod userinfo;
