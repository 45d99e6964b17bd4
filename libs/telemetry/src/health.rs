use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// How the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Everything that is checked is well.
    Ok,
    /// Something was not checked yet.
    Starting,
    /// Something is not well.
    Failing,
    /// The process is going down and wants no new work.
    Draining,
}

/// The last outcomes of all checks. Clones share them.
///
/// Whoever owns a resource checks it, at its own pace, and tells the outcome here; asking for a
/// report checks nothing, so that no probe can burden the process.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    draining: bool,
    checks: BTreeMap<String, CheckReport>,
}

/// The last outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// How it is.
    pub status: HealthStatus,
    /// What is wrong; carries no secret and no personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was checked last, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at_ms: Option<i64>,
    /// Since when it fails, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since_ms: Option<i64>,
    /// How often in a row it failed.
    pub failures: u64,
}

/// All checks, and what they come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// The worst of all checks, or draining.
    pub status: HealthStatus,
    /// By name.
    pub checks: BTreeMap<String, CheckReport>,
}

impl HealthReport {
    /// Whether the process wants work: what a readiness probe asks.
    pub fn is_ready(&self) -> bool {
        self.status == HealthStatus::Ok
    }
}

impl Health {
    /// Nothing checked yet, nothing expected.
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces a check: the process is not ready before its first outcome.
    pub fn expect(&self, name: &str) {
        let mut state = self.lock();
        let unchecked = CheckReport {
            status: HealthStatus::Starting,
            message: None,
            checked_at_ms: None,
            failing_since_ms: None,
            failures: 0,
        };
        state.checks.entry(name.to_owned()).or_insert(unchecked);
    }

    /// Notes the outcome of a check made at `now_ms`, in milliseconds since the epoch.
    pub fn record(&self, name: &str, outcome: Result<(), String>, now_ms: i64) {
        let mut state = self.lock();
        let before = state.checks.get(name);
        let report = match outcome {
            Ok(()) => CheckReport {
                status: HealthStatus::Ok,
                message: None,
                checked_at_ms: Some(now_ms),
                failing_since_ms: None,
                failures: 0,
            },
            Err(message) => CheckReport {
                status: HealthStatus::Failing,
                message: Some(message),
                checked_at_ms: Some(now_ms),
                failing_since_ms: before.and_then(|b| b.failing_since_ms).or(Some(now_ms)),
                failures: before.map_or(0, |b| b.failures) + 1,
            },
        };
        state.checks.insert(name.to_owned(), report);
    }

    /// The process is going down: it is not ready any more, whatever the checks say.
    pub fn drain(&self) {
        self.lock().draining = true;
    }

    /// How things stand.
    pub fn report(&self) -> HealthReport {
        let state = self.lock();
        let any = |status| state.checks.values().any(|c| c.status == status);
        let status = if state.draining {
            HealthStatus::Draining
        } else if any(HealthStatus::Failing) {
            HealthStatus::Failing
        } else if any(HealthStatus::Starting) {
            HealthStatus::Starting
        } else {
            HealthStatus::Ok
        };
        HealthReport {
            status,
            checks: state.checks.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_not_ready_before_its_first_outcome() {
        let health = Health::new();
        assert!(health.report().is_ready());
        health.expect("storage");
        assert_eq!(health.report().status, HealthStatus::Starting);
        health.record("storage", Ok(()), 1000);
        health.expect("storage");
        assert!(health.report().is_ready());
    }

    #[test]
    fn a_failing_check_says_since_when_and_how_often() {
        let health = Health::new();
        health.record("cache", Ok(()), 1000);
        health.record("cache", Err("redis cannot be reached".into()), 2000);
        health.record("cache", Err("redis cannot be reached".into()), 3000);
        let report = health.report();
        assert_eq!(report.status, HealthStatus::Failing);
        let json = serde_json::to_value(&report).unwrap();
        let expected = serde_json::json!({
            "status": "failing",
            "checks": { "cache": {
                "status": "failing",
                "message": "redis cannot be reached",
                "checked_at_ms": 3000,
                "failing_since_ms": 2000,
                "failures": 2,
            }},
        });
        assert_eq!(json, expected);
        health.record("cache", Ok(()), 4000);
        let json = serde_json::to_value(health.report()).unwrap();
        let expected = serde_json::json!({
            "status": "ok",
            "checks": { "cache": { "status": "ok", "checked_at_ms": 4000, "failures": 0 } },
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn the_worst_check_speaks_for_all() {
        let health = Health::new();
        health.record("storage", Ok(()), 1);
        health.expect("tenants");
        health.record("cache", Err("away".into()), 1);
        assert_eq!(health.report().status, HealthStatus::Failing);
    }

    #[test]
    fn a_draining_process_is_not_ready_though_all_is_well() {
        let health = Health::new();
        health.record("storage", Ok(()), 1);
        health.clone().drain();
        let report = health.report();
        assert_eq!(report.status, HealthStatus::Draining);
        assert!(!report.is_ready());
    }
}
