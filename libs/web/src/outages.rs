//! An upstream that is down is one line a minute, however many people try to log in through it.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use insula_ambient::Monotonic;
use tracing::{debug, error};

use crate::context::Context;

/// How long a line stands for all failures of an upstream.
const QUIET: Duration = Duration::from_mins(1);
/// More upstreams than fail at once on one machine; beyond it those that said nothing for a while
/// are forgotten, and a new one is told each time.
const MOST: usize = 4096;

/// Of this process: every worker meets the same upstreams.
static OUTAGES: LazyLock<Mutex<Outages>> = LazyLock::new(Mutex::default);

#[derive(Debug, Default)]
struct Outages(HashMap<(String, String), Told>);

#[derive(Debug)]
struct Told {
    at: Monotonic,
    since: u64,
}

impl Outages {
    /// Notes a failure. Answers how many there were since the last line, this one included, if it
    /// is time for a line.
    fn note(&mut self, tenant: &str, connector: &str, now: Monotonic) -> Option<u64> {
        let key = (tenant.to_owned(), connector.to_owned());
        if let Some(told) = self.0.get_mut(&key) {
            told.since += 1;
            if now.since(told.at) < QUIET {
                return None;
            }
            told.at = now;
            return Some(std::mem::take(&mut told.since));
        }
        if self.0.len() >= MOST {
            self.0.retain(|_, told| now.since(told.at) < QUIET);
        }
        if self.0.len() < MOST {
            self.0.insert(key, Told { at: now, since: 0 });
        }
        Some(1)
    }
}

/// Tells that a login failed because of an upstream.
pub(crate) fn tell(ctx: &Context, connector: &str, fault: &str) {
    let view = &ctx.snapshot.view;
    let (tenant, now) = (view.spec.id.as_str(), view.effects.clock.monotonic());
    let due = OUTAGES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .note(tenant, connector, now);
    match due {
        Some(count) => error!(incident.id = %ctx.request_id, connector_id = connector, count,
            "{fault} (failures since the last such line: {count})"),
        None => debug!(incident.id = %ctx.request_id, connector_id = connector, "{fault}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_one_line_a_minute_with_a_count() {
        let mut outages = Outages::default();
        let start = Monotonic::from_start(Duration::from_secs(1_000));
        let mut lines = Vec::new();
        for second in 0..=120 {
            let now = start + Duration::from_secs(second);
            for _ in 0..10 {
                lines.extend(outages.note("acme", "ldap", now));
            }
        }
        assert_eq!(lines, [1, 600, 600]);
        assert_eq!(outages.note("acme", "github", start), Some(1));
        assert_eq!(outages.note("globex", "ldap", start), Some(1));
    }

    #[test]
    fn many_upstreams_that_fail_take_bounded_memory_and_are_told() {
        let mut outages = Outages::default();
        let start = Monotonic::from_start(Duration::from_secs(1_000));
        for n in 0..2 * MOST {
            assert_eq!(outages.note("acme", &n.to_string(), start), Some(1));
        }
        assert_eq!(outages.0.len(), MOST);
        outages.note("acme", "later", start + QUIET);
        assert_eq!(outages.0.len(), 1);
    }
}
