//! What an awake tenant holds of the heap, counted by the allocator: the same on every machine.
//! The crypto library has its own allocator and is not counted; `load awake` measures all of it.

#![expect(
    clippy::expect_used,
    reason = "a count that cannot begin should stop at once"
)]

mod heap;
#[path = "../benches/tenancy/mod.rs"]
mod tenancy;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::SystemEntropy;
use insula_config::{Document, LoadOptions, read_document};
use insula_connectors::{HashingPool, OutboundPolicy, Registry, UpstreamHttp};
use insula_files::Allowed;
use insula_jose::{Alg, MasterKey};
use insula_model::{DocumentFormat, DocumentSyntax, TenantDocument, TenantId};
use insula_store::{Durable, MemoryBus, MemoryRegistry, MemoryStore};
use insula_tenancy::{LoadedSpec, SpecError, SpecSource, Tenancy, TenancyOptions};
use tokio::runtime::{Builder, Handle};

use self::heap::settled;

/// What all tenants share is there once so many are awake.
const FEW: u32 = 100;
const MANY: u32 = 600;
/// In bytes, of the 16 KiB that a tenant may take of the memory of a process: the rest is for the keys
/// of the crypto library and what the allocator cannot use.
const MOST: usize = 10 * 1024;
/// The same of one with an RSA key, which is held as PKCS#8 and published.
const MOST_WITH_RSA: usize = 12 * 1024;

/// So few have an RSA key, each of which takes a tenth of a second and more to make.
const FEW_WITH_RSA: u32 = 8;
const MANY_WITH_RSA: u32 = 48;

#[test]
fn an_awake_tenant_of_one_client_and_one_connector_holds_10_kib_of_the_heap_at_most_and_12_with_an_rsa_key()
 {
    let each = held_by_each(FEW..MANY, false);
    println!("{each} bytes");
    assert!(each <= MOST, "{each} bytes, more than {MOST}");
    let each = held_by_each(FEW_WITH_RSA..MANY_WITH_RSA, true);
    println!("{each} bytes with an RSA key");
    assert!(
        each <= MOST_WITH_RSA,
        "{each} bytes with an RSA key, more than {MOST_WITH_RSA}"
    );
}

/// What each of these tenants adds to those before them, without what was held to make their keys.
fn held_by_each(counted: Range<u32>, with_rsa: bool) -> usize {
    let (few, many) = (counted.start, counted.end);
    let io = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be had");
    // Fails only if it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let handle = io.handle().clone();
    let each = actix::System::new().block_on(async move {
        let store: Arc<dyn Durable> = Arc::new(MemoryStore::new());
        let master_key = Arc::new(MasterKey::generate(&SystemEntropy));
        // Keys and rows are made now, and not counted.
        let first = start(&handle, &store, &master_key).await;
        wake(&first, 0..many).await;
        if with_rsa {
            ask_for_keys(&first, 0..many).await;
        }
        first.shutdown().await;
        drop(first);
        let second = start(&handle, &store, &master_key).await;
        wake(&second, 0..few).await;
        let before = settled().await;
        wake(&second, few..many).await;
        let after = settled().await;
        second.shutdown().await;
        after.saturating_sub(before) / usize::try_from(many - few).expect("a small number")
    });
    io.shutdown_background();
    each
}

async fn start(io: &Handle, store: &Arc<dyn Durable>, master_key: &Arc<MasterKey>) -> Tenancy {
    let registry = MemoryRegistry::new();
    let entry = |number| tenancy::entry(id(number), format!("{}.test", id(number)), 1);
    registry.put_all((0..MANY).map(entry));
    let http = UpstreamHttp::new(OutboundPolicy::default(), io.clone()).expect("a client");
    let pool = HashingPool::new(1, 64, Arc::new(SystemEntropy)).expect("threads can be had");
    let deps = tenancy::deps(io.clone(), registry, Arc::new(Written), MemoryBus::new());
    let deps = insula_tenancy::TenancyDeps {
        durable: Arc::clone(store),
        master_key: Arc::clone(master_key),
        connectors: Arc::new(Registry::new(Arc::new(http))),
        hashing: Arc::new(move |share| pool.share(share)),
        ..deps
    };
    let options = TenancyOptions {
        activation_timeout: Duration::from_mins(5),
        ..TenancyOptions::default()
    };
    let tenancy = Tenancy::start(deps, options);
    tenancy.rescan().await.expect("all routes differ");
    tenancy
}

async fn wake(tenancy: &Tenancy, tenants: Range<u32>) {
    for number in tenants {
        let _handle = tenancy.activate(&id(number)).await.expect("it wakes");
    }
}

async fn ask_for_keys(tenancy: &Tenancy, tenants: Range<u32>) {
    for number in tenants {
        let handle = tenancy.activate(&id(number)).await.expect("it wakes");
        let view = handle.snapshot().view.clone();
        let ring = view.effects.promised_keys.ring_with(Alg::RS256).await;
        assert!(ring.is_some(), "an RSA key can be made in time");
    }
}

fn id(number: u32) -> TenantId {
    TenantId::parse(format!("t{number:05}")).expect("a word is an id")
}

/// Every tenant has a document of a dozen lines, read as the server reads it.
struct Written;

#[async_trait]
impl SpecSource for Written {
    async fn load(&self, id: &TenantId) -> Result<LoadedSpec, SpecError> {
        let text = format!(
            "issuer: https://{id}.test\n\
             connectors: [{{ type: mockCallback, id: mock, name: Mock }}]\n\
             staticClients:\n\
             - id: bench\n  \
               name: Bench\n  \
               secret: bench-secret\n  \
               redirectURIs: [\"https://app.test/callback\"]\n  \
               grantTypes: [authorization_code, refresh_token]\n  \
               skipApprovalScreen: true\n"
        );
        let document = TenantDocument::new(DocumentFormat::Native, DocumentSyntax::Yaml, text);
        let allowed = Allowed::default();
        let options = LoadOptions {
            env: &|_| None,
            files: &allowed,
            themes: &allowed,
            requests: None,
            kinds: None,
            file_settings: &[],
            keytabs: &[],
        };
        let document = Document::Stored {
            id,
            name: Path::new("tenant.yaml"),
            document: &document,
        };
        let loaded = read_document(document, &options);
        let told = loaded.problems.iter().map(ToString::to_string).collect();
        Ok(LoadedSpec {
            spec: Arc::new(loaded.spec.map_err(|_| SpecError(told))?),
            fingerprint: "0".repeat(64),
            document: None,
        })
    }
}
