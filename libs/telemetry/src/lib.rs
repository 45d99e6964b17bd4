//! Tracing set-up, and the Prometheus registry's endpoint.
