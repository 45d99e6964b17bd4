use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use insula_ambient::Monotonic;
use insula_engine::ClientBudget;
use insula_flows::Browser;
use insula_model::{ClientId, Rules, TenantSpec};
use insula_tenancy::{TenantHandle, TenantSnapshot};

use crate::browser;
use crate::client_address::is_shared;

/// A tenant's budget of requests at one moment.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) of: TenantHandle,
    pub(crate) now: Monotonic,
}

impl ClientBudget for Budget {
    fn admit(&self, client: &ClientId) -> Result<(), Duration> {
        self.of.limits().admit_client(client, self.now)
    }
}

/// One request at one tenant: the snapshot is pinned here and read from nowhere else.
pub(crate) struct Context {
    pub(crate) request: HttpRequest,
    pub(crate) snapshot: Arc<TenantSnapshot>,
    /// What the tenant still admits of its clients.
    pub(crate) budget: Budget,
    /// Where the request comes from, proxies seen through.
    pub(crate) client_address: Option<IpAddr>,
    /// Whether whoever speaks to us is a proxy that somebody named as trusted.
    pub(crate) is_from_trusted_proxy: bool,
    /// Names this request in the log; a fault's page shows it as the incident.
    pub(crate) request_id: Arc<str>,
}

impl Context {
    pub(crate) fn spec(&self) -> &TenantSpec {
        &self.snapshot.view.spec
    }

    pub(crate) fn rules(&self) -> &Rules {
        self.snapshot.view.rules()
    }

    /// Who asks: what the browser brought along, and from where.
    pub(crate) fn browser(&self) -> Browser {
        Browser {
            address: self.client_address,
            address_is_shared: self.address_is_shared(),
            ..browser::read(&self.request, self.spec())
        }
    }

    /// Whether the address is that of a proxy nobody named as trusted, which everybody comes from.
    pub(crate) fn address_is_shared(&self) -> bool {
        let peer = self.request.peer_addr().map(|addr| addr.ip());
        let headers = self.request.headers();
        self.client_address
            .is_some_and(|address| is_shared(headers, peer, address))
    }

    /// A route below the issuer as this browser reaches it; absolute URLs stay as they are.
    pub(crate) fn link(&self, to: &str) -> String {
        if to.starts_with('/') && !to.starts_with("//") {
            format!("{}{to}", self.spec().issuer.path())
        } else {
            to.to_owned()
        }
    }
}
