use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use insula_store::StoreError;

/// Holds every call between a node and what it calls, on the way there and on the way back, until
/// the script lets it go. Between two stops everything happens at once.
#[derive(Default)]
pub(crate) struct Wire(Mutex<State>);

#[derive(Default)]
struct State {
    ending: CallEnd,
    carried: Vec<&'static str>,
    lost: Vec<&'static str>,
}

/// How a call ends that was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CallEnd {
    /// It goes on.
    #[default]
    Succeeds,
    /// On the way there it never arrives; on the way back its answer is lost.
    Fails,
}

/// What happened on the wire since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// The calls that were carried out.
    pub(crate) carried: Vec<&'static str>,
    /// The calls that failed, whether they were carried out or not.
    pub(crate) lost: Vec<&'static str>,
}

impl Wire {
    /// Says what becomes of the call that is let go next.
    pub(crate) fn decide(&self, ending: CallEnd) {
        self.state().ending = ending;
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let mut state = self.state();
        Traffic {
            carried: std::mem::take(&mut state.carried),
            lost: std::mem::take(&mut state.lost),
        }
    }

    /// Carries out `call` between two stops.
    pub(crate) async fn carry<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.stop(name).await?;
        let answer = call.await;
        self.state().carried.push(name);
        self.stop(name).await?;
        answer
    }

    async fn stop(&self, name: &'static str) -> Result<(), StoreError> {
        let mut held = false;
        poll_fn(|context| {
            if std::mem::replace(&mut held, true) {
                return Poll::Ready(());
            }
            // Futures that wait for several calls at once look only at those that woke them.
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let mut state = self.state();
        if std::mem::take(&mut state.ending) == CallEnd::Succeeds {
            return Ok(());
        }
        state.lost.push(name);
        Err(StoreError::Unavailable {
            backend: "simulated",
            cause: "the script lost the call".to_owned(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
