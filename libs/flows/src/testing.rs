//! A tenant on a bench: memory stores, a clock that stands still, fake connectors.

mod person;
mod program;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use insula_ambient::{Clock, ManualClock, SeededEntropy};
use insula_connector_kit::{Connector, UpstreamHealth};
use insula_engine::Refusal;
use insula_jose::{Alg, KeyRing, RotationPolicy};
use insula_model::{CodeGrant, EventKind, TenantSpec, TokenHash};
use insula_oauth::{Params, TokenResponse};
use insula_store::{Cache as _, CacheLimits, Durable as _, MemoryCache, MemoryStore, TenantFacts};
use insula_testkit::{FakeConnector, NOW, VERIFIER, a_code_grant, test_keys, test_rotation};

use crate::{Effects, Fault, FlowError, MakeKeys, OpenedConnector, Questions, Tasks, TenantView};

pub(crate) use person::{
    ASK, Person, at_callback, code_in, consent_fields, destination, heard, state_in,
};
pub(crate) use program::{exchange, introspected, introspected_as, revoked, userinfo_of};
pub(crate) use watched::{CallLog, Something, Trouble, watched};

/// A tenant in which every connector is a [`FakeConnector::redirecting`], and the clock under it,
/// standing at [`NOW`].
pub(crate) fn view(spec: impl Into<TenantSpec>) -> (TenantView, ManualClock) {
    let clock = ManualClock::at(NOW);
    (view_by(spec, clock.clone()), clock)
}

/// Makes no key: the ring of [`test_keys`] promises none.
pub(crate) struct NoKeys;

#[async_trait]
impl MakeKeys for NoKeys {
    async fn ring_with(&self, _: Alg) -> Option<Arc<KeyRing>> {
        None
    }
}

/// Goes on beside the test, in which no time passes.
pub(crate) struct TestTasks;

impl Tasks for TestTasks {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        tokio::spawn(work);
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        tokio::task::yield_now().boxed()
    }
}

/// The same, by a clock of the test's own.
pub(crate) fn view_by(spec: impl Into<TenantSpec>, clock: impl Clock) -> TenantView {
    let spec = spec.into();
    let shared: Arc<dyn Clock> = Arc::new(clock);
    let cache = MemoryCache::new(shared.clone(), CacheLimits::default());
    let connectors = spec.connectors.iter().map(|connector| {
        let opened: Arc<dyn Connector> = Arc::new(FakeConnector::redirecting());
        OpenedConnector {
            spec: Arc::clone(connector),
            opened: Ok(opened),
            health: Arc::new(UpstreamHealth::new(Arc::new(()))),
        }
    });
    let algs = spec.signer.algorithms.iter();
    let rotation = RotationPolicy {
        algs: algs.map(|name| name.parse().unwrap()).collect(),
        ..test_rotation()
    };
    TenantView {
        connectors: Arc::new(connectors.collect()),
        keys: Arc::new(test_keys()),
        rotation: Arc::new(rotation),
        effects: Effects {
            store: MemoryStore::new().tenant(&spec.id),
            cache: cache.tenant(&spec.id),
            facts: Arc::new(TenantFacts::alone(spec.id.clone())),
            clock: shared,
            entropy: Arc::new(SeededEntropy::new(1)),
            promised_keys: Arc::new(NoKeys),
            questions: Questions::default(),
            tasks: Arc::new(TestTasks),
        },
        spec: Arc::new(spec),
    }
}

/// The same tenant, in which one connector is `fake`; what it was asked can be read off it.
pub(crate) fn with_connector(
    view: &TenantView,
    id: &str,
    fake: FakeConnector,
) -> (TenantView, Arc<FakeConnector>) {
    let fake = Arc::new(fake);
    let mut connectors = view.connectors.as_ref().clone();
    for connector in connectors.iter_mut() {
        if connector.spec.id.as_str() == id {
            connector.opened = Ok(fake.clone());
        }
    }
    let view = TenantView {
        connectors: Arc::new(connectors),
        ..view.clone()
    };
    (view, fake)
}

