//! Stored clients that nobody reaches, because the configuration has one of their id.

use insula_model::{ClientId, TenantId, TenantSpec};
use insula_store::TenantStore;

/// The clients of a configuration that the one before did not have.
pub(super) fn added(before: Option<&TenantSpec>, now: &TenantSpec) -> Vec<ClientId> {
    let is_new = |id: &&ClientId| before.is_none_or(|spec| !spec.clients.contains_key(*id));
    now.clients.keys().filter(is_new).cloned().collect()
}

/// Which of the configured clients hide a stored one. A database that does not answer is told of
/// elsewhere.
async fn hidden(store: &dyn TenantStore, configured: &[ClientId]) -> Vec<ClientId> {
    store.stored_among(configured).await.unwrap_or_default()
}

/// Tells of them.
pub(super) async fn tell(store: &dyn TenantStore, tenant: &TenantId, configured: &[ClientId]) {
    for id in hidden(store, configured).await {
        tracing::warn!(tenant.id = %tenant, client_id = %id,
            "client {id} of tenant {tenant} is configured, and hides a stored one of the same id; \
             delete that, or take the other out of the configuration");
    }
}

#[cfg(test)]
mod tests {
    use insula_store::{Durable as _, MemoryStore};
    use insula_testkit::{NOW, a_client, a_tenant};

    use super::*;

    fn id(name: &str) -> ClientId {
        ClientId::parse(name).unwrap()
    }

    #[tokio::test]
    async fn the_added_clients_that_hide_a_stored_one_are_named() {
        let before = a_tenant().build();
        let now = a_tenant()
            .with_client(a_client().named("cli"))
            .with_client(a_client().named("other"));
        assert_eq!(added(None, &before), [id("app")]);
        assert_eq!(added(Some(&before), &before), []);
        let new = added(Some(&before), &now.build());
        assert_eq!(new, [id("cli"), id("other")]);

        let store = MemoryStore::new().tenant(&before.id);
        assert_eq!(hidden(&*store, &new).await, []);
        let cli = a_client().named("cli").build();
        store.put_client(&cli, None, NOW).await.unwrap();
        assert_eq!(hidden(&*store, &new).await, [id("cli")]);
    }
}
