use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt as _, Addr, AsyncContext as _, Context, Handler, Message, ResponseFuture,
    WrapFuture as _,
};
use insula_model::TenantId;
use insula_store::TenantEntry;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::delta::Delta;
use crate::directory::{Change, DirectoryEntry, EntryState};
#[cfg(any(test, feature = "fault-injection"))]
use crate::messages::Inject;
use crate::messages::SupervisorEvent;
use crate::routes::{RouteChanges, Routes};
use crate::runtime::Runtime;
use crate::supervisor::{SupervisorActor, SupervisorCommand};
use crate::tenant::{ReloadScope, StatusQuery};
use crate::{TenantHandle, Unavailable};

/// Knows where every tenant is found, and is the only one that writes the directory. Asks the
/// supervisor to wake tenants; all who want the same one wait together.
pub(crate) struct RouterActor {
    runtime: Arc<Runtime>,
    supervisor: Addr<SupervisorActor>,
    /// Locked by the scan under way alone.
    routes: Arc<Mutex<Routes>>,
    entries: HashMap<TenantId, Arc<DirectoryEntry>>,
    waiting: HashMap<TenantId, Vec<Answer<TenantHandle, Unavailable>>>,
    scan: Scan,
    /// The number of the last change that is known.
    seen: u64,
    /// Tenants that cannot be read and whose last good configuration could not be asked for.
    to_recall: Vec<Arc<TenantEntry>>,
    on_last_good: BTreeSet<TenantId>,
    /// What the last scan complained of.
    problems: Vec<String>,
    /// Set by the first scan that succeeded.
    has_scanned: bool,
}

type Answer<T, E> = oneshot::Sender<Result<T, E>>;
type Scanned = Answer<RescanReport, RescanError>;

/// Whether changes are being read, and who waits for them.
#[derive(Default)]
enum Scan {
    #[default]
    Idle,
    Reading {
        /// Who asked before it began.
        now: Vec<Scanned>,
        /// Who asked since: they may mean what this one did not see any more.
        again: Option<Vec<Scanned>>,
    },
}

/// What a scan found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RescanReport {
    /// How many tenants there are.
    pub tenants: usize,
    /// How many of them are new.
    pub arrived: usize,
    /// How many are gone.
    pub left: usize,
    /// How many have another configuration than before.
    pub changed: usize,
    /// Who cannot be routed to, each in words a person can act on.
    pub problems: Vec<String>,
}

/// Why a scan changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RescanError {
    /// The registry cannot be read.
    #[error("the tenants cannot be listed: {0}")]
    Unreadable(String),
    /// The tenancy is shut down.
    #[error("the tenancy is shut down")]
    ShutDown,
}

/// Wake a tenant. It is woken even if who asked stops waiting before the router's turn comes.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Activate {
    pub(crate) tenant: TenantId,
    pub(crate) answer: Answer<TenantHandle, Unavailable>,
}

/// Look which tenants there are.
#[derive(Message)]
#[rtype(result = "Result<RescanReport, RescanError>")]
pub(crate) struct Rescan;

/// Load one tenant, or all that are awake, anew.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Reload {
    pub(crate) which: Option<TenantId>,
    pub(crate) what: ReloadScope,
}

/// Try a tenant in quarantine now.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Revive(pub(crate) TenantId);

/// Describe a tenant.
#[derive(Message)]
#[rtype(result = "Option<StatusQuery>")]
pub(crate) struct Observe(pub(crate) TenantId);

/// Describe all tenants.
#[derive(Message)]
#[rtype(result = "Vec<StatusQuery>")]
pub(crate) struct ObserveAll;

/// Let everybody finish and stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Shutdown;

impl RouterActor {
    pub(crate) fn new(runtime: Arc<Runtime>, supervisor: Addr<SupervisorActor>) -> Self {
        Self {
            runtime,
            supervisor,
            routes: Arc::default(),
            entries: HashMap::new(),
            waiting: HashMap::new(),
            scan: Scan::Idle,
            seen: 0,
            to_recall: Vec::new(),
            on_last_good: BTreeSet::new(),
            problems: Vec::new(),
            has_scanned: false,
        }
    }

