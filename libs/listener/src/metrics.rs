use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

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
        let made = Self {
            open: IntGauge::new(
                "insula_connections_open",
                "Connections to the tenants' listeners.",
            )?,
            refused: IntCounterVec::new(refused, &["limit"])?,
            closed: IntCounterVec::new(closed, &["reason"])?,
        };
        // Every series is there from the start, so that an alert sees the first of its kind.
        for limit in [Refused::Peer, Refused::Total] {
            made.refused.with_label_values(&[label(limit)]);
        }
        for cause in Cause::ALL {
            made.closed.with_label_values(&[cause.label()]);
        }
        Ok(made)
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
        self.refused.with_label_values(&[label(limit)]).inc();
    }

    pub(crate) fn closed(&self, cause: Cause) {
        self.closed.with_label_values(&[cause.label()]).inc();
    }
}

const fn label(limit: Refused) -> &'static str {
    match limit {
        Refused::Peer => "peer",
        Refused::Total => "total",
    }
}
