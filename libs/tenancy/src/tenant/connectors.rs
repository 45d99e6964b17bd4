use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use insula_connector_kit::{Connector, OpenContext, PasswordCheck};
use insula_flows::{ConfiguredPeople, Connectors, OpenedConnector};
use insula_model::{ConnectorSpec, TenantId, TenantSpec};

use crate::runtime::Runtime;

/// How many connectors of one tenant are opened at once.
const ABREAST: usize = 8;

/// A tenant's connectors, and what they were opened with.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) connectors: Arc<Connectors>,
    pub(crate) people: Arc<ConfiguredPeople>,
    hashing: Arc<dyn PasswordCheck>,
}

impl Opened {
    /// Opens the connectors of `spec`. Those of `before` (which served `before_spec`) whose settings
    /// are the same are kept as they are; one that cannot be opened is marked, not fatal.
    pub(crate) async fn of(
        runtime: &Runtime,
        spec: Arc<TenantSpec>,
        before: Option<(Arc<TenantSpec>, Self)>,
    ) -> Self {
        // A new share of another size replaces the old one, and with it whoever holds it.
        let is_kept = |then: &TenantSpec| {
            then.limits.password_hashes == spec.limits.password_hashes
                && then.limits.upstream_calls == spec.limits.upstream_calls
                && then.issuer == spec.issuer
                && then.rules == spec.rules
        };
        let (people, hashing, kept) = match before {
            Some((then, opened)) if is_kept(&then) => {
                (opened.people, opened.hashing, Some(opened.connectors))
            }
            Some((_, opened)) => (opened.people, share(runtime, &spec), None),
            None => {
                let store = runtime.deps.durable.tenant(&spec.id);
                let deps = &runtime.deps;
                let (clock, entropy) = (Arc::clone(&deps.clock), Arc::clone(&deps.entropy));
                let people = ConfiguredPeople::new(Arc::clone(&spec), store, clock, entropy);
                (Arc::new(people), share(runtime, &spec), None)
            }
        };
        let context = OpenContext {
            issuer: spec.issuer.clone(),
            rules: spec.rules,
            passwords: Arc::clone(&people) as _,
            hashing: Arc::clone(&hashing),
            upstream_calls: spec.limits.upstream_calls,
            clock: Arc::clone(&runtime.deps.clock),
            entropy: Arc::clone(&runtime.deps.entropy),
        };
        let (context, kept, tenant) = (&context, kept.as_deref(), &spec.id);
        let opened: Vec<_> = stream::iter(spec.connectors.clone())
            .map(|connector| async move {
                let same = kept
                    .and_then(|kept| kept.get(&connector.id))
                    .filter(|kept| kept.spec == connector && kept.opened.is_ok());
                let opened = match same {
                    Some(same) => same.opened.clone(),
                    None => open(runtime, tenant, &connector, context).await,
                };
                OpenedConnector {
                    spec: connector,
                    opened,
                }
            })
            .buffer_unordered(ABREAST)
            .collect()
            .await;
        Self {
            connectors: Arc::new(opened.into_iter().collect()),
            people,
            hashing,
        }
    }
}

async fn open(
    runtime: &Runtime,
    tenant: &TenantId,
    connector: &ConnectorSpec,
    context: &OpenContext,
) -> Result<Arc<dyn Connector>, String> {
    let opened = runtime.deps.connectors.open(connector, context).await;
    opened.map_err(|error| {
        let id = &connector.id;
        tracing::warn!(tenant.id = %tenant, connector.id = %id,
            "connector {id} of tenant {tenant} could not open: {error}");
        error.to_string()
    })
}

fn share(runtime: &Runtime, spec: &TenantSpec) -> Arc<dyn PasswordCheck> {
    (runtime.deps.hashing)(spec.limits.password_hashes)
}
