use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use insula_jose::{Alg, KeyId, SigningKey};

use crate::runtime::Runtime;

/// So many keys are made ahead at most.
const MOST: usize = 8;

/// RS256 keys that are made before a tenant needs them, since each takes a tenth of a second and more.
/// As many as were taken so far are kept ready, within [`MOST`]: a process of one tenant makes one.
#[derive(Default)]
pub(crate) struct SpareKeys {
    ready: Mutex<Vec<SigningKey>>,
    taken: AtomicUsize,
    is_filling: AtomicBool,
}

impl SpareKeys {
    /// A key of `alg`, if one is ready; others are made in its place.
    pub(crate) fn take(&self, alg: Alg, runtime: &Arc<Runtime>) -> Option<SigningKey> {
        if alg != Alg::RS256 {
            return None;
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        let spare = self.lock().pop();
        self.fill(runtime);
        spare
    }

    fn lacks_some(&self) -> bool {
        self.lock().len() < self.taken.load(Ordering::Relaxed).min(MOST)
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
