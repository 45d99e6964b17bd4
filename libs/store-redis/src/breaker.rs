use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Counts failures in a row and opens at the limit. Once open it stays so until it is told that
/// the server was seen to answer: no caller has to be the one that tries.
#[derive(Debug)]
pub(crate) struct Breaker {
    limit: u32,
    failures: AtomicU32,
    open: AtomicBool,
}

impl Breaker {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit: limit.max(1),
            failures: AtomicU32::new(0),
            open: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// A call was answered.
    pub(crate) fn answered(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// A call failed; `true` to the one caller whose failure opened it.
    pub(crate) fn failed(&self) -> bool {
        let failures = self
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        failures >= self.limit && !self.open.swap(true, Ordering::AcqRel)
    }

    /// The server was seen to answer.
    pub(crate) fn close(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.open.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::Breaker;

    #[test]
    fn it_opens_at_the_limit_and_says_so_once() {
        let breaker = Breaker::new(3);
        assert_eq!([breaker.failed(), breaker.failed()], [false, false]);
        assert!(!breaker.is_open());
        assert!(breaker.failed());
        assert!(breaker.is_open());
        assert!(!breaker.failed());
    }

    #[test]
    fn an_answer_begins_the_count_anew_but_closes_nothing() {
        let breaker = Breaker::new(2);
        breaker.failed();
        breaker.answered();
        assert!(!breaker.failed());
        assert!(breaker.failed());
        breaker.answered();
        assert!(breaker.is_open());
        breaker.close();
        assert!(!breaker.is_open() && !breaker.failed());
    }
}
