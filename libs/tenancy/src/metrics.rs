use std::time::Duration;

use insula_flows::backchannel::LogoutTold;
use insula_store::FactsTotals;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::Failure;

mod connectors;
mod facts;

use connectors::ConnectorMetrics;
use facts::FactsMetrics;

/// What is counted of tenants' lives. No series carries a tenant's name, for there may be a hundred
/// thousand of them; but for connectors that are out of order.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Tenants there are.
    pub(crate) registered: IntGauge,
    /// Tenants whose actor runs.
    pub(crate) awake: IntGauge,
    /// How many may.
    pub(crate) most_awake: IntGauge,
    /// Tenants whose present configuration cannot be served: they have their last good one.
    pub(crate) on_last_good: IntGauge,
    /// Tenants that failed too often and are left alone for a while.
    pub(crate) quarantined: IntGauge,
    /// Threads of actors that were replaced because something blocked them.
    pub(crate) threads_replaced: IntCounter,
    /// Those of them that have not ended.
    pub(crate) threads_given_up: IntGauge,
    /// Tenants that were moved off a thread that another tenant blocked.
    pub(crate) moves: IntCounter,
    /// How long it took from waking a tenant to its first snapshot, in seconds.
    activation_seconds: Histogram,
    /// Tenants put to sleep because nobody came.
    pub(crate) passivations: IntCounter,
    /// Times a tenant failed and was tried again, by reason.
    failures: IntCounterVec,
    /// Reloads of tenants, by outcome.
    reloads: IntCounterVec,
    /// Key rings that were found changed by another process of which no word had come.
    pub(crate) keys_found_changed: IntCounter,
    /// Key rings changed, by outcome: swapped, or lost to another process, or failed.
    rotations: IntCounterVec,
    /// Clients told that somebody logged out, by outcome.
    logouts_told: IntCounterVec,
    /// Their connectors.
    pub(crate) connectors: ConnectorMetrics,
    /// What is remembered of rows.
    facts: FactsMetrics,
}

/// How a change of a key ring ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotated {
    Swapped,
    Lost,
    Failed,
}

