use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use insula_oauth::GrantType;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::route::Route;

/// Beyond so many tenants, the rest share the label `_other`.
const TENANT_LABELS: usize = 200;

/// What this crate counts. Names without a prefix are dex's, whose dashboards read them.
#[derive(Debug)]
pub struct WebMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    sizes: HistogramVec,
    tokens: IntCounterVec,
    logins: IntCounterVec,
    tenants: IntCounterVec,
    known_tenants: Mutex<HashMap<String, ()>>,
}

impl WebMetrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let by_route = ["code", "method", "handler"];
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let made = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let made = HistogramVec::new(options, &by_route)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        Ok(Self {
            requests: counter(
                "http_requests_total",
                "Count of all HTTP requests.",
                &by_route,
            )?,
            durations: histogram(
                "request_duration_seconds",
                "Time from the head of a request to its answer, in seconds.",
                &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
            )?,
            sizes: histogram(
                "response_size_bytes",
                "Size of response bodies, in bytes.",
                &[200.0, 500.0, 900.0, 1500.0, 5000.0, 20000.0],
            )?,
            tokens: counter(
                "insula_token_requests_total",
                "Token requests by grant type and result.",
                &["grant", "result"],
            )?,
            logins: counter(
                "insula_logins_total",
                "Steps of a login that ended it, by result: code, refused, fault.",
                &["result"],
            )?,
            tenants: counter(
                "insula_tenant_requests_total",
                "Requests by tenant; beyond 200 tenants the rest count as _other.",
                &["tenant"],
            )?,
            known_tenants: Mutex::default(),
        })
    }

    pub(crate) fn request(
        &self,
        route: &Route,
        method: &str,
        status: u16,
        took: Duration,
        size: u64,
    ) {
        let code = status.to_string();
        let labels = [code.as_str(), method, route.pattern()];
        self.requests.with_label_values(&labels).inc();
        self.durations
            .with_label_values(&labels)
            .observe(took.as_secs_f64());
        #[expect(
            clippy::cast_precision_loss,
            reason = "a body of 2^53 bytes is not sent"
        )]
        self.sizes.with_label_values(&labels).observe(size as f64);
    }

    pub(crate) fn tenant(&self, tenant: &str) {
        let mut known = self
            .known_tenants
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let label = if known.contains_key(tenant) {
            tenant
        } else if known.len() < TENANT_LABELS {
            known.insert(tenant.to_owned(), ());
            tenant
        } else {
            "_other"
        };
        self.tenants.with_label_values(&[label]).inc();
    }

    pub(crate) fn token(&self, grant: Option<GrantType>, is_ok: bool) {
        let grant = grant.map_or("unknown", GrantType::as_str);
        let result = if is_ok { "ok" } else { "error" };
        self.tokens.with_label_values(&[grant, result]).inc();
    }

    pub(crate) fn login(&self, result: &str) {
        self.logins.with_label_values(&[result]).inc();
    }
}
