use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use insula_connector_kit::ConnectorError;
use reqwest::Proxy;
use reqwest::redirect::Policy;
use tokio::runtime::Handle;

use super::policy::OutboundPolicy;
use super::resolver::GuardedResolver;
use super::tls::{self, Trust};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The HTTP client that speaks to every upstream of every tenant.
///
/// It connects to public addresses only (see [`OutboundPolicy`]), follows no redirect, keeps no
/// cookie, uses no proxy but the one it is told, and reads answers up to a limit. Its sockets belong to the runtime it is
/// given: a connection that an actor's or a worker's runtime had opened would die with that runtime.
pub struct UpstreamHttp {
    policy: Arc<OutboundPolicy>,
    shared: reqwest::Client,
    io: Handle,
}

impl UpstreamHttp {
    /// The client of a process. `io` is the runtime that outlives every tenant and worker.
    pub fn new(policy: OutboundPolicy, io: Handle) -> Result<Self, ConnectorError> {
        let policy = Arc::new(policy);
        let shared = build(&policy, &Trust::default())?;
        Ok(Self { policy, shared, io })
    }

    /// A client of its own for those who trust more than the others, else the shared one.
    pub(super) fn client_trusting(&self, trust: &Trust) -> Result<reqwest::Client, ConnectorError> {
        if trust.is_default() {
            Ok(self.shared.clone())
        } else {
            build(&self.policy, trust)
        }
    }

    pub(crate) fn policy(&self) -> &Arc<OutboundPolicy> {
        &self.policy
    }

    /// The runtime connections belong to.
    pub(crate) fn io(&self) -> &Handle {
        &self.io
    }
}

fn build(policy: &Arc<OutboundPolicy>, trust: &Trust) -> Result<reqwest::Client, ConnectorError> {
    tls::build(
        || {
            let asked_of = Arc::clone(policy);
            let proxy = Proxy::custom(move |url| asked_of.proxy_of(url).cloned());
            reqwest::Client::builder()
                .user_agent(concat!("insula/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .referer(false)
                // Instead of those that the environment names.
                .proxy(proxy)
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(8)
                .dns_resolver(Arc::new(GuardedResolver(Arc::clone(policy))))
        },
        trust,
    )
}

impl fmt::Debug for UpstreamHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamHttp")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
