use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::http::Method;
use arc_swap::ArcSwap;
use insula_flows::TooMany;
use insula_oauth::GrantType;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};

use crate::route::Route;

/// What this crate counts. Names without a prefix are dex's, whose dashboards read them.
#[derive(Debug)]
pub struct WebMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    sizes: HistogramVec,
    tokens: Counters<{ (GrantType::ALL.len() + 1) * 2 }>,
    logins: Counters<3>,
    throttled: Counters<4>,
    tenants: IntCounterVec,
    tenant_labels: usize,
    known_tenants: ArcSwap<HashMap<String, IntCounter>>,
    learning: Mutex<()>,
    /// The counter of all tenants beyond the limit.
    others: OnceLock<IntCounter>,
}

/// How a login ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LoginEnd {
    Code,
    Refused,
    Fault,
}

impl LoginEnd {
    const fn label(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Refused => "refused",
            Self::Fault => "fault",
        }
    }
}

/// Counters of one family that are few: each is found by its labels when it first counts, and not
/// again.
#[derive(Debug)]
struct Counters<const N: usize> {
    family: IntCounterVec,
    found: [OnceLock<IntCounter>; N],
}

impl<const N: usize> Counters<N> {
    const fn of(family: IntCounterVec) -> Self {
        let found = [const { OnceLock::new() }; N];
        Self { family, found }
    }

    /// Counts in the one at this place, which has these labels.
    fn count(&self, place: usize, labels: &[&str]) {
        let find = || self.family.with_label_values(labels);
        match self.found.get(place) {
            Some(known) => known.get_or_init(find).inc(),
            None => find().inc(),
        }
    }
}

/// What there was too much of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Throttled {
    /// Requests at one tenant.
    Requests,
    /// What people typed wrong.
    Typed(TooMany),
    /// Told to a program: wrong secrets of a client, its requests, or passwords it sent.
    Programs,
}

impl Throttled {
    const fn label(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Typed(TooMany::Passwords) => "passwords",
            Self::Typed(TooMany::UserCodes) => "user_codes",
            Self::Programs => "programs",
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::Requests => 0,
            Self::Typed(TooMany::Passwords) => 1,
            Self::Typed(TooMany::UserCodes) => 2,
            Self::Programs => 3,
        }
    }
}

/// The series of one route, method and status.
#[derive(Clone)]
struct Series {
    requests: IntCounter,
    durations: Histogram,
    sizes: Histogram,
}

thread_local! {
    /// Finding a series by its labels costs more than counting in it, so each worker remembers the
    /// few it meets: routes, methods and statuses are all bounded.
    static SERIES: RefCell<HashMap<(&'static str, &'static str, u16), Series>> =
        RefCell::default();
}

