use std::sync::Arc;

use insula_model::{Issuer, TenantId};

use crate::last_good;
use crate::runtime::Runtime;
use crate::tenant::life::{Job, JobError};

/// What an operator is told of a tenant that would not be loaded because the rows under its name were
/// made for another issuer.
pub fn another_owner(id: &TenantId, issuer: &Issuer, owner: &str) -> String {
    format!(
        "tenant {id} cannot be loaded: its issuer is {issuer}, but the keys, sessions and grants \
         under its name are those of {owner}; run `insula adopt {id}` and reload if it is the same \
         tenant, or give this one's folder another name, under which it begins anew"
    )
}

/// Lets a tenant have the keys, sessions and grants that lie under its name only if they were made
/// for its issuer (ADR 0016): a folder that was removed and made again may be somebody else's.
pub(crate) async fn must_be(
    runtime: &Runtime,
    id: &TenantId,
    issuer: &Issuer,
) -> Result<(), JobError> {
    let job_error = |text: String, out_of_reach| JobError {
        job: Job::Spec,
        text,
        out_of_reach,
    };
    let store = runtime.deps.durable.tenant(id);
    let claimed = store.claim(issuer.as_str()).await;
    let owner = claimed.map_err(|error| {
        let text =
            format!("tenant {id} cannot be loaded: whose rows it has cannot be read: {error}");
        job_error(text, true)
    })?;
    if owner.issuer != issuer.as_str() {
        return Err(job_error(another_owner(id, issuer, &owner.issuer), false));
    }
    let Some(left_at) = owner.left_at else {
        return Ok(());
    };
    let away_s = runtime.now().since(left_at).as_secs();
    tracing::warn!(tenant.id = %id, away_s,
        "tenant {id} was removed and is back under the same issuer: it goes on with the keys, \
         sessions and grants it had");
    if let Err(error) = store.adopt(issuer.as_str()).await {
        tracing::warn!(tenant.id = %id, %error, "that tenant {id} is back could not be noted");
    }
    Ok(())
}

/// Notes that a tenant is gone, so that its coming back is told, and forgets what it said.
pub(crate) fn note_leaving(runtime: &Arc<Runtime>, id: &TenantId) {
    let leaving = left(Arc::clone(runtime), id.clone());
    runtime.in_background.spawn(leaving);
}

/// The same, for whoever waits for it.
pub(crate) fn left(runtime: Arc<Runtime>, id: TenantId) -> impl Future<Output = ()> + Send {
    let (store, at) = (runtime.deps.durable.tenant(&id), runtime.now());
    async move {
        last_good::forget(&runtime, &id).await;
        if let Err(error) = store.note_left(at).await {
            tracing::warn!(tenant.id = %id, %error,
                "that tenant {id} was removed could not be noted");
        }
    }
}
