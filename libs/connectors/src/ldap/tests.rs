//! Against OpenLDAP's own server, started for each test, and Samba as Active Directory; what neither can do
//! is shown with answers made up here.

mod active_directory;
mod domain;
mod groups;
mod kerberos;
mod lab;
mod login;
mod outages;
mod policies;
mod refresh;
mod settings;
mod slapd;
mod tls;
