use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How long the last word of a check counts. Whoever checks may hang; silence is no good news.
const BELIEVED_FOR: Duration = Duration::from_secs(30);

/// How the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Everything that is checked is well.
    Ok,
    /// A part of the service is short, the rest serves.
    Degraded,
    /// Something was not checked yet.
    Starting,
    /// Something that everything needs is not well.
    Failing,
    /// The process is going down and wants no new work.
    Draining,
}

/// The last outcomes of all checks. Clones share them.
///
/// Whoever owns a resource checks it, at its own pace, and tells the outcome here; asking for a
/// report checks nothing, so that no probe can burden the process or be held up by what it asks.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    draining: bool,
    checks: BTreeMap<String, Check>,
    /// By check: the part of the service that is short without what it checks.
    parts: BTreeMap<String, &'static str>,
}

#[derive(Debug, Clone)]
struct Check {
    report: CheckReport,
    told: Instant,
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
    /// Which parts of the service are short; the rest serves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub short: Vec<&'static str>,
    /// By name.
    pub checks: BTreeMap<String, CheckReport>,
}

impl HealthReport {
    /// Whether the process wants work: what a readiness probe asks. One that is short of a part
    /// does: its neighbours are short of the same, and the rest is better served than not.
    pub fn is_ready(&self) -> bool {
        matches!(self.status, HealthStatus::Ok | HealthStatus::Degraded)
    }
}

/// What an outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is as it was.
    Same,
    /// It was well, or unknown, and fails now.
    Worse,
    /// It failed and is well again.
    Better,
}

impl Health {
    /// Nothing checked yet, nothing expected.
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces a check: the process is not ready before its first outcome.
    pub fn expect(&self, name: &str) {
        let mut state = self.lock();
        let report = CheckReport {
            status: HealthStatus::Starting,
            message: None,
            checked_at_ms: None,
            failing_since_ms: None,
            failures: 0,
        };
        let told = Instant::now();
        let unchecked = Check { report, told };
        state.checks.entry(name.to_owned()).or_insert(unchecked);
    }

    /// Says that only `part` of the service is short while the check `name` fails.
    pub fn only_part(&self, name: &str, part: &'static str) {
        self.lock().parts.insert(name.to_owned(), part);
    }

    /// Notes the outcome of a check made at `now_ms`, in milliseconds since the epoch.
    pub fn record(&self, name: &str, outcome: Result<(), String>, now_ms: i64) -> Turn {
        let mut state = self.lock();
        let before = state.checks.get(name).map(|check| &check.report);
        let was_failing = before.is_some_and(|b| b.status == HealthStatus::Failing);
        let turn = match (was_failing, &outcome) {
            (false, Err(_)) => Turn::Worse,
            (true, Ok(())) => Turn::Better,
            _ => Turn::Same,
        };
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
        let told = Instant::now();
        state.checks.insert(name.to_owned(), Check { report, told });
        turn
    }

    /// The process is going down: it is not ready any more, whatever the checks say.
    pub fn drain(&self) {
        self.lock().draining = true;
    }

    /// How things stand.
    pub fn report(&self) -> HealthReport {
        self.report_at(Instant::now())
    }

    fn report_at(&self, now: Instant) -> HealthReport {
        let state = self.lock();
        let checks: BTreeMap<_, _> = state
            .checks
            .iter()
            .map(|(name, check)| (name.clone(), check.as_of(now)))
            .collect();
        let failing = |(name, check): (&String, &CheckReport)| {
            let is_failing = check.status == HealthStatus::Failing;
            is_failing.then(|| state.parts.get(name).copied())
        };
        let failing: Vec<Option<&'static str>> = checks.iter().filter_map(failing).collect();
        let mut short: Vec<&'static str> = failing.iter().flatten().copied().collect();
        short.dedup();
        let is_starting = checks.values().any(|c| c.status == HealthStatus::Starting);
        let status = if state.draining {
            HealthStatus::Draining
        } else if failing.contains(&None) {
            HealthStatus::Failing
        } else if is_starting {
            HealthStatus::Starting
        } else if failing.is_empty() {
            HealthStatus::Ok
        } else {
            HealthStatus::Degraded
        };
        HealthReport {
            status,
            short,
            checks,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    /// What it says, or that it says nothing any more.
    fn as_of(&self, now: Instant) -> CheckReport {
        let silent = now.saturating_duration_since(self.told);
        if self.report.status != HealthStatus::Ok || silent <= BELIEVED_FOR {
            return self.report.clone();
        }
        CheckReport {
            status: HealthStatus::Failing,
            message: Some(format!("not checked for {} s", silent.as_secs())),
            ..self.report.clone()
        }
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

    #[test]
    fn a_part_that_is_short_is_named_and_takes_nobody_out_of_the_balancer() {
        let health = Health::new();
        health.only_part("cache", "logins");
        assert_eq!(health.record("storage", Ok(()), 1), Turn::Same);
        assert_eq!(health.record("cache", Err("away".into()), 1), Turn::Worse);
        let report = health.report();
        assert_eq!(report.status, HealthStatus::Degraded);
        assert_eq!(report.short, ["logins"]);
        assert!(report.is_ready());
        health.record("storage", Err("takes no writes".into()), 2);
        assert_eq!(health.report().status, HealthStatus::Failing);
        assert!(!health.report().is_ready());
        health.record("storage", Ok(()), 3);
        assert_eq!(health.record("cache", Ok(()), 3), Turn::Better);
        assert_eq!(health.report().status, HealthStatus::Ok);
    }

    #[test]
    fn a_check_that_falls_silent_fails() {
        let health = Health::new();
        health.record("storage", Ok(()), 1);
        let now = Instant::now();
        let soon = health.report_at(now + (BELIEVED_FOR / 2));
        assert!(soon.is_ready());
        let late = health.report_at(now + (BELIEVED_FOR + Duration::from_secs(1)));
        assert_eq!(late.status, HealthStatus::Failing);
        let message = late.checks["storage"].message.clone();
        assert!(message.unwrap().starts_with("not checked for 3"));
    }
}
