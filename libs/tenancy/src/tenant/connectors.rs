use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use insula_ambient::Entropy;
use insula_connector_kit::{Connector, OpenContext, PasswordCheck};
use insula_flows::{ConfiguredPeople, Connectors, OpenedConnector};
use insula_model::{ConnectorId, ConnectorSpec, TenantId, TenantSpec};

use crate::runtime::Runtime;
use crate::tenant::life::Event;

/// How many connectors of one tenant are opened at once.
const ABREAST: usize = 8;

type Tried = Result<Arc<dyn Connector>, String>;

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
                    .filter(|kept| kept.spec == connector);
                if let Some(same) = same.filter(|same| same.opened.is_ok()) {
                    return same.clone();
                }
                let health = match same {
                    Some(same) => Arc::clone(&same.health),
                    None => Arc::new(runtime.metrics.connectors.health(tenant, &connector)),
                };
                let opened = open(runtime, &connector, context).await;
                match &opened {
                    Ok(_) => health.opened(),
                    Err(why) => health.not_opened(why),
                }
                tell(tenant, &connector, &opened, same.map(|same| &same.opened));
                OpenedConnector {
                    spec: connector,
                    opened,
                    health,
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

    /// What the tenant's actor hears of it. `served` are the connectors of the last snapshot.
    pub(crate) fn event(&self, served: Option<&Self>, entropy: &dyn Entropy) -> Event {
        let marks = self.marks();
        if marks.is_empty() {
            return Event::ConnectorsOpened;
        }
        let mut chance = [0; 2];
        entropy.fill(&mut chance);
        Event::ConnectorsMarked {
            chance: u16::from_le_bytes(chance),
            is_news: served.is_none_or(|served| served.marks() != marks),
        }
    }

    /// Which could not be opened, and why.
    fn marks(&self) -> Vec<(&ConnectorId, &str)> {
        let all = self.connectors.iter();
        let marked =
            all.filter_map(|one| Some((&one.spec.id, one.opened.as_ref().err()?.as_str())));
        marked.collect()
    }
}

async fn open(runtime: &Runtime, connector: &ConnectorSpec, context: &OpenContext) -> Tried {
    let opened = runtime.deps.connectors.open(connector, context).await;
    opened.map_err(|error| error.to_string())
}

/// Tells of a connector that could not be opened, and of one that now could; not of a try that ended
/// like the one before.
fn tell(tenant: &TenantId, connector: &ConnectorSpec, now: &Tried, before: Option<&Tried>) {
    let id = &connector.id;
    match (now, before) {
        (Err(why), Some(Err(known))) if why == known => {}
        (Err(why), _) => tracing::warn!(tenant.id = %tenant, connector.id = %id,
            "connector {id} of tenant {tenant} could not open: {why}; it is tried again"),
        (Ok(_), Some(Err(_))) => tracing::info!(tenant.id = %tenant, connector.id = %id,
            "connector {id} of tenant {tenant} is open now"),
        (Ok(_), _) => {}
    }
}

fn share(runtime: &Runtime, spec: &TenantSpec) -> Arc<dyn PasswordCheck> {
    (runtime.deps.hashing)(spec.limits.password_hashes)
}
