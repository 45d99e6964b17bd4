//! Tenants whose rows are another issuer's (ADR 0016), told at start: whoever started the server is
//! still looking then, and not when somebody asks for the tenant first.

use insula_model::{Issuer, TenantId};
use insula_store::Durable;
use insula_tenancy::another_owner;
use tracing::warn;

/// Warns of every tenant that would be refused. Reads only: a tenant is claimed when it wakes.
pub(crate) async fn tell(durable: &dyn Durable, issuers: &[(TenantId, Issuer)]) {
    let owners = match durable.owners().await {
        Ok(owners) => owners,
        Err(error) => {
            warn!(%error, "whose rows the tenants have cannot be read; each is asked when it wakes");
            return;
        }
    };
    for (id, owner) in owners {
        let of_file = issuers.iter().find(|(known, _)| *known == id);
        if let Some((_, issuer)) = of_file
            && issuer.as_str() != owner.issuer
        {
            warn!(tenant.id = %id, "{}", another_owner(&id, issuer, &owner.issuer));
        }
    }
}
