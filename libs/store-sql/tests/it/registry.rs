//! The registry of tenants in SQL, held to the suite that every registry passes.

use std::sync::Arc;

use async_trait::async_trait;
use insula_model::{DocumentFormat, DocumentSyntax, TenantDocument, TenantId};
use insula_store::conformance::registry::{Edited, RegistryUnderTest, Written};
use insula_store::{EditTenants, SealDocuments, TenantEntry, TenantRegistry};
use insula_store_sql::{SqlRegistry, SqlStore};
use sea_orm::{ConnectionTrait as _, Statement};

use crate::scratch::{IO, Scratch, Service};

/// Seals by turning every bit, and names whose it is.
struct Turned;

impl SealDocuments for Turned {
    fn seal(&self, tenant: &TenantId, text: &[u8]) -> Vec<u8> {
        let plain = [tenant.as_str().as_bytes(), b"|", text].concat();
        plain.iter().map(|byte| !byte).collect()
    }

    fn open(&self, tenant: &TenantId, sealed: &[u8]) -> Result<Vec<u8>, String> {
        let plain: Vec<u8> = sealed.iter().map(|byte| !byte).collect();
        let name = format!("{tenant}|");
        let text = plain.strip_prefix(name.as_bytes());
        Ok(text.ok_or("it is sealed for another")?.to_vec())
    }
}

/// The registry of one test, on a database that goes with it.
pub(crate) struct OneTest {
    registry: Edited<SqlRegistry>,
    store: SqlStore,
    scratch: Scratch,
}

impl OneTest {
    pub(crate) async fn on(service: Service) -> Option<Self> {
        let scratch = Scratch::of(service).await?;
        let store = scratch.store().await;
        store.migrate().await.unwrap();
        Some(Self {
            registry: Edited::new(Arc::new(store.registry(Arc::new(Turned)))),
            store,
            scratch,
        })
    }
}

#[async_trait]
impl RegistryUnderTest for OneTest {
    fn registry(&self) -> &dyn TenantRegistry {
        self.registry.registry()
    }

    async fn write(&self, tenant: &Written) {
        self.registry.write(tenant).await;
    }

    async fn remove(&self, name: &str) {
        self.registry.remove(name).await;
    }

    fn editor(&self) -> Option<Arc<dyn EditTenants>> {
        self.registry.editor()
    }

    async fn end(self) {
        self.store.close().await;
        self.scratch.remove().await;
    }
}

pub(crate) async fn a_document_is_stored_sealed_and_for_its_tenant_alone(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let registry = store.registry(Arc::new(Turned));
    let document = TenantDocument::new(DocumentFormat::Native, DocumentSyntax::Json, "hunter2");
    for name in ["acme", "globex"] {
        let entry = TenantEntry {
            id: TenantId::parse(name).unwrap(),
            hosts: vec![format!("{name}.test")],
            path: String::new(),
            is_default: false,
            fingerprint: "1".to_owned(),
            is_good: true,
        };
        registry.put_tenant(&entry, &document, None).await.unwrap();
    }
    let raw = scratch.raw().await;
    let backend = raw.get_database_backend();
    let ask = Statement::from_string(
        backend,
        "SELECT document FROM registered_tenant WHERE tenant_id = 'acme'",
    );
    let swap = "UPDATE registered_tenant SET document = (SELECT d FROM (SELECT document AS d FROM \
                registered_tenant WHERE tenant_id = 'globex') AS other) WHERE tenant_id = 'acme'";
    let looking = IO.spawn(async move {
        let row = raw.query_one_raw(ask).await.unwrap().unwrap();
        raw.execute_unprepared(swap).await.unwrap();
        row.try_get_by_index::<Vec<u8>>(0).unwrap()
    });
    let stored = looking.await.unwrap();
    assert!(!stored.windows(7).any(|seen| seen == b"hunter2"));
    let acme = TenantId::parse("acme").unwrap();
    let refused = registry.document(&acme).await.unwrap_err().to_string();
    assert!(refused.contains("sealed for another"), "{refused}");
    store.close().await;
}

/// One change among many tenants costs as many statements as among few, and a look that finds none
/// costs two.
pub(crate) async fn a_look_for_changes_costs_one_statement(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let registry = store.registry(Arc::new(Turned));
    let document = TenantDocument::new(DocumentFormat::Native, DocumentSyntax::Json, "{}");
    for n in 0..20 {
        let entry = TenantEntry {
            id: TenantId::parse(format!("t{n}")).unwrap(),
            hosts: vec![format!("t{n}.test")],
            path: String::new(),
            is_default: false,
            fingerprint: "1".to_owned(),
            is_good: true,
        };
        registry.put_tenant(&entry, &document, None).await.unwrap();
    }
    let reads = || store.metrics().reads();
    let before = reads();
    let all = registry.changes_since(0, 100).await.unwrap();
    assert_eq!((all.changes.len(), reads() - before), (20, 1));
    let before = reads();
    let one = registry.changes_since(all.upto - 1, 100).await.unwrap();
    assert_eq!((one.changes.len(), reads() - before), (1, 1));
    let before = reads();
    let none = registry.changes_since(all.upto, 100).await.unwrap();
    assert_eq!((none.changes.len(), reads() - before), (0, 2));
    store.close().await;
}
