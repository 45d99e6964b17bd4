use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor as _, Addr, Arbiter};
use futures_util::StreamExt as _;
use insula_ambient::{Clock, Entropy};
use insula_connector_kit::{OpenConnector, PasswordCheck, PostForm};
use insula_jose::MasterKey;
use insula_model::TenantId;
use insula_store::{Cache, ChangeBus, ChangeKind, Durable, TenantRegistry};
use insula_theming::ThemeLibrary;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::router::{Activate, Observe, ObserveAll, Reload, Rescan, Revive, RouterActor, Shutdown};
use crate::runtime::Runtime;
use crate::supervisor::SupervisorActor;
use crate::tenant::ReloadScope;
use crate::{
    Directory, LogoutDelivery, Metrics, RescanError, RescanReport, RestartPolicy, SpecSource,
    TenantHandle, TenantStatus,
};

/// How long the bus is left alone after it failed.
const BUS_RETRY: Duration = Duration::from_secs(1);
/// How long a status is waited for before the supervisor's own knowledge must do.
const OBSERVE_TIMEOUT: Duration = Duration::from_secs(1);
/// How many tenants are asked for their status at once.
const ABREAST: usize = 64;
/// Messages that may wait for the router before askers wait themselves.
const ROUTER_MAILBOX: usize = 4096;

/// Makes a tenant's share of the hashing pool, of a size its limits name.
pub type HashingShare = Arc<dyn Fn(u32) -> Arc<dyn PasswordCheck> + Send + Sync>;

/// The services that tenants are run with.
#[derive(Clone)]
pub struct TenancyDeps {
    /// What must survive.
    pub durable: Arc<dyn Durable>,
    /// What lives minutes.
    pub cache: Arc<dyn Cache>,
    /// Word of changes between processes.
    pub bus: Arc<dyn ChangeBus>,
    /// All kinds of connectors.
    pub connectors: Arc<dyn OpenConnector>,
    /// Shares of the hashing pool.
    pub hashing: HashingShare,
    /// All themes.
    pub themes: Arc<ThemeLibrary>,
    /// Which tenants there are.
    pub registry: Arc<dyn TenantRegistry>,
    /// What is written of them.
    pub specs: Arc<dyn SpecSource>,
    /// What key rings are sealed under.
    pub master_key: Arc<MasterKey>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where sockets live, and all waiting for them: it outlives every actor.
    pub io: tokio::runtime::Handle,
    /// Names this process on the bus.
    pub process_id: String,
}

/// How tenants are kept.
#[derive(Debug, Clone)]
pub struct TenancyOptions {
    /// How many threads tenants share; at least two, so that a tenant can be moved off a hung one.
    pub arbiters: usize,
    /// How long a request waits for a tenant to wake.
    pub activation_timeout: Duration,
    /// When a tenant that failed is tried again.
    pub restart: RestartPolicy,
    /// How often every arbiter gets a heartbeat to answer.
    pub heartbeat_every: Duration,
    /// How many rounds a heartbeat may stay unanswered before what runs on the arbiter counts as
    /// hung. Five hangs must fit into the window of `restart`, or none is ever quarantined.
    pub hang_after_misses: u32,
    /// How often the registry and the versions of key rings are looked at without word of a change.
    pub poll_every: Duration,
    /// How long one call to a store or a load may take.
    pub io_timeout: Duration,
    /// How many tenants may be awake; beyond it those unused for longest go to sleep.
    pub max_awake: usize,
    /// How long clients may keep a JWK Set; keys are announced at least this long.
    pub jwks_max_age: Duration,
    /// How long a request waits for a key that is made when it is first needed.
    pub key_patience: Duration,
    /// How many RSA keys of all tenants may be parsed at once, some kilobytes each.
    pub parsed_rsa_keys: usize,
    /// Whether all tenants are woken at the first scan, instead of by their first request.
    pub boot_all: bool,
}

impl Default for TenancyOptions {
    fn default() -> Self {
        Self {
            arbiters: 2,
            activation_timeout: Duration::from_secs(5),
            restart: RestartPolicy::default(),
            heartbeat_every: Duration::from_secs(1),
            hang_after_misses: 5,
            poll_every: Duration::from_mins(1),
            io_timeout: Duration::from_secs(10),
            max_awake: 100_000,
            jwks_max_age: Duration::from_hours(1),
            key_patience: Duration::from_secs(10),
            parsed_rsa_keys: 1024,
            boot_all: false,
        }
    }
}

/// The tenant cannot be served now.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the tenant cannot be served now; try again in {} s", .retry_after.as_secs().max(1))]
pub struct Unavailable {
    /// When to try again (`Retry-After`, RFC 9110 §10.2.3).
    pub retry_after: Duration,
}

