use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use insula_ambient::{Clock, Entropy, Timestamp};
use insula_connector_kit::LoginContext;
use insula_jose::{Alg, KeyRing, RotationPolicy};
use insula_model::{AuthRequestId, BindingCookie, ConnectorId, Rules, SessionCookie, TenantSpec};
use insula_oauth::Scopes;
use insula_store::{TenantCache, TenantFacts, TenantStore};

use crate::{ClientBook, Connectors, Questions};

/// What a flow acts on, bound to one tenant.
#[derive(Clone)]
pub struct Effects {
    /// What must survive.
    pub store: Arc<dyn TenantStore>,
    /// What lives minutes.
    pub cache: Arc<dyn TenantCache>,
    /// What is remembered of the store's rows for a moment.
    pub facts: Arc<TenantFacts>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Makes the keys that are promised.
    pub promised_keys: Arc<dyn MakeKeys>,
    /// What upstreams are being asked.
    pub questions: Questions,
    /// Runs what goes on without its request.
    pub tasks: Arc<dyn Tasks>,
}

/// Work that goes on where the request that began it was cut, and waiting.
pub trait Tasks: Send + Sync {
    /// Brings it to its end.
    fn spawn(&self, work: BoxFuture<'static, ()>);

    /// Is over after so long.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;
}

/// Has keys of the tenant made that nobody needed yet ([`KeyRing::promised`]).
#[async_trait]
pub trait MakeKeys: Send + Sync {
    /// The ring, once it is published with a key of `alg`; `None` where that cannot be had soon.
    async fn ring_with(&self, alg: Alg) -> Option<Arc<KeyRing>>;
}

/// A tenant as one request sees it: immutable, whole, and without a name to mix up.
#[derive(Clone)]
pub struct TenantView {
    /// Its configuration.
    pub spec: Arc<TenantSpec>,
    /// Its signing keys.
    pub keys: Arc<KeyRing>,
    /// How they rotate: says which algorithm signs where none is asked for, and past which moment a key
    /// must not sign.
    pub rotation: Arc<RotationPolicy>,
    /// Its connectors.
    pub connectors: Arc<Connectors>,
    /// Its stores, time and randomness.
    pub effects: Effects,
}

impl TenantView {
    /// The present.
    pub fn now(&self) -> Timestamp {
        self.effects.clock.now()
    }

    /// Its clients.
    pub fn clients(&self) -> ClientBook<'_> {
        ClientBook::of(self)
    }

    /// How the tenant behaves.
    pub fn rules(&self) -> &Rules {
        &self.spec.rules
    }

    /// What a connector is told of a login.
    pub fn login_context(
        &self,
        connector: &ConnectorId,
        state: &AuthRequestId,
        scopes: &Scopes,
    ) -> LoginContext {
        LoginContext {
            state: state.clone(),
            callback_url: self.callback_url(connector),
            offline_access: scopes.offline_access(),
            groups: scopes.groups(),
            force_login: false,
            login_hint: None,
            acr_values: Vec::new(),
            moved_entry_is_gone: self.rules().moved_entry_is_gone,
            now: self.now(),
        }
    }

    /// Where the upstream of a connector sends browsers back to.
    pub(crate) fn callback_url(&self, connector: &ConnectorId) -> String {
        let (spec, issuer) = (self.spec.connector(connector.as_str()), &self.spec.issuer);
        spec.map_or_else(
            || issuer.url("/callback"),
            |spec| spec.callback_url(issuer, self.rules()),
        )
    }
}

/// What is known of a browser that asks: its cookies, and where it is.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    /// Every binding cookie it sent: each names the browser, not the person. Beside ours may stand
    /// one that somebody planted.
    pub bindings: Vec<BindingCookie>,
    /// Every session cookie it sent.
    pub sessions: Vec<SessionCookie>,
    /// What it carries of a login whose request is long; sealed.
    pub carried: Vec<String>,
    /// What proves that codes of devices were typed in it, where that is told by a cookie.
    pub entered: Vec<String>,
    /// What it carries of the names that logged in there with a password; sealed.
    pub devices: Vec<String>,
    /// What it remembers of the way somebody came in last; sealed.
    pub last_used: Vec<String>,
    /// The address it asks from, proxies seen through; for the log and for limits, never a proof.
    pub address: Option<IpAddr>,
    /// Whether that is a proxy which nobody named as trusted: everybody comes from there, so nobody
    /// is limited by it.
    pub address_is_shared: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_printed_without_the_values_of_its_cookies() {
        let browser = Browser {
            bindings: vec![BindingCookie::new("hunter2")],
            sessions: vec![SessionCookie::new("hunter3")],
            ..Browser::default()
        };
        let printed = format!("{browser:?}");
        assert!(printed.contains("BindingCookie"), "{printed}");
        assert!(!printed.contains("hunter"), "{printed}");
    }
}
