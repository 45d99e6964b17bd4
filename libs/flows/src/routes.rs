//! Routes below the issuer that the steps of a login lead to, spelled as dex spells them.

use insula_engine::{Step, proof_of};
use insula_model::{AuthRequestId, ConnectorId};
use insula_oauth::{Params, encode_pairs};

use crate::TenantView;

/// `/auth?req=…`: the choice of a stored login.
pub(crate) fn choice_route(id: &AuthRequestId) -> String {
    format!("/auth?{}", encode_pairs([("req", id.as_str())]))
}

/// `/auth/{connector}?req=…`: a stored login, at one connector.
pub(crate) fn chosen_route(connector: &ConnectorId, id: &AuthRequestId) -> String {
    let query = encode_pairs([("req", id.as_str())]);
    format!("/auth/{}?{query}", connector.path_segment())
}

/// `/auth/{connector}?…`: the same request, at one connector, as dex's links have it. A choice that
/// was asked for (`select_account`) is made by following it.
pub(crate) fn connector_route(id: &ConnectorId, params: &Params) -> String {
    let prompt: Vec<_> = params
        .get("prompt")
        .unwrap_or_default()
        .split_whitespace()
        .filter(|word| *word != "select_account")
        .collect();
    let prompt = prompt.join(" ");
    let mut pairs = without_connector(params);
    for (name, value) in &mut pairs {
        if *name == "prompt" {
            *value = &prompt;
        }
    }
    pairs.retain(|(name, value)| *name != "prompt" || !value.is_empty());
    format!("/auth/{}?{}", id.path_segment(), encode_pairs(pairs))
}

/// The parameters of a request but the connector, sorted by name as dex has them.
pub(crate) fn without_connector(params: &Params) -> Vec<(&str, &str)> {
    let mut pairs: Vec<_> = params
        .pairs()
        .filter(|(name, _)| *name != "connector_id")
        .collect();
    pairs.sort_by_key(|(name, _)| *name);
    pairs
}

/// `/auth/{connector}/login?back=…&state=…`, as dex spells it. The page links to `back` if the login
/// knows its hash, so that nobody can plant another. Ours is empty: the login knows the way.
pub(crate) fn password_route(
    view: &TenantView,
    connector: &ConnectorId,
    id: &AuthRequestId,
    back: Option<&str>,
) -> String {
    let back = back.map(|route| format!("{}{route}", view.spec.issuer.path()));
    let query = encode_pairs([
        ("back", back.as_deref().unwrap_or_default()),
        ("state", id.as_str()),
    ]);
    format!("/auth/{}/login?{query}", connector.path_segment())
}

/// `/approval?req=…&hmac=…`, as dex spells it.
pub(crate) fn approval_route(view: &TenantView, id: &AuthRequestId) -> String {
    let hmac = proof_of(&view.keys, id.as_str(), Step::Approval);
    format!(
        "/approval?{}",
        encode_pairs([("req", id.as_str()), ("hmac", hmac.as_str())])
    )
}
