use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::http::header::{HOST, HeaderMap};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpMessage as _, HttpResponse, web};
use async_trait::async_trait;
use insula_ambient::{Entropy, ManualClock, SystemEntropy};
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, Memory, OpenConnector,
    OpenContext, PasswordCheck, Reply, UpstreamIdentity,
};
use insula_jose::MasterKey;
use insula_model::{ConnectorSpec, Issuer, TenantId, TenantSpec};
use insula_store::{CacheLimits, MemoryBus, MemoryCache, MemoryRegistry, MemoryStore, TenantEntry};
use insula_tenancy::{LoadedSpec, SpecError, SpecSource, Tenancy, TenancyDeps, TenancyOptions};
use insula_testkit::{FakeConnector, NOW, NoHashing, TenantBuilder, a_connector, a_tenant};
use insula_theming::ThemeLibrary;
use prometheus::Registry;
use tokio::runtime::Runtime;

use crate::context::{Budget, Context};
use crate::{WebMetrics, WebSettings, WebState, front_door};

static THEMES: LazyLock<Arc<ThemeLibrary>> =
    LazyLock::new(|| Arc::new(ThemeLibrary::embedded().unwrap()));

/// Outlives every test, as the server's outlives every worker.
static IO: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
});

/// A tenancy with its front door.
pub(super) struct World {
    pub(super) clock: ManualClock,
    pub(super) state: WebState,
    pub(super) registry: Registry,
    pub(super) cache: MemoryCache,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl World {
    /// These tenants, asleep.
    pub(super) async fn of(tenants: impl IntoIterator<Item = TenantSpec>) -> Self {
        Self::with(tenants, WebSettings::default()).await
    }

    /// The tenant `acme` at `https://acme.test`, and `globex`, the same in dex's dialect.
    pub(super) async fn usual() -> Self {
        Self::of([a_tenant().build(), globex()]).await
    }

    pub(super) async fn with(
        tenants: impl IntoIterator<Item = TenantSpec>,
        settings: WebSettings,
    ) -> Self {
        let tenants: Vec<_> = tenants.into_iter().collect();
        let clock = ManualClock::at(NOW);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let cache = MemoryCache::new(Arc::new(clock.clone()), CacheLimits::default());
        let deps = TenancyDeps {
            durable: Arc::new(MemoryStore::new()),
            cache: Arc::new(cache.clone()),
            bus: Arc::new(MemoryBus::new()),
            connectors: Arc::new(Upstreams),
            hashing: Arc::new(|_| Arc::new(NoHashing) as Arc<dyn PasswordCheck>),
            themes: Arc::clone(&THEMES),
            registry: Arc::new(registry(&tenants)),
            specs: Arc::new(Files(tenants)),
            master_key: Arc::new(MasterKey::generate(&SystemEntropy)),
            clock: Arc::new(clock.clone()),
            entropy: Arc::clone(&entropy),
            io: IO.handle().clone(),
            process_id: "one".to_owned(),
        };
        let options = TenancyOptions {
            activation_timeout: Duration::from_mins(1),
            ..TenancyOptions::default()
        };
        let tenancy = Tenancy::start(deps, options);
        tenancy.rescan().await.unwrap();
        let registry = Registry::new();
        let state = WebState {
            tenancy,
            settings: Arc::new(settings),
            metrics: Arc::new(WebMetrics::register(&registry, 10).unwrap()),
            clock: Arc::new(clock.clone()),
            entropy,
            is_healthy: Arc::new(|| true),
        };
        Self {
            clock,
            state,
            registry,
            cache,
        }
    }

    /// Sends a request through the front door. Without a host it is for `acme.test`.
    pub(super) async fn ask(&self, request: TestRequest) -> Answer {
        self.send(request, true).await
    }

    /// Sends a request through the front door as it is, be it without a host.
    pub(super) async fn ask_as_it_is(&self, request: TestRequest) -> Answer {
        self.send(request, false).await
    }

    async fn send(&self, request: TestRequest, with_host: bool) -> Answer {
        let mut request = request.to_request();
        if with_host && request.uri().host().is_none() && !request.headers().contains_key(HOST) {
            let acme = "acme.test".parse().unwrap();
            request.headers_mut().insert(HOST, acme);
        }
        let app = App::new()
            .app_data(web::Data::new(self.state.clone()))
            .default_service(web::to(front_door));
        let app = init_service(app).await;
        let answer = call_service(&app, request).await;
        Answer::of(answer.into_parts().1).await
    }

    /// `GET` at `acme.test`.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(TestRequest::get().uri(path)).await
    }