    fn answer(&mut self, id: &TenantId, answer: &Result<TenantHandle, Unavailable>) {
        for waiting in self.waiting.remove(id).unwrap_or_default() {
            // Who gave up waiting needs no answer.
            let _gave_up = waiting.send(answer.clone());
        }
    }

    /// Reads what changed on the I/O runtime; what follows from it is worked out there too.
    fn begin_scan(&mut self, asked: Vec<Scanned>, ctx: &mut Context<Self>) {
        self.scan = Scan::Reading {
            now: asked,
            again: None,
        };
        let registry = Arc::clone(&self.runtime.deps.registry);
        let (routes, seen) = (Arc::clone(&self.routes), self.seen);
        let to_recall = std::mem::take(&mut self.to_recall);
        let runtime = Arc::clone(&self.runtime);
        let reading = self.runtime.deps.io.spawn(async move {
            let delta = Delta::read(&*registry, seen).await;
            let delta = delta.map_err(|error| RescanError::Unreadable(error.to_string()));
            let mut delta = delta.map_err(|error| (error, to_recall.clone()))?;
            delta.add(to_recall);
            let unread = {
                let routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
                delta.unroutable(&routes)
            };
            let still_to_recall = delta.recall(&runtime, unread).await;
            let compared = tokio::task::spawn_blocking(move || {
                let mut routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
                routes.update(delta)
            })
            .await;
            match compared {
                Ok(changes) => Ok((changes, still_to_recall)),
                Err(error) => {
                    let error = RescanError::Unreadable(error.to_string());
                    Err((error, still_to_recall))
                }
            }
        });
        let reading = reading.into_actor(self).map(|read, router, ctx| {
            let read = read.unwrap_or_else(|error| {
                Err((RescanError::Unreadable(error.to_string()), Vec::new()))
            });
            let read = match read {
                Ok((changes, to_recall)) => {
                    router.to_recall = to_recall;
                    Ok(changes)
                }
                Err((error, to_recall)) => {
                    router.to_recall = to_recall;
                    Err(error)
                }
            };
            router.end_scan(read, ctx);
        });
        ctx.spawn(reading);
    }

    fn end_scan(&mut self, read: Result<RouteChanges, RescanError>, ctx: &mut Context<Self>) {
        let result = read.map(|changes| self.apply(&changes));
        if let Err(error) = &result {
            tracing::warn!(%error, "{error}; the tenants stay as they were");
        }
        let Scan::Reading { now, again } = std::mem::take(&mut self.scan) else {
            return;
        };
        for asked in now {
            let _gave_up = asked.send(result.clone());
        }
        if let Some(again) = again {
            self.begin_scan(again, ctx);
        }
    }

    fn tell_of_last_good(&mut self, now: &[TenantId]) {
        let now: BTreeSet<TenantId> = now.iter().cloned().collect();
        if now == self.on_last_good {
            return;
        }
        for id in now.difference(&self.on_last_good) {
            tracing::warn!(tenant.id = %id,
                "tenant {id} has a configuration that cannot be served: it goes on with its last \
                 good one; `insula check` says what is wrong");
        }
        for id in self.on_last_good.difference(&now) {
            tracing::info!(tenant.id = %id,
                "tenant {id} is served by its present configuration again, or is gone");
        }
        let gauge = i64::try_from(now.len()).unwrap_or(i64::MAX);
        self.runtime.metrics.on_last_good.set(gauge);
        let shared = now.iter().cloned().collect();
        self.runtime.on_last_good.store(Arc::new(shared));
        self.on_last_good = now;
    }