impl WebMetrics {
    /// Makes the metrics and registers them.
    ///
    /// Beyond `tenant_labels` tenants the rest share the label `_other`: a series for each of a
    /// hundred thousand would be more than Prometheus should carry.
    pub fn register(registry: &Registry, tenant_labels: usize) -> Result<Self, prometheus::Error> {
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
            tokens: Counters::of(counter(
                "insula_token_requests_total",
                "Token requests by grant type and result.",
                &["grant", "result"],
            )?),
            logins: Counters::of(counter(
                "insula_logins_total",
                "Steps of a login that ended it, by result: code, refused, fault.",
                &["result"],
            )?),
            throttled: Counters::of(counter(
                "insula_throttled_total",
                "Requests that were told to wait, by what there was too much of: requests of a tenant, passwords or user_codes typed wrong, or what programs sent: wrong secrets, requests of one client, wrong passwords.",
                &["what"],
            )?),
            tenants: counter(
                "insula_tenant_requests_total",
                "Requests by tenant; beyond the configured number of tenants the rest count as _other.",
                &["tenant"],
            )?,
            tenant_labels,
            known_tenants: ArcSwap::default(),
            learning: Mutex::default(),
            others: OnceLock::new(),
        })
    }

    pub(crate) fn request(
        &self,
        route: &Route,
        method: &Method,
        status: u16,
        took: Duration,
        size: u64,
    ) {
        let key = (route.pattern(), method_label(method), status);
        SERIES.with_borrow_mut(|known| {
            let series = known.entry(key).or_insert_with(|| self.series(key));
            series.requests.inc();
            series.durations.observe(took.as_secs_f64());
            #[expect(clippy::cast_precision_loss, reason = "no body has 2^53 bytes")]
            series.sizes.observe(size as f64);
        });
    }

    fn series(&self, (handler, method, status): (&str, &str, u16)) -> Series {
        let code = status.to_string();
        let labels = [code.as_str(), method, handler];
        Series {
            requests: self.requests.with_label_values(&labels),
            durations: self.durations.with_label_values(&labels),
            sizes: self.sizes.with_label_values(&labels),
        }
    }

    pub(crate) fn tenant(&self, tenant: &str) {
        let known = self.known_tenants.load();
        match known.get(tenant) {
            Some(counter) => counter.inc(),
            // Once the labels are given out, requests take no lock.
            None if known.len() >= self.tenant_labels => self.others().inc(),
            None => self.learn(tenant).inc(),
        }
    }

    /// The counter of a tenant that is met for the first time, or everybody else's.
    fn learn(&self, tenant: &str) -> IntCounter {
        let _one_at_a_time = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known_tenants.load_full();
        if let Some(counter) = known.get(tenant) {
            return counter.clone();
        }
        if known.len() >= self.tenant_labels {
            return self.others().clone();
        }
        let counter = self.tenants.with_label_values(&[tenant]);
        let mut more = HashMap::clone(&known);
        more.insert(tenant.to_owned(), counter.clone());
        self.known_tenants.store(Arc::new(more));
        counter
    }

    fn others(&self) -> &IntCounter {
        let make = || self.tenants.with_label_values(&["_other"]);
        self.others.get_or_init(make)
    }

    pub(crate) fn token(&self, grant: Option<GrantType>, is_ok: bool) {
        let mut all = GrantType::ALL.iter();
        let at = all.position(|known| Some(*known) == grant);
        let place = at.unwrap_or(GrantType::ALL.len()) * 2 + usize::from(is_ok);
        let grant = grant.map_or("unknown", GrantType::as_str);
        let result = if is_ok { "ok" } else { "error" };
        self.tokens.count(place, &[grant, result]);
    }

    pub(crate) fn throttled(&self, what: Throttled) {
        self.throttled.count(what.place(), &[what.label()]);
    }

    pub(crate) fn login(&self, end: LoginEnd) {
        let place = match end {
            LoginEnd::Code => 0,
            LoginEnd::Refused => 1,
            LoginEnd::Fault => 2,
        };
        self.logins.count(place, &[end.label()]);
    }
}

/// Lower-case, as dex has it; what strangers make up counts as one.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "get",
        "HEAD" => "head",
        "POST" => "post",
        "OPTIONS" => "options",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_tenants_share_a_label() {
        let registry = Registry::new();
        let metrics = WebMetrics::register(&registry, 2).unwrap();
        for tenant in ["a", "b", "c", "d", "a"] {
            metrics.tenant(tenant);
        }
        let count = |tenant| metrics.tenants.with_label_values(&[tenant]).get();
        assert_eq!((count("a"), count("b"), count("_other")), (2, 1, 2));
    }

    #[test]
    fn tokens_logins_and_refusals_count_under_their_own_labels_and_none_is_there_before_it_counts()
    {
        let registry = Registry::new();
        let metrics = WebMetrics::register(&registry, 2).unwrap();
        assert!(registry.gather().is_empty());
        let grants = GrantType::ALL.into_iter().map(Some).chain([None]);
        for (n, grant) in grants.enumerate() {
            metrics.token(grant, true);
            (0..=n).for_each(|_| metrics.token(grant, false));
            let word = grant.map_or("unknown", GrantType::as_str);
            let told = |result| {
                let family = &metrics.tokens.family;
                family.with_label_values(&[word, result]).get()
            };
            assert_eq!((told("ok"), told("error")), (1, n as u64 + 1), "{word}");
        }
        for (n, end) in [LoginEnd::Code, LoginEnd::Refused, LoginEnd::Fault]
            .into_iter()
            .enumerate()
        {
            (0..=n).for_each(|_| metrics.login(end));
            let family = &metrics.logins.family;
            let told = family.with_label_values(&[end.label()]).get();
            assert_eq!(told, n as u64 + 1, "{end:?}");
        }
        for (n, what) in [
            Throttled::Requests,
            Throttled::Typed(TooMany::Passwords),
            Throttled::Typed(TooMany::UserCodes),
            Throttled::Programs,
        ]
        .into_iter()
        .enumerate()
        {
            (0..=n).for_each(|_| metrics.throttled(what));
            let family = &metrics.throttled.family;
            let told = family.with_label_values(&[what.label()]).get();
            assert_eq!(told, n as u64 + 1, "{what:?}");
        }
    }

    #[test]
    fn beyond_the_limit_a_request_waits_for_no_lock() {
        let metrics = WebMetrics::register(&Registry::new(), 1).unwrap();
        metrics.tenant("a");
        let _held = metrics.learning.lock().unwrap();
        metrics.tenant("b");
        metrics.tenant("a");
        assert_eq!(metrics.others().get(), 1);
    }
}
