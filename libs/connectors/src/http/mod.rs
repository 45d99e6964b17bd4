//! The one HTTP client of all connectors: time-outs, size limits, no private addresses, and a wall
//! between the upstreams.

mod address;
mod client;
mod policy;
mod post;
mod remembered;
mod resolver;
mod tls;
mod upstream;

pub use client::UpstreamHttp;
pub use policy::OutboundPolicy;
pub(crate) use remembered::Remembered;
pub(crate) use resolver::{NoAddress, resolve};
pub(crate) use tls::{Trust, pem, root_ca};
pub(crate) use upstream::{Answer, Ask, Upstream, UpstreamSettings};

#[cfg(test)]
mod tests;
