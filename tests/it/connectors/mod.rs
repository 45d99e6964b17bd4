//! Logins at each kind of upstream.

mod authproxy;
mod ldap;
mod microsoft;
mod oidc_provider;