    fn apply(&mut self, changes: &RouteChanges) -> RescanReport {
        self.seen = changes.upto;
        // Told once, not at every poll.
        for problem in &changes.problems {
            if !self.problems.contains(problem) {
                tracing::warn!("{problem}");
            }
        }
        self.problems.clone_from(&changes.problems);
        self.tell_of_last_good(&changes.on_last_good);
        for id in &changes.arrived {
            self.entries
                .insert(id.clone(), DirectoryEntry::asleep(id.clone()));
        }
        let keys: Vec<_> = changes
            .keys
            .iter()
            .map(|(key, to)| Change {
                key: key.clone(),
                entry: to.as_ref().and_then(|id| self.entries.get(id).cloned()),
            })
            .collect();
        if !keys.is_empty() {
            self.runtime.directory.publish(&keys);
        }
        if changes.has_new_fallback {
            let entry = changes.fallback.as_ref().and_then(|(id, path)| {
                let entry = self.entries.get(id)?;
                Some((path.as_str(), Arc::clone(entry)))
            });
            self.runtime.directory.set_fallback(entry);
        }
        for id in &changes.left {
            self.entries.remove(id);
            self.supervisor
                .do_send(SupervisorCommand::Remove(id.clone()));
            let retry_after = std::time::Duration::from_secs(1);
            self.answer(id, &Err(Unavailable { retry_after }));
            tracing::info!(tenant.id = %id, "tenant {id} is gone");
        }
        for id in &changes.changed {
            self.supervisor.do_send(SupervisorCommand::Reload {
                which: Some(id.clone()),
                what: ReloadScope::Spec,
            });
        }
        if self.runtime.options.boot_all {
            for id in &changes.arrived {
                self.supervisor.do_send(SupervisorCommand::Wake(id.clone()));
            }
        }
        let report = RescanReport {
            tenants: changes.tenants,
            arrived: changes.arrived.len(),
            left: changes.left.len(),
            changed: changes.changed.len(),
            problems: changes.problems.clone(),
        };
        let tenants = i64::try_from(report.tenants).unwrap_or(i64::MAX);
        self.runtime.metrics.registered.set(tenants);
        if !self.has_scanned {
            tracing::info!(tenants, "{tenants} tenants are registered");
        }
        self.has_scanned = true;
        report
    }
}

impl Actor for RouterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.runtime.options.poll_every, |router, ctx| {
            // A scan under way is as good as one that begins now.
            if router.has_scanned && matches!(router.scan, Scan::Idle) {
                router.begin_scan(Vec::new(), ctx);
            }
        });
    }
}

impl Handler<Activate> for RouterActor {
    type Result = ();

    fn handle(&mut self, Activate { tenant, answer }: Activate, _: &mut Self::Context) {
        let known = match self
            .entries
            .get(&tenant)
            .map(|entry| entry.state())
            .as_deref()
        {
            None => Some(Err(Unavailable {
                retry_after: Duration::from_secs(1),
            })),
            Some(
                EntryState::Awake(handle)
                | EntryState::Quarantined {
                    last: Some(handle), ..
                },
            ) => Some(Ok(handle.clone())),
            Some(EntryState::Quarantined { until, .. }) => Some(Err(Unavailable {
                retry_after: until.since(self.runtime.monotonic()),
            })),
            Some(EntryState::Asleep) => None,
        };
        if let Some(known) = known {
            // Whoever stopped waiting needs no answer.
            let _ = answer.send(known);
            return;
        }
        let waiting = self.waiting.entry(tenant.clone()).or_default();
        // Now and then: those who gave up need not be remembered.
        if waiting.len().is_power_of_two() {
            waiting.retain(|asker| !asker.is_closed());
        }
        waiting.push(answer);
        if waiting.len() == 1 {
            self.supervisor.do_send(SupervisorCommand::Wake(tenant));
        }
    }
}

impl Handler<SupervisorEvent> for RouterActor {
    type Result = ();

    fn handle(&mut self, event: SupervisorEvent, _: &mut Self::Context) {
        let (id, state, answer) = match event {
            SupervisorEvent::Woke(handle) => {
                let id = handle.id().clone();
                (id, EntryState::Awake(handle.clone()), Some(Ok(handle)))
            }
            SupervisorEvent::FellAsleep(id) => (id, EntryState::Asleep, None),
            SupervisorEvent::Quarantined { id, until, last } => {
                let retry_after = until.since(self.runtime.monotonic());
                let answer = last.clone().ok_or(Unavailable { retry_after });
                (id, EntryState::Quarantined { until, last }, Some(answer))
            }
        };
        // A tenant that left meanwhile has no entry any more.
        if let Some(entry) = self.entries.get(&id) {
            entry.put(state);
        }
        if let Some(answer) = answer {
            self.answer(&id, &answer);
        } else if self.waiting.contains_key(&id) {
            self.supervisor.do_send(SupervisorCommand::Wake(id));
        }
    }
}

