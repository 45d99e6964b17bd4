//! Against OpenLDAP's own server, started for each test; what it cannot do is shown with answers made
//! up here.

mod groups;
mod lab;
mod login;
mod outages;
mod refresh;
mod settings;
mod slapd;
mod tls;