impl Metrics {
    #[expect(
        clippy::expect_used,
        reason = "names, help and buckets are constants, and a test makes them"
    )]
    pub(crate) fn new(facts: &FactsTotals) -> Self {
        Self::try_new(facts).expect("the names of metrics are well formed")
    }

    fn try_new(facts: &FactsTotals) -> prometheus::Result<Self> {
        let seconds = HistogramOpts::new(
            "insula_tenant_activation_seconds",
            "How long it took from waking a tenant to its first snapshot, in seconds.",
        )
        .buckets(vec![
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ]);
        Ok(Self {
            registered: IntGauge::new("insula_tenants_registered", "Tenants there are.")?,
            awake: IntGauge::new("insula_tenants_awake", "Tenants whose actor runs.")?,
            most_awake: IntGauge::new(
                "insula_tenants_awake_limit",
                "Tenants that may be awake; beyond it those unused for longest go to sleep.",
            )?,
            on_last_good: IntGauge::new(
                "insula_tenants_on_last_good",
                "Tenants served by their last good configuration, for the present one cannot be.",
            )?,
            quarantined: IntGauge::new(
                "insula_tenants_resting",
                "Tenants that failed too often and are left alone for a while.",
            )?,
            threads_replaced: IntCounter::new(
                "insula_tenant_threads_replaced_total",
                "Threads of tenants' actors that were replaced because something blocked them.",
            )?,
            threads_given_up: IntGauge::new(
                "insula_tenant_threads_given_up",
                "Threads of tenants' actors that were replaced and are still blocked.",
            )?,
            moves: IntCounter::new(
                "insula_tenant_moves_total",
                "Tenants moved off a thread that another tenant blocked.",
            )?,
            activation_seconds: Histogram::with_opts(seconds)?,
            passivations: IntCounter::new(
                "insula_tenant_passivations_total",
                "Tenants put to sleep because nobody came.",
            )?,
            failures: IntCounterVec::new(
                Opts::new(
                    "insula_tenant_restarts_total",
                    "Times a tenant fell and was tried again, by reason.",
                ),
                &["reason"],
            )?,
            reloads: IntCounterVec::new(
                Opts::new(
                    "insula_tenant_reloads_total",
                    "Reloads of tenants, by outcome.",
                ),
                &["outcome"],
            )?,
            keys_found_changed: IntCounter::new(
                "insula_keys_found_changed_total",
                "Key rings found changed by another process of which no word had come.",
            )?,
            rotations: IntCounterVec::new(
                Opts::new(
                    "insula_key_rotations_total",
                    "Key rings changed, by outcome: swapped, or lost to another process, or failed.",
                ),
                &["outcome"],
            )?,
            logouts_told: IntCounterVec::new(
                Opts::new(
                    "insula_logouts_told_total",
                    "Times a client was to be told that somebody logged out, by outcome: told, or \
                     failed and tried again, or given up, or not wanted any more, or not possible here.",
                ),
                &["outcome"],
            )?,
            connectors: ConnectorMetrics::new()?,
            facts: FactsMetrics::new(facts.clone())?,
        })
    }

    /// Has them served with everything else in `registry`.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.registered.clone()))?;
        registry.register(Box::new(self.awake.clone()))?;
        registry.register(Box::new(self.most_awake.clone()))?;
        registry.register(Box::new(self.on_last_good.clone()))?;
        registry.register(Box::new(self.quarantined.clone()))?;
        registry.register(Box::new(self.threads_replaced.clone()))?;
        registry.register(Box::new(self.threads_given_up.clone()))?;
        registry.register(Box::new(self.moves.clone()))?;
        registry.register(Box::new(self.activation_seconds.clone()))?;
        registry.register(Box::new(self.passivations.clone()))?;
        registry.register(Box::new(self.failures.clone()))?;
        registry.register(Box::new(self.reloads.clone()))?;
        registry.register(Box::new(self.keys_found_changed.clone()))?;
        registry.register(Box::new(self.rotations.clone()))?;
        registry.register(Box::new(self.logouts_told.clone()))?;
        self.connectors.register(registry)?;
        registry.register(Box::new(self.facts.clone()))
    }

    /// What came of telling a client of a logout; `None`: nobody could try.
    pub(crate) fn logout_told(&self, told: Option<LogoutTold>) {
        let outcome = match told {
            Some(LogoutTold::Told) => "told",
            Some(LogoutTold::Failed) => "failed",
            Some(LogoutTold::Refused) => "refused",
            Some(LogoutTold::GivenUp) => "given_up",
            Some(LogoutTold::Unwanted) => "unwanted",
            Some(LogoutTold::ByAnother) => return,
            None => "impossible",
        };
        self.logouts_told.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn activated(&self, took: Duration) {
        self.activation_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn failed(&self, how: Failure) {
        self.failures.with_label_values(&[how.as_str()]).inc();
    }

    pub(crate) fn reloaded(&self, succeeded: bool) {
        let outcome = if succeeded { "ok" } else { "failed" };
        self.reloads.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn rotated(&self, outcome: Rotated) {
        let outcome = match outcome {
            Rotated::Swapped => "swapped",
            Rotated::Lost => "lost",
            Rotated::Failed => "failed",
        };
        self.rotations.with_label_values(&[outcome]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_metrics_can_be_registered_and_say_what_they_are() {
        let registry = Registry::new();
        let metrics = Metrics::new(&FactsTotals::new(1_000));
        metrics.register(&registry).unwrap();
        metrics.failed(Failure::Panicked);
        metrics.reloaded(true);
        metrics.rotated(Rotated::Lost);
        let tenant = insula_model::TenantId::parse("acme").unwrap();
        let health = metrics
            .connectors
            .health(&tenant, &insula_testkit::a_connector("idp"));
        health.not_opened("broken");
        let families = registry.gather();
        assert_eq!(families.len(), 21);
        assert!(families.iter().all(|family| family.help().ends_with('.')));
    }
}
