//! Serves an actix-web app over HTTP/1.1 and HTTP/2, with a bound on everything a stranger can
//! hold: connections, time, unread answers, header lists and resets.
//!
//! Owns the accept loop, TLS handshakes, deadlines and the way connections end when the process
//! leaves a balancer. Owns no framing: HTTP/1.1 is actix-http's, HTTP/2 is hyper's (ADR 0017). Owns
//! no route and no rule of the protocol.

mod app;
mod body;
mod connection;
mod gate;
mod guarded;
mod http1;
mod http2;
mod limits;
mod metrics;
mod peers;
mod progress;
mod serve;
mod unhurried;

pub use gate::Gate;
pub use limits::Limits;
pub use serve::{Endpoint, ServeOptions, serve};
