use std::sync::Arc;

use insula_flows::Effects;
use insula_model::{TenantId, TenantSpec};
use insula_store::{FactsUse, RememberedBound, TenantCache, TenantStore};

use crate::RememberedStatus;
use crate::facts::OwnFacts;
use crate::runtime::Runtime;
use crate::tenant::key_orders::KeyOrders;

/// What a tenant's actor opens as it starts, lends to its snapshots, and closes as it ends.
pub(crate) struct OwnStores {
    pub(crate) store: Arc<dyn TenantStore>,
    cache: Arc<dyn TenantCache>,
    facts: OwnFacts,
    pub(crate) key_orders: Arc<KeyOrders>,
}

impl OwnStores {
    pub(crate) fn open(runtime: &Runtime, id: &TenantId) -> Self {
        Self {
            store: runtime.deps.durable.tenant(id),
            cache: runtime.deps.cache.tenant(id),
            facts: runtime.facts.open(id, &runtime.told),
            key_orders: KeyOrders::new(runtime.options.key_patience),
        }
    }

    /// Goes by another configuration. What was remembered under the one before is forgotten: its rows
    /// may have gone with the issuer.
    pub(crate) fn go_by(&self, spec: &TenantSpec) {
        let facts = self.facts.facts();
        facts.set_bound(RememberedBound::of(spec.limits.remembered_rows));
        facts.clear();
    }

    /// What a snapshot is lent.
    pub(crate) fn effects(&self, runtime: &Runtime) -> Effects {
        Effects {
            store: Arc::clone(&self.store),
            cache: Arc::clone(&self.cache),
            facts: Arc::clone(self.facts.facts()),
            clock: Arc::clone(&runtime.deps.clock),
            entropy: Arc::clone(&runtime.deps.entropy),
            promised_keys: Arc::clone(&self.key_orders) as _,
            questions: runtime.questions.clone(),
            tasks: Arc::clone(&runtime.tasks),
        }
    }

    /// How much is remembered of the tenant's rows.
    pub(crate) fn remembered(&self) -> RememberedStatus {
        let FactsUse {
            sessions,
            revocations,
            clients,
            people,
        } = self.facts.facts().usage();
        RememberedStatus {
            sessions,
            revocations,
            clients,
            people,
        }
    }
}
