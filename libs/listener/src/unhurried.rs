//! Keeps a connection that gets nowhere from keeping a processor busy.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use insula_ambient::Backoff;
use tokio::time::{Sleep, sleep};

/// How often in a row a connection may ask to be looked at again at once although nothing came of
/// it. Honest code does so once or twice.
const AT_ONCE: u32 = 32;
/// How long it waits then.
const PAUSES: Backoff = Backoff {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(160),
};

/// Polls `serving`, and lets it wait where it wakes itself again and again while `steps`, a count of
/// what it got done, stays. A wake from elsewhere ends the wait.
///
/// actix-http's dispatcher wakes itself for as long as its read buffer is full, also while a request
/// is under way or the peer takes no answer: a peer that sends requests ahead and reads nothing
/// would take a whole processor.
pub(crate) async fn unhurried<F: Future>(serving: F, steps: impl Fn() -> u64) -> F::Output {
    let mut serving = pin!(serving);
    let watch = Arc::new(Watch::default());
    let waker = Waker::from(Arc::clone(&watch));
    let mut seen = steps();
    let mut in_vain = 0;
    let mut pause: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        watch.whole.register(cx.waker());
        if let Some(timer) = &mut pause {
            if !watch.was_woken() && timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            pause = None;
        }
        watch.begin();
        let polled = serving.as_mut().poll(&mut Context::from_waker(&waker));
        let has_woken_itself = watch.end();
        if polled.is_ready() || !has_woken_itself {
            return polled;
        }
        let now = steps();
        in_vain = if now == seen { in_vain + 1 } else { 0 };
        seen = now;
        if in_vain < AT_ONCE {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut timer = Box::pin(sleep(PAUSES.pause(in_vain - AT_ONCE)));
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        pause = Some(timer);
        Poll::Pending
    })
    .await
}

/// Tells a future's own wakes, while it is polled, from those of others.
#[derive(Default)]
struct Watch {
    state: AtomicU8,
    is_woken: AtomicBool,
    whole: AtomicWaker,
}

const RESTING: u8 = 0;
const POLLED: u8 = 1;
const WOKEN_MEANWHILE: u8 = 2;

impl Watch {
    fn begin(&self) {
        self.state.store(POLLED, Ordering::SeqCst);
        self.is_woken.store(false, Ordering::SeqCst);
    }

    /// Whether it was woken since it began.
    fn end(&self) -> bool {
        self.state.swap(RESTING, Ordering::SeqCst) == WOKEN_MEANWHILE
    }

    /// Whether it was woken since it was polled.
    fn was_woken(&self) -> bool {
        self.is_woken.load(Ordering::SeqCst)
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let (polled, meanwhile) = (POLLED, WOKEN_MEANWHILE);
        let order = Ordering::SeqCst;
        let while_polled = self.state.compare_exchange(polled, meanwhile, order, order);
        if while_polled == Err(RESTING) {
            self.is_woken.store(true, Ordering::SeqCst);
            self.whole.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Polls as a runtime does, until nobody asks for it; answers what came.
    fn run<F: Future>(future: Pin<&mut F>, wakes: &Arc<Wakes>) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(wakes));
        let mut future = future;
        loop {
            let before = wakes.0.load(Ordering::SeqCst);
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() || wakes.0.load(Ordering::SeqCst) == before {
                return polled;
            }
        }
    }

    #[tokio::test]
    async fn what_wakes_itself_in_vain_waits_until_it_is_woken_from_elsewhere() {
        let (polls, waker) = (Cell::new(0), RefCell::new(None));
        let spins = unhurried(
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                waker.replace(Some(cx.waker().clone()));
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            }),
            || 0,
        );
        let mut spins = pin!(spins);
        let wakes = Arc::default();
        assert!(run(spins.as_mut(), &wakes).is_pending());
        assert_eq!(polls.get(), AT_ONCE);
        assert!(run(spins.as_mut(), &wakes).is_pending());
        assert_eq!(polls.get(), AT_ONCE, "somebody else's wake is not its own");
        waker.take().unwrap().wake();
        assert!(run(spins.as_mut(), &wakes).is_pending());
        assert_eq!(polls.get(), AT_ONCE + 1);
    }

    #[tokio::test]
    async fn what_gets_something_done_never_waits() {
        let polls = Cell::new(0);
        let works = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            if polls.get() < 10_000 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        });
        let works = pin!(unhurried(works, || polls.get()));
        assert!(run(works, &Arc::default()).is_ready());
    }

    #[tokio::test]
    async fn what_waits_goes_on_by_itself() {
        let polls = Cell::new(0);
        let spins = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            if polls.get() < AT_ONCE + 2 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        });
        unhurried(spins, || 0).await;
    }
}
