//! The way somebody came in last in a browser, which it is shown first or with a mark.
//!
//! The cookie names a connector and nobody: whoever uses the browser next learns that somebody came in
//! that way, as they would from an app's own page. It is sealed under a key of the tenant, so that
//! nobody plants another, and decides nothing: who sees the mark can choose any other way.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use insula_ambient::Timestamp;
use insula_model::ConnectorId;

use crate::{Browser, CookieChange, TenantView, sealed};

const PURPOSE: &str = "last-used-connector";

/// Somebody who comes once a quarter still finds it.
const KNOWN_FOR: Duration = Duration::from_hours(100 * 24);

/// Has the browser remember the connector, where there is a choice among several.
pub(crate) fn remember(view: &TenantView, connector: &ConnectorId) -> Option<CookieChange> {
    let is_choice = view.spec.connectors.len() > 1;
    if !view.rules().remembers_last_used_connector || !is_choice {
        return None;
    }
    let until = view.now() + KNOWN_FOR;
    let plain = serde_json::to_vec(&(connector, until)).ok()?;
    Some(CookieChange::RememberConnector {
        value: BASE64URL_NOPAD.encode(&sealed::seal_as(view, PURPOSE, &plain)),
        max_age: KNOWN_FOR,
    })
}

/// What the browser remembers. The connector may be gone since.
pub(crate) fn remembered(view: &TenantView, browser: &Browser) -> Option<ConnectorId> {
    if !view.rules().remembers_last_used_connector {
        return None;
    }
    browser.last_used.iter().find_map(|cookie| {
        let sealed = BASE64URL_NOPAD.decode(cookie.as_bytes()).ok()?;
        let plain = sealed::open_as(view, PURPOSE, &sealed)?;
        let (connector, until): (ConnectorId, Timestamp) = serde_json::from_slice(&plain).ok()?;
        (view.now() < until).then_some(connector)
    })
}

#[cfg(test)]
mod tests;
