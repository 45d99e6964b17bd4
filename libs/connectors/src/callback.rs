//! The redirect URI of a connector's settings, which must be where its upstream's answers arrive.

use insula_connector_kit::ConnectorError;
use insula_model::{ConnectorSpec, Issuer};

/// What is wrong with a redirect URI: it is neither the callback of the connector nor the one that
/// connectors of dex share. One that is not written is whichever holds.
pub(crate) fn wrong(redirect_uri: &str, spec: &ConnectorSpec, issuer: &Issuer) -> Option<String> {
    if redirect_uri == issuer.url(&spec.callback_route()) {
        return None;
    }
    must_be(redirect_uri, &issuer.url("/callback"))
        .err()
        .map(|problem| problem.to_string())
}

/// Refuses a login whose answer would arrive elsewhere.
pub(crate) fn must_be(redirect_uri: &str, callback_url: &str) -> Result<(), ConnectorError> {
    if redirect_uri.is_empty() || redirect_uri == callback_url {
        return Ok(());
    }
    Err(ConnectorError::Settings(format!(
        "redirectURI is {redirect_uri:?}, but the upstream's answers arrive at {callback_url:?}; \
         write that one, here and at the upstream"
    )))
}
