//! What the process tells its operators: log records, metrics as text, and its health.
//!
//! Owns the set-up of tracing, the Prometheus text form, the process's own metrics and the collected
//! outcome of health checks. Owns no HTTP (`web` serves all of it), no clock (moments are handed
//! over), and no metric of another crate: each declares its own and registers it.

mod health;
mod log;
mod metrics;

pub use health::{CheckReport, Health, HealthReport, HealthStatus, Turn};
pub use log::{LogError, LogFormat, LogSettings, init_tracing};
pub use metrics::{Build, METRICS_CONTENT_TYPE, metrics_text, register_process};
