//! The lines of the log that say who logged in or tried to, and from where.
//!
//! Messages and fields are dex's, which operators' alerts and rules read; the client's id is ours
//! beside them. What a stranger chose is cut; the log escapes what could end a line.

use insula_model::{Client, ConnectorId, Login};
use tracing::{Span, info};

use crate::{Browser, TenantView};

/// The longest text that a line takes over.
const LONGEST: usize = 256;

/// Somebody proved who they are.
pub(crate) fn successful(view: &TenantView, browser: &Browser, client: &Client, login: &Login) {
    let shown = Shown(view);
    let claims = &login.claims;
    info!(
        connector_id = shown.text("connector_id", login.connector_id.as_str()),
        client_id = shown.text("client_id", client.id.as_str()),
        user_id = shown.text("user_id", claims.user_id.as_str()),
        username = shown.text("username", &claims.username),
        preferred_username = shown.text("preferred_username", &claims.preferred_username),
        email = shown.text("email", &claims.email),
        groups = shown.text("groups", &claims.groups.join(",")),
        client_remote_addr = shown.address(browser),
        "login successful"
    );
}

/// A name and a password that did not fit, or that were not looked at any more.
pub(crate) fn failed(
    view: &TenantView,
    browser: &Browser,
    connector: &ConnectorId,
    user: &str,
    why: &str,
) {
    let shown = Shown(view);
    info!(
        connector_id = shown.text("connector_id", connector.as_str()),
        user = shown.text("user", user),
        client_remote_addr = shown.address(browser),
        "failed login attempt: {why}"
    );
}

/// A token was exchanged for another.
pub(crate) fn exchanged(view: &TenantView, client: &Client, connector: Option<&str>, sub: &str) {
    let shown = Shown(view);
    info!(
        connector_id = connector.and_then(|id| shown.text("connector_id", id)),
        client_id = shown.text("client_id", client.id.as_str()),
        sub = shown.text("sub", sub),
        "token exchange successful"
    );
}

/// Says in every further line of this request which client it is about.
pub(crate) fn about_client(view: &TenantView, id: &str) {
    if let Some(id) = Shown(view).text("client_id", id) {
        Span::current().record("client_id", id);
    }
}

/// Says which redirect URI was asked for, where a refusal is about it.
pub(crate) fn about_redirect_uri(view: &TenantView, asked: &str) {
    if let Some(asked) = Shown(view).text("redirect_uri", asked) {
        Span::current().record("redirect_uri", asked);
    }
}

/// The same of a logout, and of the page it was to lead to.
pub(crate) fn about_logout(view: &TenantView, client: &str, page: &str) {
    about_client(view, client);
    if let Some(page) = Shown(view).text("post_logout_redirect_uri", page) {
        Span::current().record("post_logout_redirect_uri", page);
    }
}

/// The fields that a tenant shows.
struct Shown<'v>(&'v TenantView);

impl Shown<'_> {
    fn text(&self, field: &str, value: &str) -> Option<String> {
        let is_excluded = self.0.spec.log_exclude.iter().any(|name| name == field);
        if is_excluded || value.is_empty() {
            return None;
        }
        Some(match value.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
            None => value.to_owned(),
        })
    }

    fn address(&self, browser: &Browser) -> Option<String> {
        let address = browser.address?.to_string();
        self.text("client_remote_addr", &address)
    }
}
