//! The wish to stop: Ctrl-C, SIGTERM or SIGHUP, heard once for the whole program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

/// Whether someone asked this run to end. Everything that waits looks at it, so what was started
/// is always stopped again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// Takes over the termination signals of this process.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let stop = Self::default();
        let asked = Arc::clone(&stop.asked);
        ctrlc::set_handler(move || asked.store(true, Ordering::SeqCst))
            .context("could not listen for Ctrl-C")?;
        Ok(stop)
    }

    /// True from the first signal on.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}
