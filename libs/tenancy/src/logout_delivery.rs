//! Clients are told of logouts, each by a task of its own: one that is slow keeps nobody else waiting.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use insula_ambient::{Backoff, Monotonic};
use insula_connector_kit::PostForm;
use insula_flows::backchannel::{LogoutTold, tell_next};
use insula_model::{ClientId, TenantId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::Tenancy;
use crate::runtime::Runtime;

/// How often the store is asked without word of a logout: other processes may have ended before they
/// told a client.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many clients a look finds, those first that wait for longest.
const MOST_FOUND: u32 = 1_000;
/// How many are told at once, of all tenants and of one.
const CALLS: usize = 64;
const CALLS_OF_TENANT: usize = 8;
/// How long a client rests in this process that could not be told.
const RESTS: Backoff = Backoff {
    first: Duration::from_secs(5),
    longest: Duration::from_mins(5),
};
/// How many clients are remembered that rest.
const MOST_RESTING: usize = 10_000;

type Who = (TenantId, ClientId);

/// Tells clients of logouts, as long as it [runs](Self::run). Every process of an installation may:
/// each logout is claimed by one at a time.
#[derive(Clone)]
pub struct LogoutDelivery(Arc<Inner>);

struct Inner {
    runtime: Arc<Runtime>,
    tenancy: Tenancy,
    post: Arc<dyn PostForm>,
    calls: Arc<Semaphore>,
    clients: Mutex<HashMap<Who, Progress>>,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

/// However often sessions end, it is looked no oftener.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// How it goes with a client.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Whether it is being told.
    is_told: bool,
    /// How often in a row it could not be.
    failures: u32,
    /// Until when it is left alone.
    rests_until: Option<Monotonic>,
}

impl LogoutDelivery {
    pub(crate) fn new(runtime: Arc<Runtime>, tenancy: Tenancy, post: Arc<dyn PostForm>) -> Self {
        Self(Arc::new(Inner {
            runtime,
            tenancy,
            post,
            calls: Arc::new(Semaphore::new(CALLS)),
            clients: Mutex::default(),
            tenants: Mutex::default(),
        }))
    }

    /// Tells clients for as long as it is polled: when sessions end here, and every two seconds.
    pub async fn run(self) {
        loop {
            self.round().await;
            // Many sessions that end at once are one look.
            tokio::time::sleep(LOOK_AT_MOST_EVERY).await;
            let rung = self.0.runtime.sessions_ended.notified();
            // Whether it was rung or took its time, it is time to look.
            let _either = timeout(LOOK_EVERY, rung).await;
        }
    }

    /// Looks who is to be told, and has each told by a task of its own that is not told already.
    pub(crate) async fn round(&self) -> Vec<JoinHandle<()>> {
        let deps = &self.0.runtime.deps;
        // Past those that are being told or rest, however long their words have been due.
        let passed_over = u32::try_from(lock(&self.0.clients).len()).unwrap_or(u32::MAX);
        let most = MOST_FOUND.saturating_add(passed_over);
        let due = deps.durable.clients_due_logouts(deps.clock.now(), most);
        let due = match due.await {
            Ok(due) => due,
            Err(error) => {
                warn!(%error, "which clients are to be told of a logout cannot be read; trying again");
                return Vec::new();
            }
        };
        let begun = due.into_iter().filter(|who| self.begin(who));
        let tasks = begun.map(|who| {
            let telling = self.clone();
            deps.io.spawn(async move { telling.tell(who).await })
        });
        tasks.collect()
    }

    /// Whether a client is to be told by whoever asks: nobody does already, and it does not rest.
    fn begin(&self, who: &Who) -> bool {
        let now = self.0.runtime.monotonic();
        let mut clients = lock(&self.0.clients);
        if clients.len() >= MOST_RESTING && !clients.contains_key(who) {
            clients.retain(|_, progress| progress.is_told);
        }
        let progress = clients.entry(who.clone()).or_default();
        let rests = progress.rests_until.is_some_and(|until| now < until);
        if progress.is_told || rests {
            return false;
        }
        progress.is_told = true;
        true
    }

    /// Tells a client of all that is due, one logout after the other, until one fails.
    async fn tell(&self, who: Who) {
        // After a panic it is told again like one that could not be.
        let telling = AssertUnwindSafe(self.tell_all(&who)).catch_unwind();
        let is_well = telling.await.unwrap_or_else(|_| {
            error!(tenant.id = %who.0, client_id = %who.1, "telling a client of logouts panicked");
            false
        });
        let mut clients = lock(&self.0.clients);
        if is_well {
            if let Some(before) = clients.remove(&who)
                && before.failures > 0
            {
                let (tenant, client) = &who;
                info!(tenant.id = %tenant, client_id = %client,
                    "client {client} of tenant {tenant} can be told of logouts again");
            }
            return;
        }
        let progress = clients.entry(who).or_default();
        let rest = RESTS.pause(progress.failures);
        progress.rests_until = Some(self.0.runtime.monotonic() + rest);
        progress.failures = progress.failures.saturating_add(1);
        progress.is_told = false;
    }

    /// `false` if it is to rest.
    async fn tell_all(&self, who: &Who) -> bool {
        let (tenant, client) = who;
        let Ok(handle) = self.0.tenancy.activate(tenant).await else {
            self.0.runtime.metrics.logout_told(None);
            return false;
        };
        loop {
            let _turn = self.turn(tenant).await;
            let snapshot = handle.snapshot();
            let told = tell_next(&snapshot.view, client, self.0.post.as_ref()).await;
            match &told {
                Ok(Some(told)) => self.0.runtime.metrics.logout_told(Some(*told)),
                Ok(None) => {}
                Err(_) => self.0.runtime.metrics.logout_told(None),
            }
            match told {
                Ok(None) => return true,
                Ok(Some(LogoutTold::Failed | LogoutTold::GivenUp)) => {
                    self.say_once(who);
                    return false;
                }
                Ok(Some(_)) => {}
                Err(error) => {
                    warn!(tenant.id = %tenant, client_id = %client, ?error,
                        "client {client} of tenant {tenant} could not be told of a logout; it is tried again");
                    return false;
                }
            }
        }
    }

    /// A client that fails is told of when it begins to, not for each logout.
    fn say_once(&self, (tenant, client): &Who) {
        let key = (tenant.clone(), client.clone());
        let clients = lock(&self.0.clients);
        let before = clients.get(&key).map_or(0, |progress| progress.failures);
        if before == 0 {
            warn!(tenant.id = %tenant, client_id = %client,
                "client {client} of tenant {tenant} does not take word of a logout; it is told again \
                 after growing pauses, for a day");
        }
    }

    /// Waits until there is room for one more call, of this tenant and of all.
    async fn turn(&self, tenant: &TenantId) -> Option<[OwnedSemaphorePermit; 2]> {
        let own = {
            let mut tenants = lock(&self.0.tenants);
            tenants.retain(|id, calls| id == tenant || Arc::strong_count(calls) > 1);
            let calls = tenants.entry(tenant.clone());
            Arc::clone(calls.or_insert_with(|| Arc::new(Semaphore::new(CALLS_OF_TENANT))))
        };
        // Neither is ever closed.
        let own = own.acquire_owned().await.ok()?;
        let all = Arc::clone(&self.0.calls).acquire_owned().await.ok()?;
        Some([own, all])
    }
}

impl std::fmt::Debug for LogoutDelivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogoutDelivery").finish_non_exhaustive()
    }
}

/// What is behind these locks is changed in one step, and whole whoever panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
