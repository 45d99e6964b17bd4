use insula_store::{FactsTotals, RememberedUse};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};

/// What all tenants together have remembered of rows, read off where it is counted.
#[derive(Debug, Clone)]
pub(super) struct FactsMetrics {
    totals: FactsTotals,
    lookups: IntCounterVec,
    evicted: IntCounterVec,
    entries: IntGaugeVec,
    bytes: IntGaugeVec,
}

impl FactsMetrics {
    pub(super) fn new(totals: FactsTotals) -> prometheus::Result<Self> {
        let opts = Opts::new;
        Ok(Self {
            totals,
            lookups: IntCounterVec::new(
                opts(
                    "insula_remembered_rows_lookups_total",
                    "Questions that a remembered row could answer, by kind and whether one did.",
                ),
                &["kind", "found"],
            )?,
            evicted: IntCounterVec::new(
                opts(
                    "insula_remembered_rows_evicted_total",
                    "Remembered rows that went before their time to make room, by kind.",
                ),
                &["kind"],
            )?,
            entries: IntGaugeVec::new(
                opts(
                    "insula_remembered_rows",
                    "Rows that are remembered of all tenants together, by kind.",
                ),
                &["kind"],
            )?,
            bytes: IntGaugeVec::new(
                opts(
                    "insula_remembered_rows_bytes",
                    "What remembered rows take in memory, by kind.",
                ),
                &["kind"],
            )?,
        })
    }

    fn set(&self, kind: &str, now: RememberedUse) {
        let lookups = [("yes", now.hits), ("no", now.misses)];
        let lookups = lookups.map(|(found, count)| {
            let counter = self.lookups.with_label_values(&[kind, found]);
            (counter, count)
        });
        let evicted = (self.evicted.with_label_values(&[kind]), now.evicted);
        for (counter, count) in lookups.into_iter().chain([evicted]) {
            // It only ever grows.
            counter.inc_by(count.saturating_sub(counter.get()));
        }
        let gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let entries = self.entries.with_label_values(&[kind]);
        entries.set(gauge(now.entries));
        self.bytes.with_label_values(&[kind]).set(gauge(now.bytes));
    }
}

impl Collector for FactsMetrics {
    fn desc(&self) -> Vec<&Desc> {
        let mut all = self.lookups.desc();
        all.extend(self.evicted.desc());
        all.extend(self.entries.desc());
        all.extend(self.bytes.desc());
        all
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.set("sessions", self.totals.sessions.usage());
        self.set("revocations", self.totals.revocations.usage());
        self.set("clients", self.totals.clients.usage());
        self.set("people", self.totals.people.usage());
        let mut all = self.lookups.collect();
        all.extend(self.evicted.collect());
        all.extend(self.entries.collect());
        all.extend(self.bytes.collect());
        all
    }
}
