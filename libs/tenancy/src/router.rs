use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt as _, Addr, AsyncContext as _, Context, Handler, Message, ResponseFuture,
    WrapFuture as _,
};
use insula_model::TenantId;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::directory::{Change, Seat, Slot};
use crate::house::House;
#[cfg(any(test, feature = "fault-injection"))]
use crate::messages::Inject;
use crate::messages::Tidings;
use crate::routes::{Moves, Routes};
use crate::supervisor::{Order, SupervisorActor};
use crate::tenant::{Asked, WhatChanged};
use crate::{TenantHandle, Unavailable};

/// Knows where every tenant is found, and is the only one that writes the directory. Asks the
/// supervisor to wake tenants; all who want the same one wait together.
pub(crate) struct RouterActor {
    house: Arc<House>,
    supervisor: Addr<SupervisorActor>,
    routes: Arc<Routes>,
    seats: HashMap<TenantId, Arc<Seat>>,
    waiting: HashMap<TenantId, Vec<Answer<TenantHandle, Unavailable>>>,
    scan: Scan,
    /// What the last scan complained of.
    problems: Vec<String>,
    /// Set by the first scan that succeeded.
    has_scanned: bool,
}

type Answer<T, E> = oneshot::Sender<Result<T, E>>;
type Scanned = Answer<RescanReport, RescanError>;

/// Whether the list of tenants is being read, and who waits for it.
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
    /// The list cannot be read.
    #[error("the tenants cannot be listed: {0}")]
    Unreadable(String),
    /// The house is closed.
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
    pub(crate) what: WhatChanged,
}

/// Try a tenant that rests.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Revive(pub(crate) TenantId);

/// How does a tenant fare?
#[derive(Message)]
#[rtype(result = "Option<Asked>")]
pub(crate) struct Observe(pub(crate) TenantId);

/// How do all tenants fare?
#[derive(Message)]
#[rtype(result = "Vec<Asked>")]
pub(crate) struct ObserveAll;

/// Let everybody finish and stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Shutdown;