/// The same tenant, configured anew: what is stored stays.
pub(crate) fn reconfigured(view: &TenantView, change: impl FnOnce(&mut TenantSpec)) -> TenantView {
    let mut spec = view.spec.as_ref().clone();
    change(&mut spec);
    TenantView {
        spec: Arc::new(spec),
        ..view.clone()
    }
}

/// The same tenant in another process, which hears of nothing.
pub(crate) fn elsewhere(view: &TenantView) -> TenantView {
    TenantView {
        effects: Effects {
            facts: Arc::new(TenantFacts::alone(view.spec.id.clone())),
            questions: Questions::default(),
            ..view.effects.clone()
        },
        ..view.clone()
    }
}

/// The tenant after its people were taken out of its own configuration, among them all who logged in.
pub(crate) fn without_people(view: &TenantView) -> TenantView {
    reconfigured(view, |spec| {
        for connector in &mut spec.connectors {
            "local".clone_into(&mut Arc::make_mut(connector).kind);
        }
    })
}

/// A form body, or a query.
pub(crate) fn form(pairs: &[(&str, &str)]) -> Params {
    Params::from_pairs(pairs.iter().copied())
}

/// `Authorization` of the client `id` with a secret.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    let pair = data_encoding::BASE64.encode(format!("{id}:{secret}").as_bytes());
    format!("Basic {pair}")
}

/// `Authorization` of the client [`a_client`](insula_testkit::a_client) makes.
pub(crate) fn app() -> String {
    basic("app", "app-secret")
}

/// Stores `grant` under the code `code`, as a login leaves it behind.
pub(crate) async fn with_code(view: &TenantView, code: &str, grant: &CodeGrant) {
    let cache = &view.effects.cache;
    let hash = TokenHash::of(code);
    let ttl = view.spec.expiry.codes;
    cache.put_code(&hash, grant, ttl).await.unwrap();
}

/// Records that the person of a grant logged in, as their login does.
pub(crate) async fn with_person(view: &TenantView, grant: &CodeGrant) {
    let login = &grant.login;
    let store = &view.effects.store;
    let recorded = store.record_login(&login.connector_id, &login.claims, None, login.auth_time);
    recorded.await.unwrap();
}

/// The form that redeems a code of [`a_code_grant`](insula_testkit::a_code_grant).
pub(crate) fn code_form(code: &str) -> Params {
    form(&[
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://app.test/cb"),
        ("code_verifier", VERIFIER),
    ])
}

/// What the client gets for [`a_code_grant`](insula_testkit::a_code_grant).
pub(crate) async fn tokens(view: &TenantView) -> TokenResponse {
    with_code(view, "code", &a_code_grant()).await;
    let answer = exchange(view, Some(&app()), &code_form("code")).await;
    answer.unwrap()
}

/// The refusal a flow ended in.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, FlowError>) -> Refusal {
    match answer {
        Err(FlowError::Refused(refused)) => refused.refusal,
        other => panic!("not a refusal: {other:?}"),
    }
}

/// The fault a flow ended in.
pub(crate) fn fault<T: std::fmt::Debug>(answer: Result<T, FlowError>) -> Fault {
    match answer {
        Err(FlowError::Fault { fault, .. }) => fault,
        other => panic!("not a fault: {other:?}"),
    }
}

/// What was told of the tenant.
pub(crate) async fn told(view: &TenantView) -> Vec<EventKind> {
    let events = view.effects.store.events_after(0, 1_000).await.unwrap();
    events.into_iter().map(|placed| placed.event.kind).collect()
}

/// The names of that.
pub(crate) async fn kinds(view: &TenantView) -> Vec<String> {
    let name = |kind| {
        serde_json::to_value(kind).unwrap()["kind"]
            .as_str()
            .map(str::to_owned)
    };
    told(view).await.iter().filter_map(name).collect()
}

/// The claims of a token, unverified.
pub(crate) fn claims_of(token: &str) -> serde_json::Value {
    let body = token.split('.').nth(1).unwrap();
    let json = data_encoding::BASE64URL_NOPAD.decode(body.as_bytes());
    serde_json::from_slice(&json.unwrap()).unwrap()
}
