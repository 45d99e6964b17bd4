//! Insula end to end: every test speaks to the real process over HTTP, as a browser, a client or an
//! operator would. Mirrored by endpoint; each test is a sentence.

mod accessibility;
mod admin;
mod attack;
mod attacks;
mod authorize;
mod browsers;
mod budget;
mod check;
mod clients;
mod connections;
mod connectors;
mod device;
mod dex_home;
mod events;
mod examples;
mod form_post_basic;
mod log_lines;
mod logout;
mod observability;
mod pages;
mod relay;
mod restarts;
mod shared_server;
mod stored_clients;
mod tenant_isolation;
mod tenants;
mod tls;
mod token;