impl RouterActor {
    pub(crate) fn new(house: Arc<House>, supervisor: Addr<SupervisorActor>) -> Self {
        Self {
            house,
            supervisor,
            routes: Arc::default(),
            seats: HashMap::new(),
            waiting: HashMap::new(),
            scan: Scan::Idle,
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

    /// Reads the list on the I/O runtime; what it changes is worked out there too.
    fn begin_scan(&mut self, asked: Vec<Scanned>, ctx: &mut Context<Self>) {
        self.scan = Scan::Reading {
            now: asked,
            again: None,
        };
        let specs = Arc::clone(&self.house.deps.specs);
        let routes = Arc::clone(&self.routes);
        let reading = self.house.deps.io.spawn(async move {
            let listed = specs.list().await.map_err(RescanError::Unreadable)?;
            let compared = tokio::task::spawn_blocking(move || routes.moved(listed)).await;
            compared.map_err(|error| RescanError::Unreadable(error.to_string()))
        });
        let reading = reading.into_actor(self).map(|read, router, ctx| {
            let read = read.unwrap_or_else(|error| Err(RescanError::Unreadable(error.to_string())));
            router.end_scan(read, ctx);
        });
        ctx.spawn(reading);
    }

    fn end_scan(&mut self, read: Result<(Routes, Moves), RescanError>, ctx: &mut Context<Self>) {
        let result = read.map(|(routes, moves)| self.apply(routes, &moves));
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

    fn apply(&mut self, routes: Routes, moves: &Moves) -> RescanReport {
        // Told once, not at every poll.
        for problem in &moves.problems {
            if !self.problems.contains(problem) {
                tracing::warn!("{problem}");
            }
        }
        self.problems.clone_from(&moves.problems);
        for id in &moves.arrived {
            self.seats.insert(id.clone(), Seat::asleep(id.clone()));
        }
        let lines: Vec<_> = moves
            .lines
            .iter()
            .map(|(place, to)| Change {
                place: place.clone(),
                seat: to.as_ref().and_then(|id| self.seats.get(id).cloned()),
            })
            .collect();
        if !lines.is_empty() {
            self.house.directory.publish(&lines);
        }
        if moves.is_fallback_new {
            let seat = routes.fallback.as_ref().and_then(|(id, path)| {
                let seat = self.seats.get(id)?;
                Some((path.as_str(), Arc::clone(seat)))
            });
            self.house.directory.set_fallback(seat);
        }
        for id in &moves.left {
            self.seats.remove(id);
            self.supervisor.do_send(Order::Remove(id.clone()));
            let retry_after = std::time::Duration::from_secs(1);
            self.answer(id, &Err(Unavailable { retry_after }));
            tracing::info!(tenant.id = %id, "tenant {id} is gone");
        }
        for id in &moves.changed {
            self.supervisor.do_send(Order::Reload {
                which: Some(id.clone()),
                what: WhatChanged::Spec,
            });
        }
        if self.house.options.boot_all {
            for id in &moves.arrived {
                self.supervisor.do_send(Order::Wake(id.clone()));
            }
        }
        let report = RescanReport {
            tenants: routes.tenants.len(),
            arrived: moves.arrived.len(),
            left: moves.left.len(),
            changed: moves.changed.len(),
            problems: moves.problems.clone(),
        };
        let tenants = i64::try_from(report.tenants).unwrap_or(i64::MAX);
        self.house.metrics.registered.set(tenants);
        if !self.has_scanned {
            tracing::info!(tenants, "{tenants} tenants are registered");
        }
        self.has_scanned = true;
        self.routes = Arc::new(routes);
        report
    }
}

impl Actor for RouterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.house.options.poll_every, |router, ctx| {
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
        let known = match self.seats.get(&tenant).map(|seat| seat.slot()).as_deref() {
            None => Some(Err(Unavailable {
                retry_after: Duration::from_secs(1),
            })),
            Some(
                Slot::Awake(handle)
                | Slot::Resting {
                    last: Some(handle), ..
                },
            ) => Some(Ok(handle.clone())),
            Some(Slot::Resting { until, .. }) => Some(Err(Unavailable {
                retry_after: until.since(self.house.monotonic()),
            })),
            Some(Slot::Asleep) => None,
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
            self.supervisor.do_send(Order::Wake(tenant));
        }
    }
}

impl Handler<Tidings> for RouterActor {
    type Result = ();

    fn handle(&mut self, tidings: Tidings, _: &mut Self::Context) {
        let (id, slot, answer) = match tidings {
            Tidings::Woke(handle) => {
                let id = handle.id().clone();
                (id, Slot::Awake(handle.clone()), Some(Ok(handle)))
            }
            Tidings::FellAsleep(id) => (id, Slot::Asleep, None),
            Tidings::WentToRest { id, until, last } => {
                let retry_after = until.since(self.house.monotonic());
                let answer = last.clone().ok_or(Unavailable { retry_after });
                (id, Slot::Resting { until, last }, Some(answer))
            }
        };
        // A tenant that left meanwhile has no seat any more.
        if let Some(seat) = self.seats.get(&id) {
            seat.put(slot);
        }
        if let Some(answer) = answer {
            self.answer(&id, &answer);
        } else if self.waiting.contains_key(&id) {
            self.supervisor.do_send(Order::Wake(id));
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
            .is_some_and(|id| !self.seats.contains_key(id));
        if !is_new {
            self.supervisor.do_send(Order::Reload { which, what });
        } else if matches!(self.scan, Scan::Idle) && self.has_scanned {
            self.begin_scan(Vec::new(), ctx);
        }
    }
}

impl Handler<Revive> for RouterActor {
    type Result = ();

    fn handle(&mut self, Revive(id): Revive, _: &mut Self::Context) {
        self.supervisor.do_send(Order::Revive(id));
    }
}

impl Handler<Observe> for RouterActor {
    type Result = ResponseFuture<Option<Asked>>;

    fn handle(&mut self, Observe(id): Observe, _: &mut Self::Context) -> Self::Result {
        if !self.seats.contains_key(&id) {
            return Box::pin(std::future::ready(None));
        }
        let asked = self.supervisor.send(crate::supervisor::Describe(vec![id]));
        Box::pin(async move { asked.await.ok()?.into_iter().next() })
    }
}

impl Handler<ObserveAll> for RouterActor {
    type Result = ResponseFuture<Vec<Asked>>;

    fn handle(&mut self, _: ObserveAll, _: &mut Self::Context) -> Self::Result {
        let all = self.routes.tenants.keys().cloned().collect();
        let asked = self.supervisor.send(crate::supervisor::Describe(all));
        Box::pin(async move { asked.await.unwrap_or_default() })
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
impl Handler<Inject> for RouterActor {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, inject: Inject, _: &mut Self::Context) -> Self::Result {
        let injected = self.supervisor.send(inject);
        Box::pin(async move { injected.await.unwrap_or(false) })
    }
}
