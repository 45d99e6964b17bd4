use std::collections::VecDeque;
use std::time::Duration;

use insula_ambient::{Backoff, Entropy, Monotonic};

/// When a tenant that failed is tried again. Pure: time and randomness are arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPolicy {
    /// The wait after a first failure; doubled by each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// How many failures within [`window`](Self::window) put a tenant in quarantine.
    pub tolerated: usize,
    /// The window they are counted in; after so long without a failure the count begins anew.
    pub window: Duration,
    /// How long a quarantine lasts.
    pub quarantine: Duration,
}

impl Default for RestartPolicy {
    /// 100 ms doubling to 30 s; five in a minute are a quarantine of five minutes.
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(30),
            tolerated: 5,
            window: Duration::from_mins(1),
            quarantine: Duration::from_mins(5),
        }
    }
}

/// Why the actor of a tenant is replaced or its load tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Its actor panicked.
    Panicked,
    /// Its actor ended without having been told to.
    Ended,
    /// Its actor blocked its arbiter.
    Hung,
    /// Its configuration or its keys cannot be used.
    Unloadable,
    /// A store did not answer. No fault of the tenant's: it waits, and is never quarantined.
    OutOfReach,
}

impl Failure {
    /// The word in metrics and logs.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Panicked => "panicked",
            Self::Ended => "ended",
            Self::Hung => "hung",
            Self::Unloadable => "unloadable",
            Self::OutOfReach => "out_of_reach",
        }
    }
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after this long.
    Retry(Duration),
    /// Leave it alone this long.
    Quarantine(Duration),
}

/// The failures of one tenant that still count.
#[derive(Debug, Clone, Default)]
pub struct CrashWindow {
    at: VecDeque<(Monotonic, Failure)>,
    /// Failures one after the other, none a window later than the one before.
    in_a_row: u32,
}

impl RestartPolicy {
    /// Counts a failure and judges. Up to a fifth of the wait is left to chance, so that tenants
    /// that failed together are not tried together.
    pub fn judge(
        &self,
        crashes: &mut CrashWindow,
        how: Failure,
        now: Monotonic,
        entropy: &dyn Entropy,
    ) -> Verdict {
        let recent = |at: Monotonic| now.since(at) < self.window;
        if !crashes.at.back().is_some_and(|(at, _)| recent(*at)) {
            crashes.in_a_row = 0;
        }
        crashes.at.retain(|(at, _)| recent(*at));
        crashes.at.push_back((now, how));
        // A store may be away for hours: only the newest are needed for any judgement.
        while crashes.at.len() > self.tolerated.max(1) * 2 {
            crashes.at.pop_front();
        }
        crashes.in_a_row = crashes.in_a_row.saturating_add(1);
        let own_fault = crashes
            .at
            .iter()
            .filter(|(_, how)| *how != Failure::OutOfReach)
            .count();
        if how != Failure::OutOfReach && own_fault >= self.tolerated {
            *crashes = CrashWindow::default();
            return Verdict::Quarantine(self.quarantine);
        }
        let waits = Backoff {
            first: self.first_wait,
            longest: self.longest_wait,
        };
        let wait = waits.pause(crashes.in_a_row - 1);
        let mut random = [0_u8; 1];
        entropy.fill(&mut random);
        let [random] = random;
        let jitter = (wait / 5).mul_f64(f64::from(random) / 255.0);
        Verdict::Retry(wait.saturating_sub(jitter))
    }
}

#[cfg(test)]
mod tests {
    use insula_ambient::SeededEntropy;

    use super::*;

    const START: Monotonic = Monotonic::from_start(Duration::from_secs(1_000));

    struct NoChance;

    impl Entropy for NoChance {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn judge(crashes: &mut CrashWindow, how: Failure, now: Monotonic) -> Verdict {
        RestartPolicy::default().judge(crashes, how, now, &NoChance)
    }

    #[test]
    fn waits_double_and_the_fifth_failure_in_a_minute_is_a_quarantine() {
        let mut crashes = CrashWindow::default();
        for (second, wait) in [(0, 100), (1, 200), (2, 400), (3, 800)] {
            let now = START + Duration::from_secs(second);
            assert_eq!(
                judge(&mut crashes, Failure::Panicked, now),
                Verdict::Retry(Duration::from_millis(wait))
            );
        }
        let now = START + Duration::from_secs(59);
        assert_eq!(
            judge(&mut crashes, Failure::Hung, now),
            Verdict::Quarantine(Duration::from_mins(5))
        );
    }

    #[test]
    fn five_failures_over_more_than_a_minute_are_restarts() {
        let mut crashes = CrashWindow::default();
        for n in 0..20 {
            let now = START + Duration::from_secs(15 * n);
            let verdict = judge(&mut crashes, Failure::Panicked, now);
            assert!(matches!(verdict, Verdict::Retry(_)), "{n}: {verdict:?}");
        }
    }

    #[test]
    fn the_wait_never_exceeds_the_longest() {
        let mut crashes = CrashWindow::default();
        let mut now = START;
        for _ in 0..40 {
            now = now + Duration::from_secs(30);
            judge(&mut crashes, Failure::OutOfReach, now);
        }
        assert_eq!(
            judge(&mut crashes, Failure::OutOfReach, now),
            Verdict::Retry(Duration::from_secs(30))
        );
    }

    #[test]
    fn after_a_minute_without_failure_the_count_begins_anew() {
        let mut crashes = CrashWindow::default();
        judge(&mut crashes, Failure::Panicked, START);
        judge(&mut crashes, Failure::Panicked, START);
        assert_eq!(
            judge(
                &mut crashes,
                Failure::Panicked,
                START + Duration::from_mins(1)
            ),
            Verdict::Retry(Duration::from_millis(100))
        );
    }

    #[test]
    fn a_store_that_does_not_answer_quarantines_nobody() {
        let mut crashes = CrashWindow::default();
        for _ in 0..100 {
            let verdict = judge(&mut crashes, Failure::OutOfReach, START);
            assert!(matches!(verdict, Verdict::Retry(_)));
        }
    }

    #[test]
    fn after_a_quarantine_the_count_begins_anew() {
        let mut crashes = CrashWindow::default();
        for _ in 0..5 {
            judge(&mut crashes, Failure::Unloadable, START);
        }
        let again = judge(&mut crashes, Failure::Unloadable, START);
        assert_eq!(again, Verdict::Retry(Duration::from_millis(100)));
    }

    #[test]
    fn chance_shortens_a_wait_by_a_fifth_at_most() {
        let entropy = SeededEntropy::new(7);
        for _ in 0..100 {
            let verdict = RestartPolicy::default().judge(
                &mut CrashWindow::default(),
                Failure::Ended,
                START,
                &entropy,
            );
            let Verdict::Retry(wait) = verdict else {
                panic!("{verdict:?}")
            };
            assert!((80..=100).contains(&wait.as_millis()), "{wait:?}");
        }
    }
}
