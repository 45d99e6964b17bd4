use std::sync::Arc;

use actix_web::HttpRequest;
use insula_ambient::Entropy;
use insula_model::{Dialect, TenantSpec};
use insula_tenancy::TenantSnapshot;

/// One request at one tenant: the snapshot is pinned here and read from nowhere else.
pub(crate) struct Context {
    pub(crate) request: HttpRequest,
    pub(crate) snapshot: Arc<TenantSnapshot>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Names this request in the log; a fault's page shows it as the incident.
    pub(crate) request_id: Arc<str>,
}

impl Context {
    pub(crate) fn spec(&self) -> &TenantSpec {
        &self.snapshot.view.spec
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.snapshot.view.spec.dialect
    }

    /// A route below the issuer as this browser reaches it; absolute URLs stay as they are.
    pub(crate) fn link(&self, to: &str) -> String {
        if to.starts_with('/') && !to.starts_with("//") {
            format!("{}{to}", self.spec().issuer.path())
        } else {
            to.to_owned()
        }
    }

    pub(crate) fn accepts_gzip(&self) -> bool {
        let accepted = self
            .request
            .headers()
            .get(actix_web::http::header::ACCEPT_ENCODING);
        accepted
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.contains("gzip"))
    }
}
