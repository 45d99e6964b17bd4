//! The browser- and client-facing HTTP of all tenants.
//!
//! Owns how a request finds its tenant, how forms, cookies and headers are read, and how an outcome,
//! a refusal or a fault travels: the only place that writes a status code. Owns no rule and no row;
//! an endpoint reads its input, calls one flow and carries the answer.

mod browser;
mod client_address;
mod context;
mod cors;
mod endpoints;
mod finished;
mod front_door;
mod headers;
mod host;
mod metrics;
mod outages;
mod page;
mod posted;
mod read;
mod respond;
mod route;
mod screen;
mod telemetry;
#[cfg(test)]
mod tests;

pub use front_door::{WebSettings, WebState, front_door};
pub use metrics::WebMetrics;
pub use telemetry::{TelemetryState, telemetry_routes};
