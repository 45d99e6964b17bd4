//! Whether this process can serve: asked of its backends now and then, not at every probe.

use std::sync::{Arc, Mutex, PoisonError};

use insula_store::{Cache, Durable};
use tracing::{error, info};

/// The last word of every check.
#[derive(Debug, Default)]
pub(crate) struct Health {
    checks: Mutex<Vec<(String, Option<String>)>>,
}

impl Health {
    /// What is known.
    pub(crate) fn report(&self) -> Vec<(String, Option<String>)> {
        self.checks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks every backend.
    pub(crate) async fn ask(&self, durable: &Arc<dyn Durable>, cache: &Arc<dyn Cache>) {
        let storage = durable.ping().await.err().map(|e| e.to_string());
        let cache = cache.ping().await.err().map(|e| e.to_string());
        self.note("storage", storage);
        self.note("cache", cache);
    }

    fn note(&self, name: &str, trouble: Option<String>) {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let was = checks.iter().position(|(known, _)| known == name);
        let before = was.map(|at| checks.swap_remove(at).1);
        match (&trouble, before) {
            (Some(why), Some(None) | None) => error!("{name} is failing: {why}"),
            (None, Some(Some(_))) => info!("{name} is well again"),
            _ => {}
        }
        checks.push((name.to_owned(), trouble));
    }
}