    /// `GET` at a host.
    pub(super) async fn get_at(&self, host: &'static str, path: &str) -> Answer {
        let request = TestRequest::get().uri(path).insert_header((HOST, host));
        self.ask(request).await
    }

    /// What an endpoint of this tenant would be handed with the request.
    pub(super) async fn context(&self, tenant: &str, request: TestRequest) -> Context {
        let id = TenantId::parse(tenant).unwrap();
        let handle = self.state.tenancy.activate(&id).await.unwrap();
        Context {
            request: request.to_http_request(),
            snapshot: handle.snapshot(),
            budget: Budget {
                of: handle,
                now: self.state.clock.monotonic(),
            },
            client_address: None,
            is_from_trusted_proxy: false,
            request_id: "incident-1".into(),
        }
    }
}

impl Answer {
    pub(super) async fn of(answer: HttpResponse) -> Self {
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            bytes: to_bytes(answer.into_body()).await.unwrap().to_vec(),
        }
    }

    /// A header; empty if it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// Every `Set-Cookie`.
    pub(super) fn cookies(&self) -> Vec<&str> {
        let all = self.headers.get_all("set-cookie");
        all.map(|value| value.to_str().unwrap()).collect()
    }
}

/// A tenant in dex's dialect, with keys that are quick to make.
pub(super) fn globex() -> TenantSpec {
    let spec = a_tenant().dex().at("globex", "https://globex.test");
    let quick = |spec: &mut TenantSpec| spec.signer.algorithms = vec!["ES256".to_owned()];
    spec.with(quick).build()
}

/// A tenant with one connector of this kind: `panics`, `fails`, `password`, or any other for one
/// that sends browsers away.
pub(super) fn connecting(kind: &str) -> TenantBuilder {
    let mut connector = a_connector("mock");
    kind.clone_into(&mut connector.kind);
    a_tenant().without_connectors().with_connector(connector)
}

/// A good authorization request of the client `app`.
pub(super) const AUTHORIZE: &str = "/auth?client_id=app&redirect_uri=https%3A%2F%2Fapp.test%2Fcb\
&response_type=code&scope=openid&state=xyz\
&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

/// Where these tenants are found.
fn registry(specs: &[TenantSpec]) -> MemoryRegistry {
    let entry = |spec| TenantEntry::of(spec, "1".to_owned());
    let registry = MemoryRegistry::new();
    registry.put_all(specs.iter().map(entry));
    registry
}

/// Configurations. A tenant named `broken` cannot be loaded.
struct Files(Vec<TenantSpec>);

#[async_trait]
impl SpecSource for Files {
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        let spec = self.0.iter().find(|spec| &spec.id == id);
        match spec.filter(|spec| spec.id.as_str() != "broken") {
            Some(spec) => Ok(LoadedSpec {
                spec: Arc::new(spec.clone()),
                fingerprint: "1".to_owned(),
                document: None,
            }),
            None => Err(SpecError(vec!["it is broken".to_owned()])),
        }
    }
}

struct Upstreams;

#[async_trait]
impl OpenConnector for Upstreams {
    fn check(&self, _: &ConnectorSpec, _: &Issuer) -> Vec<String> {
        Vec::new()
    }

    async fn open(
        &self,
        spec: &ConnectorSpec,
        _: &OpenContext,
    ) -> Result<Arc<dyn Connector>, ConnectorError> {
        Ok(match spec.kind.as_str() {
            "panics" => Arc::new(Panics),
            "fails" => Arc::new(Fails),
            "password" => Arc::new(FakeConnector::asking_password()),
            _ => Arc::new(FakeConnector::redirecting()),
        })
    }
}

struct Panics;

#[async_trait]
impl Connector for Panics {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn begin(&self, _: &LoginContext) -> Result<Challenge, ConnectorError> {
        panic!("a connector with a secret in its last words");
    }

    async fn complete(
        &self,
        _: &LoginContext,
        _: &Memory,
        _: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        panic!("a connector with a secret in its last words");
    }
}

struct Fails;

#[async_trait]
impl Connector for Fails {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn begin(&self, _: &LoginContext) -> Result<Challenge, ConnectorError> {
        Err(ConnectorError::Unreachable("connection refused".to_owned()))
    }

    async fn complete(
        &self,
        _: &LoginContext,
        _: &Memory,
        _: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        Err(ConnectorError::Unreachable("connection refused".to_owned()))
    }
}
