//! A person is logged out at their upstream, too, and comes back from there.

use insula_connector_kit::LogoutContext;
use insula_model::BrowserSession;
use insula_oauth::Params;
use tracing::warn;

use crate::{TenantView, posted};

/// The route that upstreams send browsers back to.
const ROUTE: &str = "/logout/callback";

/// What a `state` is sealed for. It is no route, so that nothing that is posted to us is taken for one.
const PURPOSE: &str = "logout at an upstream";

const THEN: &str = "then";
const UI_LOCALES: &str = "ui_locales";

/// Where a person goes who comes back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Return {
    /// The client's page.
    pub(crate) then: Option<String>,
    /// Languages the client would like.
    pub(crate) ui_locales: Option<String>,
}

/// Where the browser goes to be logged out at the upstream of a session, if it can be. Whatever is wrong
/// with the upstream, the person is logged out here.
pub(crate) async fn address(
    view: &TenantView,
    session: &BrowserSession,
    back: &Return,
) -> Option<String> {
    let connector = view.connectors.get(&session.connector_id)?;
    let opened = connector.opened.as_ref().ok()?;
    let ctx = LogoutContext {
        return_url: view.spec.issuer.url(ROUTE),
        state: seal(view, back)?,
        unless_told: view.rules().logs_out_upstream_unless_told,
    };
    match opened.logout_url(&ctx).await {
        Ok(address) => address,
        Err(error) => {
            let id = &session.connector_id;
            warn!(connector.id = %id, %error,
                "a person was logged out here and not at the upstream of connector {id}: {error}");
            None
        }
    }
}

/// `None` if it is too long for a URL.
fn seal(view: &TenantView, back: &Return) -> Option<String> {
    let then = back.then.as_deref().map(|then| (THEN, then));
    let locales = back.ui_locales.as_deref().map(|tags| (UI_LOCALES, tags));
    let pairs = Params::from_pairs(then.into_iter().chain(locales));
    posted::seal(view, PURPOSE, &pairs)
}

/// Where whoever comes back with this `state` goes, if they left from here a moment ago.
pub(crate) fn open(view: &TenantView, state: &str) -> Option<Return> {
    let pairs = posted::open(view, PURPOSE, state).ok()?;
    Some(Return {
        then: pairs.take(THEN),
        ui_locales: pairs.take(UI_LOCALES),
    })
}
