//! An upstream that is down is one line a minute, however many people try to log in through it.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use insula_ambient::Monotonic;
use insula_connector_kit::ConnectorError;
use tracing::{debug, error, warn};

use crate::context::Context;

/// How long a line stands for all failures of an upstream.
const QUIET: Duration = Duration::from_mins(1);
/// More upstreams than fail at once on one machine; beyond it those that said nothing for a while
/// are forgotten, and a new one is told each time.
const MOST: usize = 4096;

/// Of this process: every worker meets the same upstreams.
static OUTAGES: LazyLock<Mutex<Outages>> = LazyLock::new(Mutex::default);

#[derive(Debug, Default)]
struct Outages(HashMap<Key, Told>);

/// Of which tenant and connector, and whether it is only said to fail: what a stranger can write
/// must not silence what happens.
type Key = (String, String, bool);

#[derive(Debug)]
struct Told {
    at: Monotonic,
    since: u64,
}

impl Outages {
    /// Notes a failure. Answers how many there were since the last line, this one included, if it
    /// is time for a line.
    fn note(
        &mut self,
        tenant: &str,
        connector: &str,
        is_hearsay: bool,
        now: Monotonic,
    ) -> Option<u64> {
        let key = (tenant.to_owned(), connector.to_owned(), is_hearsay);
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

/// Tells that a login failed because of an upstream. Where only the browser says so it is a warning:
/// anybody can send one, and what a stranger sends is never an error.
pub(crate) fn tell(ctx: &Context, connector: &str, cause: &ConnectorError, fault: &str) {
    let is_hearsay = matches!(cause, ConnectorError::SaidToFail(_));
    let view = &ctx.snapshot.view;
    let (tenant, now) = (view.spec.id.as_str(), view.effects.clock.monotonic());
    let due = OUTAGES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .note(tenant, connector, is_hearsay, now);
    match due {
        Some(count) if is_hearsay => warn!(
            connector_id = connector,
            count, "{fault} (so browsers said since the last such line: {count})"
        ),
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
                lines.extend(outages.note("acme", "ldap", false, now));
            }
        }
        assert_eq!(lines, [1, 600, 600]);
        assert_eq!(outages.note("acme", "github", false, start), Some(1));
        assert_eq!(outages.note("globex", "ldap", false, start), Some(1));
    }

    #[test]
    fn what_strangers_say_does_not_silence_a_real_outage() {
        let mut outages = Outages::default();
        let start = Monotonic::from_start(Duration::from_secs(1_000));
        assert_eq!(outages.note("acme", "ldap", true, start), Some(1));
        assert_eq!(outages.note("acme", "ldap", true, start), None);
        assert_eq!(outages.note("acme", "ldap", false, start), Some(1));
    }

    #[test]
    fn many_upstreams_that_fail_take_bounded_memory_and_are_told() {
        let mut outages = Outages::default();
        let start = Monotonic::from_start(Duration::from_secs(1_000));
        for n in 0..2 * MOST {
            assert_eq!(outages.note("acme", &n.to_string(), false, start), Some(1));
        }
        assert_eq!(outages.0.len(), MOST);
        outages.note("acme", "later", false, start + QUIET);
        assert_eq!(outages.0.len(), 1);
    }
}