impl Handler<Rescan> for RouterActor {
    type Result = ResponseFuture<Result<RescanReport, RescanError>>;

    fn handle(&mut self, _: Rescan, ctx: &mut Self::Context) -> Self::Result {
        let (answer, answered) = oneshot::channel();
        match &mut self.scan {
            Scan::Idle => self.begin_scan(vec![answer], ctx),
            Scan::Reading { again, .. } => again.get_or_insert_default().push(answer),
        }
        Box::pin(async move { answered.await.unwrap_or(Err(RescanError::ShutDown)) })
    }
}

impl Handler<Reload> for RouterActor {
    type Result = ();

    fn handle(&mut self, Reload { which, what }: Reload, ctx: &mut Self::Context) {
        let is_new = which
            .as_ref()
            .is_some_and(|id| !self.entries.contains_key(id));
        if !is_new {
            self.supervisor
                .do_send(SupervisorCommand::Reload { which, what });
        } else if matches!(self.scan, Scan::Idle) && self.has_scanned {
            self.begin_scan(Vec::new(), ctx);
        }
    }
}

impl Handler<Revive> for RouterActor {
    type Result = ();

    fn handle(&mut self, Revive(id): Revive, _: &mut Self::Context) {
        self.supervisor.do_send(SupervisorCommand::Revive(id));
    }
}

impl Handler<Observe> for RouterActor {
    type Result = ResponseFuture<Option<StatusQuery>>;

    fn handle(&mut self, Observe(id): Observe, _: &mut Self::Context) -> Self::Result {
        if !self.entries.contains_key(&id) {
            return Box::pin(std::future::ready(None));
        }
        let is_on_last_good = self.on_last_good.contains(&id);
        let asked = self.supervisor.send(crate::supervisor::Describe(vec![id]));
        Box::pin(async move {
            let query = asked.await.ok()?.into_iter().next();
            query.map(|query| query.on_last_good(is_on_last_good))
        })
    }
}

impl Handler<ObserveAll> for RouterActor {
    type Result = ResponseFuture<Vec<StatusQuery>>;

    fn handle(&mut self, _: ObserveAll, _: &mut Self::Context) -> Self::Result {
        let mut all: Vec<_> = self.entries.keys().cloned().collect();
        all.sort();
        let on_last_good: Vec<_> = all
            .iter()
            .map(|id| self.on_last_good.contains(id))
            .collect();
        let asked = self.supervisor.send(crate::supervisor::Describe(all));
        Box::pin(async move {
            let queries = asked.await.unwrap_or_default().into_iter();
            let queries = queries.zip(on_last_good);
            queries
                .map(|(query, is_on_last_good)| query.on_last_good(is_on_last_good))
                .collect()
        })
    }
}

impl Handler<Shutdown> for RouterActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Shutdown, _: &mut Self::Context) -> Self::Result {
        let drained = self.supervisor.send(crate::supervisor::DrainAll);
        Box::pin(async move {
            // A supervisor that is gone has nobody left to drain.
            let _drained = drained.await;
        })
    }
}

#[cfg(any(test, feature = "fault-injection"))]
impl Handler<crate::messages::Probe> for RouterActor {
    type Result = ResponseFuture<usize>;

    fn handle(&mut self, probe: crate::messages::Probe, _: &mut Self::Context) -> Self::Result {
        let probed = self.supervisor.send(probe);
        Box::pin(async move { probed.await.unwrap_or_default() })
    }
}

#[cfg(any(test, feature = "fault-injection"))]
impl Handler<Inject> for RouterActor {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, inject: Inject, _: &mut Self::Context) -> Self::Result {
        let injected = self.supervisor.send(inject);
        Box::pin(async move { injected.await.unwrap_or(false) })
    }
}