/// All tenants of a process. Clones are the same tenancy.
#[derive(Clone)]
pub struct Tenancy(Arc<Inner>);

struct Inner {
    runtime: Arc<Runtime>,
    router: Addr<RouterActor>,
    /// Where router and supervisor live.
    control: Mutex<Option<Arbiter>>,
    listening: tokio::task::JoinHandle<()>,
}

impl Tenancy {
    /// Starts the actors; to be called within an actix `System`. Nobody is known yet: call
    /// [`rescan`](Self::rescan) before requests are served.
    pub fn start(deps: TenancyDeps, options: TenancyOptions) -> Self {
        let runtime = Runtime::new(deps, options);
        // Router and supervisor live apart from tenants, so that one that hangs blocks neither.
        let control = Arbiter::new();
        let router = RouterActor::start_in_arbiter(&control.handle(), {
            let runtime = Arc::clone(&runtime);
            move |ctx: &mut actix::Context<RouterActor>| {
                use actix::AsyncContext as _;
                ctx.set_mailbox_capacity(ROUTER_MAILBOX);
                let news = ctx.address().recipient();
                let supervisor = SupervisorActor::new(Arc::clone(&runtime), news).start();
                RouterActor::new(runtime, supervisor)
            }
        });
        let listening = runtime
            .deps
            .io
            .spawn(listen(Arc::clone(&runtime), router.clone()));
        Self(Arc::new(Inner {
            runtime,
            router,
            control: Mutex::new(Some(control)),
            listening,
        }))
    }

    /// What its actors share.
    #[cfg(test)]
    pub(crate) fn runtime(&self) -> &Arc<Runtime> {
        &self.0.runtime
    }

    /// Who answers for which host and path.
    pub fn directory(&self) -> &Directory {
        &self.0.runtime.directory
    }

    /// What is counted of tenants' lives.
    pub fn metrics(&self) -> &Metrics {
        &self.0.runtime.metrics
    }

    /// How many tenants are awake.
    pub fn awake(&self) -> usize {
        usize::try_from(self.0.runtime.metrics.awake.get()).unwrap_or_default()
    }

