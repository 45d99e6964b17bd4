//! What a tenant that sleeps holds of the heap, counted by the allocator: the same on every machine
//! but for the length of the paths of files. `load` measures all of the memory.

#![expect(
    clippy::expect_used,
    reason = "a count that cannot begin should stop at once"
)]

mod heap;
#[expect(dead_code, reason = "tenants of files have entries of their own")]
#[path = "../benches/tenancy/mod.rs"]
mod tenancy;

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use insula_files::Allowed;
use insula_model::TenantId;
use insula_store::{MemoryBus, MemoryRegistry};
use insula_tenancy::{LoadedSpec, SpecError, SpecSource, Tenancy, TenancyDeps, TenancyOptions};
use insula_tenant_files::{ConnectorKinds, FileRegistry, Folders};
use tokio::runtime::{Builder, Handle};

use self::heap::settled;

/// Tables that double as they grow are equally full at both numbers.
const FEW: u32 = 1_250;
const MANY: u32 = 2_500;
/// In bytes, paths of files of some 50 characters among them.
const MOST: usize = 1_280;

#[test]
fn a_sleeping_tenant_with_a_file_holds_little_more_than_a_kib_of_the_heap() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let io = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be had");
    let handle = io.handle().clone();
    let tenants = folder.path();
    let each = actix::System::new().block_on(async move {
        write(tenants, 0..FEW);
        let tenancy = start(&handle, tenants);
        let told = tenancy.rescan().await.expect("all can be read");
        assert_eq!(told.arrived, FEW as usize, "{:?}", told.problems);
        let before = settled().await;
        write(tenants, FEW..MANY);
        let told = tenancy.rescan().await.expect("all can be read");
        assert_eq!(told.tenants, MANY as usize, "{:?}", told.problems);
        let after = settled().await;
        tenancy.shutdown().await;
        after.saturating_sub(before) / (MANY - FEW) as usize
    });
    io.shutdown_background();
    println!("{each} bytes");
    assert!(each <= MOST, "{each} bytes, more than {MOST}");
}

fn write(tenants: &Path, numbers: Range<u32>) {
    for number in numbers {
        let name = format!("t{number:05}");
        let folder = tenants.join(&name);
        fs::create_dir(&folder).expect("a folder can be made");
        let text = format!(
            "issuer: https://{name}.test\n\
             connectors: [{{ type: mockCallback, id: mock, name: Mock }}]\n\
             staticClients:\n\
             - id: bench\n  \
               name: Bench\n  \
               secret: bench-secret\n  \
               redirectURIs: [\"https://app.test/callback\"]\n"
        );
        fs::write(folder.join("tenant.yaml"), text).expect("a file can be written");
    }
}

fn start(io: &Handle, tenants: &Path) -> Tenancy {
    let folders = Folders {
        tenants: tenants.to_owned(),
        files: Allowed::default(),
        themes: Allowed::default(),
        requests: None,
        kinds: ConnectorKinds {
            names: vec!["mockCallback"],
            file_settings: Vec::new(),
            keytabs: Vec::new(),
        },
    };
    let files = FileRegistry::new(folders, Box::new(|_, _| Vec::new()), io.clone());
    let no_other = MemoryRegistry::new();
    let deps = tenancy::deps(
        io.clone(),
        no_other,
        Arc::new(NobodyWakes),
        MemoryBus::new(),
    );
    let deps = TenancyDeps {
        registry: Arc::new(files),
        ..deps
    };
    Tenancy::start(deps, TenancyOptions::default())
}

struct NobodyWakes;

#[async_trait]
impl SpecSource for NobodyWakes {
    async fn load(&self, _id: &TenantId) -> Result<LoadedSpec, SpecError> {
        Err(SpecError(Vec::new()))
    }
}
