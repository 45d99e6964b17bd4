use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

/// What is counted of the talk with Redis.
pub(crate) struct Metrics {
    /// Commands sent, answered or not.
    sent: AtomicU64,
    /// Round trips to Redis by verb and outcome (ok, failed, unavailable).
    round_trips: IntCounterVec,
    /// How long a round trip took, in seconds, by verb.
    seconds: HistogramVec,
    /// Those of both, each looked up by its labels once.
    known: ArcSwap<HashMap<(&'static str, Outcome), Trips>>,
    /// 1 while Redis is taken to be away and calls fail at once.
    breaker_open: IntGauge,
}

#[derive(Clone)]
struct Trips {
    count: IntCounter,
    seconds: Histogram,
}

/// How a round trip ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Unavailable,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Trips {
    fn another(&self, took: Duration) {
        self.count.inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let trips = Opts::new(
            "insula_redis_round_trips_total",
            "Round trips to Redis by verb and outcome.",
        );
        let seconds = HistogramOpts::new(
            "insula_redis_round_trip_seconds",
            "How long a round trip to Redis took, by verb.",
        )
        .buckets(vec![
            0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
        ]);
        Ok(Self {
            sent: AtomicU64::new(0),
            round_trips: IntCounterVec::new(trips, &["verb", "outcome"])?,
            seconds: HistogramVec::new(seconds, &["verb"])?,
            known: ArcSwap::default(),
            breaker_open: IntGauge::new(
                "insula_redis_breaker_open",
                "1 while Redis is taken to be away and calls fail at once.",
            )?,
        })
    }

    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.round_trips.clone()))?;
        registry.register(Box::new(self.seconds.clone()))?;
        registry.register(Box::new(self.breaker_open.clone()))
    }

    pub(crate) fn sending(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn ended(&self, verb: &'static str, outcome: Outcome, took: Duration) {
        let key = (verb, outcome);
        if let Some(known) = self.known.load().get(&key) {
            return known.another(took);
        }
        let met = Trips {
            count: self
                .round_trips
                .with_label_values(&[verb, outcome.as_str()]),
            seconds: self.seconds.with_label_values(&[verb]),
        };
        met.another(took);
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(key, met.clone());
            known
        });
    }

    pub(crate) fn breaker(&self, open: bool) {
        self.breaker_open.set(i64::from(open));
    }
}