    /// Wakes a tenant, or finds it awake. All who ask meanwhile share one waking.
    pub async fn activate(&self, id: &TenantId) -> Result<TenantHandle, Unavailable> {
        let unavailable = Unavailable {
            retry_after: Duration::from_secs(1),
        };
        // Not `send`: an actor skips a message whose sender stopped waiting before its turn came,
        // and a tenant wanted once should be awake for whoever asks again.
        let (answer, answered) = oneshot::channel();
        let tenant = id.clone();
        self.0.router.do_send(Activate { tenant, answer });
        let patience = self.0.runtime.options.activation_timeout;
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(unavailable),
        }
    }

    /// Loads one tenant anew, or the themes and everything (as after SIGHUP). Comes back when it is
    /// under way; how it ended is told by the tenants' status.
    pub async fn reload(&self, which: Option<TenantId>) -> Result<RescanReport, RescanError> {
        if which.is_none() {
            let themes = Arc::clone(&self.0.runtime.deps.themes);
            let reloaded = self
                .0
                .runtime
                .deps
                .io
                .spawn_blocking(move || themes.reload());
            if let Ok(Err(error)) = reloaded.await {
                tracing::warn!(%error, "the themes stay as they were: {error}");
            }
        }
        let report = self.rescan().await;
        self.0.router.do_send(Reload {
            which,
            what: ReloadScope::Spec,
        });
        report
    }

    /// Looks which tenants there are: new ones appear, those that are gone are drained, those whose
    /// files changed are reloaded.
    pub async fn rescan(&self) -> Result<RescanReport, RescanError> {
        let scanned = self.0.router.send(Rescan).await;
        scanned.unwrap_or(Err(RescanError::ShutDown))
    }

    /// The tenants whose present configuration cannot be served, by name, as of the last look: they
    /// are served by their last good one.
    pub fn on_last_good(&self) -> Arc<Vec<TenantId>> {
        self.0.runtime.on_last_good.load_full()
    }

    /// The status of a tenant; `None` if there is none of that name.
    pub async fn status(&self, id: &TenantId) -> Option<TenantStatus> {
        let asked = self.0.router.send(Observe(id.clone())).await.ok()??;
        Some(asked.answer(OBSERVE_TIMEOUT).await)
    }

    /// The status of all tenants, by name.
    pub async fn statuses(&self) -> Vec<TenantStatus> {
        let all = self.0.router.send(ObserveAll).await.unwrap_or_default();
        futures_util::stream::iter(all)
            .map(|asked| asked.answer(OBSERVE_TIMEOUT))
            .buffered(ABREAST)
            .collect()
            .await
    }

    /// What tells clients of logouts, by `post`.
    pub fn logout_delivery(&self, post: Arc<dyn PostForm>) -> LogoutDelivery {
        LogoutDelivery::new(Arc::clone(&self.0.runtime), self.clone(), post)
    }

    /// Ends a tenant's quarantine at once, and forgets how often it failed.
    pub fn revive(&self, id: &TenantId) {
        self.0.router.do_send(Revive(id.clone()));
    }

    /// Lets all actors finish what they began, then stops them and their threads. Snapshots that
    /// requests hold stay good.
    pub async fn shutdown(&self) {
        self.0.listening.abort();
        let patience = self.0.runtime.options.io_timeout;
        let drained = tokio::time::timeout(patience, self.0.router.send(Shutdown)).await;
        if !matches!(drained, Ok(Ok(()))) {
            tracing::warn!("some tenants did not finish in time and are stopped as they are");
        }
        self.0.runtime.in_background.end(patience).await;
        let arbiters = self.take_arbiters();
        for arbiter in &arbiters {
            arbiter.stop();
        }
        let joined = self.0.runtime.deps.io.spawn_blocking(move || {
            for arbiter in arbiters {
                // A thread that panicked is as gone as one that ended.
                let _gone = arbiter.join();
            }
        });
        // A thread that hangs is left to the end of the process.
        let _given_up = tokio::time::timeout(Duration::from_secs(1), joined).await;
    }

    fn take_arbiters(&self) -> Vec<Arbiter> {
        let control = self.0.control.lock();
        let control = control.unwrap_or_else(PoisonError::into_inner).take();
        self.0
            .runtime
            .threads
            .take()
            .into_iter()
            .chain(control)
            .collect()
    }

    /// Injects a fault into a tenant's actor. Answers whether there was one.
    #[cfg(any(test, feature = "fault-injection"))]
    pub async fn inject(&self, id: &TenantId, fault: crate::Fault) -> bool {
        let injected = self
            .0
            .router
            .send(crate::messages::Inject(id.clone(), fault));
        injected.await.unwrap_or(false)
    }

    /// How many actors hang.
    #[cfg(any(test, feature = "fault-injection"))]
    pub fn hanging(&self) -> usize {
        self.0.runtime.hangs.hanging()
    }

    /// A round of heartbeats, as the timer begins one. Answers how many arbiters have not answered.
    #[cfg(any(test, feature = "fault-injection"))]
    pub async fn check_arbiters(&self) -> usize {
        let probed = self.0.router.send(crate::messages::Probe::Check);
        probed.await.unwrap_or_default()
    }

    /// How many arbiters have not answered the last heartbeat.
    #[cfg(any(test, feature = "fault-injection"))]
    pub async fn silent_arbiters(&self) -> usize {
        let probed = self.0.router.send(crate::messages::Probe::Look);
        probed.await.unwrap_or_default()
    }

    /// How often the supervisor looked at all tenants.
    #[cfg(any(test, feature = "fault-injection"))]
    pub async fn scans(&self) -> usize {
        let probed = self.0.router.send(crate::messages::Probe::Scans);
        probed.await.unwrap_or_default()
    }

    /// Asks for the versions of all keys, as the timer does.
    #[cfg(any(test, feature = "fault-injection"))]
    pub async fn poll_keys(&self) {
        let probed = self.0.router.send(crate::messages::Probe::PollKeys);
        let _ended = probed.await;
    }

    /// Lets all hung actors go on.
    #[cfg(any(test, feature = "fault-injection"))]
    pub fn release_hung(&self) {
        self.0.runtime.hangs.release();
    }
}

impl std::fmt::Debug for Tenancy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenancy")
            .field("directory", self.directory())
            .finish_non_exhaustive()
    }
}

/// Hears what other processes changed. Word that is lost meanwhile is covered by the slow poll.
async fn listen(runtime: Arc<Runtime>, router: Addr<RouterActor>) {
    loop {
        let mut changes = match runtime.deps.bus.subscribe().await {
            Ok(changes) => changes,
            Err(error) => {
                tracing::warn!(%error, "changes by other processes are not heard: {error}");
                tokio::time::sleep(BUS_RETRY).await;
                continue;
            }
        };
        while let Some(change) = changes.next().await {
            let is_own = change.origin == runtime.deps.process_id;
            let what = match change.kind {
                ChangeKind::Facts(changed) => {
                    runtime.facts.forget(&change.tenant, &changed);
                    continue;
                }
                _ if is_own => continue,
                ChangeKind::Keys => ReloadScope::Keys,
                ChangeKind::Spec => ReloadScope::Spec,
            };
            let which = Some(change.tenant);
            router.do_send(Reload { which, what });
        }
        // The stream ends only with the bus; should it come back, so do we.
        tokio::time::sleep(BUS_RETRY).await;
    }
}
