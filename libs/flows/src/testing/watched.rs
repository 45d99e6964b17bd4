use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use insula_ambient::ManualClock;
use insula_model::CacheEpoch;
use insula_store::{StoreError, TenantCache, TenantStore};

use crate::{Effects, TenantView};

mod cache;
mod store;

/// What happens beside a call.
pub(crate) type Something = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// What may befall a call.
#[derive(Clone)]
pub(crate) enum Trouble {
    /// It never arrives.
    Lost,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It answers with a record that another version wrote.
    Unreadable,
    /// It is carried out, and whoever waits for the answer waits for ever.
    Hangs,
    /// It takes so long.
    Stalls(ManualClock, Duration),
    /// Something else happens before it arrives.
    Meanwhile(Something),
    /// It is carried out, and something else happens before its answer arrives.
    BeforeAnswer(Something),
    /// Something else happens, and it never arrives.
    LostAfter(Something),
}

/// Notes every call, fails them all while it is down, and brings trouble to single ones.
#[derive(Default)]
pub(crate) struct CallLog {
    calls: Mutex<Vec<&'static str>>,
    down: AtomicBool,
    troubles: Mutex<Vec<(&'static str, Trouble)>>,
    instead: Mutex<Option<Arc<dyn TenantCache>>>,
    tells_no_epoch: AtomicBool,
}

impl CallLog {
    /// What was called since this was last asked.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// From now on nothing answers, or everything does again.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// The next call of that name meets `trouble`. Of several, each meets the next.
    pub(crate) fn trouble(&self, call: &'static str, trouble: Trouble) {
        self.troubles.lock().unwrap().push((call, trouble));
    }

    /// From now on codes are looked for in another cache: the one there was has been set back.
    pub(crate) fn set_back(&self, to: Arc<dyn TenantCache>) {
        *self.instead.lock().unwrap() = Some(to);
    }

    /// From now on the cache does not tell which epoch it is in.
    pub(crate) fn tell_no_epoch(&self) {
        self.tells_no_epoch.store(true, Ordering::SeqCst);
    }

    fn epoch(&self, told: Option<CacheEpoch>) -> Option<CacheEpoch> {
        told.filter(|_| !self.tells_no_epoch.load(Ordering::SeqCst))
    }

    async fn watch<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls.lock().unwrap().push(name);
        let trouble = {
            let mut troubles = self.troubles.lock().unwrap();
            let next = troubles.iter().position(|(call, _)| *call == name);
            next.map(|at| troubles.remove(at).1)
        };
        if self.down.load(Ordering::SeqCst) || matches!(trouble, Some(Trouble::Lost)) {
            return Err(away());
        }
        if let Some(Trouble::Stalls(clock, by)) = &trouble {
            clock.advance(*by);
        }
        if let Some(Trouble::Meanwhile(something) | Trouble::LostAfter(something)) = &trouble {
            something().await;
        }
        if matches!(trouble, Some(Trouble::LostAfter(_))) {
            return Err(away());
        }
        let answer = call.await;
        if let Some(Trouble::BeforeAnswer(something)) = &trouble {
            something().await;
        }
        match trouble {
            Some(Trouble::AnswerLost) => Err(away()),
            Some(Trouble::Unreadable) => Err(StoreError::Corrupt {
                what: "record",
                cause: "it has a member nobody knows".to_owned(),
            }),
            Some(Trouble::Hangs) => std::future::pending().await,
            _ => answer,
        }
    }
}

fn away() -> StoreError {
    StoreError::Unavailable {
        backend: "memory",
        cause: "it was switched off".to_owned(),
    }
}

/// The same tenant, whose store and cache are watched.
pub(crate) fn watched(view: &TenantView) -> (TenantView, Arc<CallLog>, Arc<CallLog>) {
    let (store, cache) = (Arc::new(CallLog::default()), Arc::new(CallLog::default()));
    let effects = &view.effects;
    let view = TenantView {
        effects: Effects {
            store: Arc::new(WatchedStore(Arc::clone(&effects.store), Arc::clone(&store))),
            cache: Arc::new(WatchedCache(Arc::clone(&effects.cache), Arc::clone(&cache))),
            ..effects.clone()
        },
        ..view.clone()
    };
    (view, store, cache)
}

struct WatchedStore(Arc<dyn TenantStore>, Arc<CallLog>);

struct WatchedCache(Arc<dyn TenantCache>, Arc<CallLog>);
