//! Logins at each kind of upstream.

mod authproxy;
mod ldap;
mod oidc_provider;
