//! The one HTTP client of the house: time-outs, size limits, no private addresses, and a wall
//! between the upstreams.

mod address;
mod breaker;
mod client;
mod policy;
mod resolver;
mod tls;
mod upstream;

pub use client::UpstreamHttp;
pub use policy::OutboundPolicy;
pub(crate) use upstream::{Answer, Ask, Upstream, UpstreamSettings};

#[cfg(test)]
mod tests;
