use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::progress::Cause;

/// Which limit refused a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Peer,
    Total,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    open: IntGauge,
    refused: IntCounterVec,
    closed: IntCounterVec,
    /// Each counter in the order of its labels, so that a flood costs no look among these.
    by_limit: [IntCounter; Refused::ALL.len()],
    by_cause: [IntCounter; Cause::ALL.len()],
}

impl Refused {
    const ALL: [Self; 2] = [Self::Peer, Self::Total];
}

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let refused = Opts::new(
            "insula_connections_refused_total",
            "Connections closed at once because a limit was reached, by limit.",
        );
        let closed = Opts::new(
            "insula_connections_closed_total",
            "Connections that the server closed, by reason.",
        );
        let refused = IntCounterVec::new(refused, &["limit"])?;
        let closed = IntCounterVec::new(closed, &["reason"])?;
        Ok(Self {
            open: IntGauge::new(
                "insula_connections_open",
                "Connections to the tenants' listeners.",
            )?,
            // Every series is there from the start, so that an alert sees the first of its kind.
            by_limit: Refused::ALL.map(|limit| refused.with_label_values(&[label(limit)])),
            by_cause: Cause::ALL.map(|cause| closed.with_label_values(&[cause.label()])),
            refused,
            closed,
        })
    }

    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.open.clone()))?;
        registry.register(Box::new(self.refused.clone()))?;
        registry.register(Box::new(self.closed.clone()))
    }

    pub(crate) fn open(&self, connections: usize) {
        self.open
            .set(i64::try_from(connections).unwrap_or(i64::MAX));
    }

    pub(crate) fn refused(&self, limit: Refused) {
        let mut counters = Refused::ALL.iter().zip(&self.by_limit);
        if let Some((_, counter)) = counters.find(|(known, _)| **known == limit) {
            counter.inc();
        }
    }

    pub(crate) fn closed(&self, cause: Cause) {
        let mut counters = Cause::ALL.iter().zip(&self.by_cause);
        if let Some((_, counter)) = counters.find(|(known, _)| **known == cause) {
            counter.inc();
        }
    }
}

const fn label(limit: Refused) -> &'static str {
    match limit {
        Refused::Peer => "peer",
        Refused::Total => "total",
    }
}
