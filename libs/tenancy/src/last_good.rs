//! What was written of a tenant when it was last served as it stood. It is kept in the database,
//! sealed, so that a process that starts over a broken document goes on with it.

use insula_model::{TenantDocument, TenantId};
use insula_store::TenantEntry;

use crate::LoadedSpec;
use crate::runtime::Runtime;

/// What a sealed document opens as, and nothing else.
fn context(id: &TenantId) -> String {
    format!("{id}/last good document")
}

/// Keeps a document, unless it is kept already.
pub(crate) async fn keep(runtime: &Runtime, id: &TenantId, document: &TenantDocument) {
    if let Ok(Some(kept)) = kept(runtime, id).await
        && kept == *document
    {
        return;
    }
    let Ok(text) = serde_json::to_vec(document) else {
        return;
    };
    let deps = &runtime.deps;
    let sealed = deps.master_key.seal(&context(id), &text, &*deps.entropy);
    if let Err(error) = deps.durable.keep_good(id, &sealed, runtime.now()).await {
        tracing::warn!(tenant.id = %id, %error,
            "the configuration of tenant {id} could not be kept as its last good one: {error}");
    }
}

/// Forgets the document of a tenant that is gone.
pub(crate) async fn forget(runtime: &Runtime, id: &TenantId) {
    if let Err(error) = runtime.deps.durable.forget_good(id).await {
        tracing::warn!(tenant.id = %id, %error,
            "the last good configuration of tenant {id} could not be forgotten: {error}");
    }
}

async fn kept(runtime: &Runtime, id: &TenantId) -> Result<Option<TenantDocument>, Trouble> {
    let sealed = runtime.deps.durable.last_good(id).await;
    let Some(sealed) = sealed.map_err(|error| Trouble::OutOfReach(error.to_string()))? else {
        return Ok(None);
    };
    let opened = runtime.deps.master_key.open(&context(id), &sealed);
    let text = opened.map_err(|error| Trouble::Unusable(error.to_string()))?;
    let document = serde_json::from_slice(&text);
    // The error of serde could quote what is written.
    let unusable = |_| Trouble::Unusable("it is no document".to_owned());
    document.map(Some).map_err(unusable)
}

/// Why a last good configuration cannot be had.
pub(crate) enum Trouble {
    /// The store does not answer now.
    OutOfReach(String),
    /// What is kept does not serve any more.
    Unusable(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::OutOfReach(cause) | Self::Unusable(cause)) = self;
        write!(
            f,
            "its last good configuration cannot be used either: {cause}"
        )
    }
}

/// The last good configuration of a tenant; `None` if none was kept.
pub(crate) async fn recall(
    runtime: &Runtime,
    id: &TenantId,
) -> Result<Option<LoadedSpec>, Trouble> {
    let Some(document) = kept(runtime, id).await? else {
        return Ok(None);
    };
    let read = runtime.deps.specs.read(id, &document).await;
    read.map(Some)
        .map_err(|error| Trouble::Unusable(error.to_string()))
}

/// Where a tenant is found whose present document was never good in this process: where its last
/// good one says. `Err`: this cannot be told now.
pub(crate) async fn recall_entry(
    runtime: &Runtime,
    entry: &TenantEntry,
) -> Result<Option<TenantEntry>, ()> {
    let id = &entry.id;
    match recall(runtime, id).await {
        Ok(None) => Ok(None),
        Ok(Some(LoadedSpec { spec, .. })) => Ok(Some(TenantEntry {
            is_good: entry.is_good,
            ..TenantEntry::of(&spec, entry.fingerprint.clone())
        })),
        Err(Trouble::Unusable(cause)) => {
            let trouble = Trouble::Unusable(cause);
            tracing::warn!(tenant.id = %id, "tenant {id} cannot be read, and {trouble}");
            Ok(None)
        }
        Err(trouble @ Trouble::OutOfReach(_)) => {
            tracing::warn!(tenant.id = %id, "tenant {id} cannot be read, and {trouble}");
            Err(())
        }
    }
}
