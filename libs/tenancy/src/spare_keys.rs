use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use insula_jose::{Alg, KeyId, SigningKey};

use crate::runtime::Runtime;

/// So many keys are made ahead at most.
const MOST: usize = 8;

/// RS256 keys that are made before a tenant needs them, since each takes a tenth of a second and more.
/// As many as were taken so far are kept ready, within [`MOST`], and one as soon as a tenant promises such a
/// key: a process of one tenant makes two.
#[derive(Default)]
pub(crate) struct SpareKeys {
    ready: Mutex<Vec<SigningKey>>,
    /// How many are to be ready.
    wanted: AtomicUsize,
    is_filling: AtomicBool,
}

impl SpareKeys {
    /// A key of `alg`, if one is ready; others are made in its place.
    pub(crate) fn take(&self, alg: Alg, runtime: &Arc<Runtime>) -> Option<SigningKey> {
        if alg != Alg::RS256 {
            return None;
        }
        self.wanted.fetch_add(1, Ordering::Relaxed);
        let spare = self.lock().pop();
        self.fill(runtime);
        spare
    }

    /// Has one made, unless one was before: a tenant promised such a key, and whoever asks for it first
    /// is not to wait for it.
    pub(crate) fn make_first(&self, runtime: &Arc<Runtime>) {
        let first = self
            .wanted
            .compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_ok() {
            self.fill(runtime);
        }
    }

    /// How many are ready, if any are to be.
    #[cfg(test)]
    pub(crate) fn ready(&self) -> Option<usize> {
        (self.wanted.load(Ordering::Relaxed) > 0).then(|| self.lock().len())
    }

    fn lacks_some(&self) -> bool {
        self.lock().len() < self.wanted.load(Ordering::Relaxed).min(MOST)
    }

    fn fill(&self, runtime: &Arc<Runtime>) {
        if !self.lacks_some() || self.is_filling.swap(true, Ordering::AcqRel) {
            return;
        }
        let runtime = Arc::clone(runtime);
        let io = runtime.deps.io.clone();
        // Ends with the runtime: nobody waits for a spare key.
        io.spawn(async move {
            let spare = &runtime.spare_keys;
            while spare.lacks_some() {
                let _permit = runtime.key_making.acquire().await;
                let kid = KeyId::random(&*runtime.deps.entropy);
                let making = move || SigningKey::generate(Alg::RS256, kid);
                // Who needs a key that could not be made ahead is told why.
                let Ok(Ok(key)) = tokio::task::spawn_blocking(making).await else {
                    break;
                };
                spare.lock().push(key);
            }
            spare.is_filling.store(false, Ordering::Release);
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SigningKey>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
