use insula_model::TenantId;
use insula_store::{Durable, KEY_VERSIONS_AT_ONCE, StoreError};

/// The tenants of `known` whose key rings are stored in another version than the one known, or not
/// at all; as far as the store answered.
pub(crate) async fn outdated(
    durable: &dyn Durable,
    known: &[(TenantId, u64)],
) -> (Vec<TenantId>, Result<(), StoreError>) {
    let mut outdated = Vec::new();
    for known in known.chunks(KEY_VERSIONS_AT_ONCE) {
        let ids: Vec<TenantId> = known.iter().map(|(id, _)| id.clone()).collect();
        let stored = match durable.key_versions(&ids).await {
            Ok(stored) => stored,
            Err(error) => return (outdated, Err(error)),
        };
        let differ = known
            .iter()
            .filter(|(id, version)| stored.get(id) != Some(version));
        outdated.extend(differ.map(|(id, _)| id.clone()));
    }
    (outdated, Ok(()))
}
