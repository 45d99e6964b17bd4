use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT_ENCODING;
use insula_ambient::Entropy;
use insula_flows::Browser;
use insula_model::{Rules, TenantSpec};
use insula_tenancy::TenantSnapshot;

use crate::browser;
use crate::client_address::is_shared;

/// One request at one tenant: the snapshot is pinned here and read from nowhere else.
pub(crate) struct Context {
    pub(crate) request: HttpRequest,
    pub(crate) snapshot: Arc<TenantSnapshot>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Where the request comes from, proxies seen through.
    pub(crate) client_address: Option<IpAddr>,
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
        let peer = self.request.peer_addr().map(|addr| addr.ip());
        let headers = self.request.headers();
        Browser {
            address: self.client_address,
            address_is_shared: self
                .client_address
                .is_some_and(|address| is_shared(headers, peer, address)),
            ..browser::read(&self.request, self.spec())
        }
    }

    /// A route below the issuer as this browser reaches it; absolute URLs stay as they are.
    pub(crate) fn link(&self, to: &str) -> String {
        if to.starts_with('/') && !to.starts_with("//") {
            format!("{}{to}", self.spec().issuer.path())
        } else {
            to.to_owned()
        }
    }

    /// Whether the answer may be packed (RFC 9110 §12.5.3).
    pub(crate) fn accepts_gzip(&self) -> bool {
        let accepted = self.request.headers().get(ACCEPT_ENCODING);
        accepted
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.split(',').any(is_gzip))
    }
}

fn is_gzip(coding: &str) -> bool {
    let mut parts = coding.split(';').map(str::trim);
    let is_named = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
    let is_unwanted = |weight: &str| {
        let value = weight
            .strip_prefix("q=")
            .or_else(|| weight.strip_prefix("Q="));
        value.is_some_and(|value| value.chars().all(|c| matches!(c, '0' | '.')))
    };
    is_named && !parts.any(is_unwanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_and_not_where_it_weighs_nothing() {
        for yes in ["gzip", " GZIP ", "gzip;q=0.5", "gzip; q=1"] {
            assert!(is_gzip(yes), "{yes}");
        }
        for no in ["br", "gzip;q=0", "gzip; q=0.000", "x-gzip", "", "identity"] {
            assert!(!is_gzip(no), "{no}");
        }
    }
}
