use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use insula_ambient::Monotonic;
use insula_model::Rate;

/// A tenant's walls as they stand at the door: counted without a lock, so that a flood costs its
/// tenant and nobody else.
///
/// The generic cell rate algorithm: one number says when the budget will be whole again. A burst
/// may use all of `count` at once; after that one request fits per `per / count`.
#[derive(Debug)]
pub struct TenantLimits {
    /// When the budget is whole again, in nanoseconds of the process's run.
    whole_at: AtomicI64,
    /// What one request costs, in nanoseconds.
    cost: AtomicI64,
    /// The whole budget, in nanoseconds.
    budget: AtomicI64,
}

impl TenantLimits {
    pub(crate) fn new(requests: Rate) -> Self {
        let limits = Self {
            whole_at: AtomicI64::new(i64::MIN),
            cost: AtomicI64::new(0),
            budget: AtomicI64::new(0),
        };
        limits.set(requests);
        limits
    }

    /// Swaps the budget; what was used of the old one stays used.
    pub(crate) fn set(&self, requests: Rate) {
        let budget = nanos(requests.per);
        let cost = budget
            .checked_div(i64::from(requests.count))
            .unwrap_or(i64::MAX);
        self.cost.store(cost, Ordering::Relaxed);
        self.budget.store(budget, Ordering::Relaxed);
    }

    /// Admits one request, or says how long to wait (`Retry-After`, RFC 9110 §10.2.3). A rate of
    /// nothing admits nobody.
    pub fn admit(&self, now: Monotonic) -> Result<(), Duration> {
        let now = nanos(now.since_start());
        let cost = self.cost.load(Ordering::Relaxed);
        let budget = self.budget.load(Ordering::Relaxed);
        let mut whole_at = self.whole_at.load(Ordering::Relaxed);
        loop {
            let next = whole_at.max(now).saturating_add(cost);
            let over = next.saturating_sub(now).saturating_sub(budget);
            if over > 0 {
                let wait = u64::try_from(over.min(budget.max(1_000_000_000))).unwrap_or(0);
                return Err(Duration::from_nanos(wait));
            }
            let swapped = self.whole_at.compare_exchange_weak(
                whole_at,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match swapped {
                Ok(_) => return Ok(()),
                Err(seen) => whole_at = seen,
            }
        }
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic::from_start(Duration::from_secs(1_000));

    fn per_second(count: u32) -> Rate {
        Rate {
            count,
            per: Duration::from_secs(1),
        }
    }

    fn admitted(limits: &TenantLimits, now: Monotonic) -> usize {
        (0..10_000)
            .take_while(|_| limits.admit(now).is_ok())
            .count()
    }

    #[test]
    fn a_burst_of_the_whole_budget_is_admitted_and_no_more() {
        let limits = TenantLimits::new(per_second(200));
        assert_eq!(admitted(&limits, START), 200);
        assert_eq!(limits.admit(START), Err(Duration::from_millis(5)));
    }

    #[test]
    fn the_budget_comes_back_with_time() {
        let limits = TenantLimits::new(per_second(200));
        admitted(&limits, START);
        let later = START + Duration::from_millis(50);
        assert_eq!(admitted(&limits, later), 10);
        assert_eq!(admitted(&limits, later + Duration::from_mins(1)), 200);
    }

    #[test]
    fn a_new_budget_counts_from_the_next_request() {
        let limits = TenantLimits::new(per_second(200));
        limits.set(per_second(10));
        assert_eq!(admitted(&limits, START), 10);
    }

    #[test]
    fn a_rate_of_nothing_admits_nobody() {
        let limits = TenantLimits::new(per_second(0));
        assert_eq!(limits.admit(START), Err(Duration::from_secs(1)));
    }

    #[test]
    fn rates_finer_than_a_millisecond_are_kept() {
        let limits = TenantLimits::new(per_second(5_000));
        assert_eq!(admitted(&limits, START), 5_000);
        assert_eq!(admitted(&limits, START + Duration::from_millis(1)), 5);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_refuses_nobody() {
        use insula_ambient::{Clock as _, ManualClock, Timestamp};
        for step in [1, 3_600, 86_400].map(Duration::from_secs) {
            let clock = ManualClock::at(Timestamp::from_secs(1_000_000));
            let limits = TenantLimits::new(per_second(200));
            assert_eq!(admitted(&limits, clock.monotonic()), 200);
            clock.step_back(step);
            clock.advance(Duration::from_secs(1));
            assert_eq!(admitted(&limits, clock.monotonic()), 200);
            clock.step_forward(step);
            assert_eq!(admitted(&limits, clock.monotonic()), 0);
        }
    }
}
