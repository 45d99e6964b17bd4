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
/// Of these, so many are for clients that could not be told before: the others wait behind none of them.
const PART_FOR_FAILED: usize = 2;
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
    calls: Arc<Places>,
    clients: Mutex<HashMap<Who, Progress>>,
    tenants: Mutex<HashMap<TenantId, Arc<Places>>>,
}

/// Room for calls, and which part of it those may take that failed before.
struct Places {
    all: Arc<Semaphore>,
    for_failed: Arc<Semaphore>,
}

impl Places {
    fn new(calls: usize) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(calls)),
            for_failed: Arc::new(Semaphore::new(calls / PART_FOR_FAILED)),
        })
    }

    /// Waits for one; `None` never, for neither is ever closed.
    async fn take(&self, has_failed: bool) -> Option<Vec<OwnedSemaphorePermit>> {
        let mut held = Vec::new();
        if has_failed {
            held.push(Arc::clone(&self.for_failed).acquire_owned().await.ok()?);
        }
        held.push(Arc::clone(&self.all).acquire_owned().await.ok()?);
        Some(held)
    }
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
    /// Whether it refused some that are to be told again.
    refuses: bool,
    /// Until when it is left alone.
    rests_until: Option<Monotonic>,
}

impl LogoutDelivery {
    pub(crate) fn new(runtime: Arc<Runtime>, tenancy: Tenancy, post: Arc<dyn PostForm>) -> Self {
        Self(Arc::new(Inner {
            runtime,
            tenancy,
            post,
            calls: Places::new(CALLS),
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

    /// Tells a client of all that is due, one logout after the other, until it cannot be told.
    async fn tell(&self, who: Who) {
        // After a panic it is told again like one that could not be.
        let telling = AssertUnwindSafe(self.tell_all(&who)).catch_unwind();
        let outcome = telling.await.unwrap_or_else(|_| {
            error!(tenant.id = %who.0, client_id = %who.1, "telling a client of logouts panicked");
            Outcome::Rests
        });
        let mut clients = lock(&self.0.clients);
        if outcome == Outcome::Well {
            if let Some(before) = clients.remove(&who)
                && (before.failures > 0 || before.refuses)
            {
                let (tenant, client) = &who;
                info!(tenant.id = %tenant, client_id = %client,
                    "client {client} of tenant {tenant} can be told of logouts again");
            }
            return;
        }
        let progress = clients.entry(who).or_default();
        progress.is_told = false;
        if outcome == Outcome::Refused {
            progress.failures = 0;
            progress.refuses = true;
            return;
        }
        let rest = RESTS.pause(progress.failures);
        progress.rests_until = Some(self.0.runtime.monotonic() + rest);
        progress.failures = progress.failures.saturating_add(1);
    }

    async fn tell_all(&self, who: &Who) -> Outcome {
        let (tenant, client) = who;
        let mut outcome = Outcome::Well;
        let mut awake = None;
        loop {
            // Before the tenant is woken, so that no more are than can be told of.
            let _turn = self.turn(who).await;
            let handle = match awake.take() {
                Some(handle) => handle,
                None => match self.0.tenancy.activate(tenant).await {
                    Ok(handle) => handle,
                    Err(_) => {
                        self.0.runtime.metrics.logout_told(None);
                        return Outcome::Rests;
                    }
                },
            };
            let snapshot = handle.snapshot();
            awake = Some(handle);
            let told = tell_next(&snapshot.view, client, self.0.post.as_ref()).await;
            match &told {
                Ok(Some(told)) => self.0.runtime.metrics.logout_told(Some(*told)),
                Ok(None) => {}
                Err(_) => self.0.runtime.metrics.logout_told(None),
            }
            match told {
                Ok(None) => return outcome,
                Ok(Some(LogoutTold::Failed | LogoutTold::GivenUp)) => {
                    self.say_once(who);
                    return Outcome::Rests;
                }
                Ok(Some(LogoutTold::Refused)) => {
                    if outcome == Outcome::Well {
                        self.say_once(who);
                    }
                    outcome = Outcome::Refused;
                }
                Ok(Some(_)) => {}
                Err(error) => {
                    warn!(tenant.id = %tenant, client_id = %client, ?error,
                        "client {client} of tenant {tenant} could not be told of a logout; it is tried again");
                    return Outcome::Rests;
                }
            }
        }
    }

    /// A client that fails is told of when it begins to, not for each logout.
    fn say_once(&self, who: &Who) {
        let before = self.progress(who);
        if before.failures == 0 && !before.refuses {
            let (tenant, client) = who;
            warn!(tenant.id = %tenant, client_id = %client,
                "client {client} of tenant {tenant} does not take word of a logout; it is told again \
                 after growing pauses, for a day");
        }
    }

    fn progress(&self, who: &Who) -> Progress {
        lock(&self.0.clients).get(who).copied().unwrap_or_default()
    }

    /// Waits until there is room for one more call, of this client's tenant and of all.
    async fn turn(&self, who: &Who) -> Option<[Vec<OwnedSemaphorePermit>; 2]> {
        let (tenant, _) = who;
        let has_failed = self.progress(who).failures > 0;
        let own = {
            let mut tenants = lock(&self.0.tenants);
            tenants.retain(|id, calls| id == tenant || Arc::strong_count(calls) > 1);
            let calls = tenants.entry(tenant.clone());
            Arc::clone(calls.or_insert_with(|| Places::new(CALLS_OF_TENANT)))
        };
        let held = [
            own.take(has_failed).await?,
            self.0.calls.take(has_failed).await?,
        ];
        Some(held)
    }
}

/// What came of telling a client of all that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing is left.
    Well,
    /// It refused some, which are told again by themselves.
    Refused,
    /// It could not be told, and is left alone for a while.
    Rests,
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
