//! Logins at each kind of upstream.

mod active_directory;
mod authproxy;
mod bitbucket_cloud;
mod both_dialects;
mod fixed_addresses;
mod gitea;
mod gitlab;
mod insula;
mod internet;
mod kerberos;
mod keycloak;
mod keystone;
mod ldap;
mod live;
mod microsoft;
mod oidc_provider;
mod openshift;
mod saml;
mod vendor;
