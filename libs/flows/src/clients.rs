//! Clients that do not come with the configuration: registered, changed, deleted.

use insula_model::registration::{to_algorithms, to_client};
use insula_model::{Client, ClientId, ConnectorId};
use insula_oauth::Scope;
use insula_store::{ClientPut, StoreError};
use thiserror::Error;

use crate::TenantView;

/// What is stored of one client may be so large, in bytes of its texts.
const LARGEST: usize = 32 * 1024;

/// Why a client was not stored, changed or deleted.
#[derive(Debug, Clone, Error)]
pub enum ClientChangeError {
    /// It comes with the configuration.
    #[error("client {0} stands in the tenant's configuration: change it there")]
    Configured(ClientId),
    /// It may not be registered so.
    #[error("client {id} cannot be stored: {}", .problems.join("; "))]
    Refused {
        /// Which.
        id: ClientId,
        /// Each thing that is wrong, and what to do about it.
        problems: Vec<String>,
    },
    /// The database failed; whether the change was made is not known.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a client if the stored one is still at version `expected` (`None`: if there is none), and
/// has every process read it anew.
pub async fn put(
    view: &TenantView,
    client: &Client,
    expected: Option<u64>,
) -> Result<ClientPut, ClientChangeError> {
    must_not_be_configured(view, &client.id)?;
    let mut problems = problems(client, view);
    problems.extend(unknown_connectors(client, view));
    problems.extend(unknown_access(client, view));
    if !problems.is_empty() {
        let id = client.id.clone();
        return Err(ClientChangeError::Refused { id, problems });
    }
    // A change of which nobody heard how it ended is told as one that was made.
    let changing = view.effects.facts.changing_client(&client.id);
    let put = view.effects.store.put_client(client, expected, view.now());
    let put = put.await;
    drop(changing);
    Ok(put?)
}

/// Deletes a client, and has every process forget it; `false` if there was none.
pub async fn delete(view: &TenantView, id: &ClientId) -> Result<bool, ClientChangeError> {
    must_not_be_configured(view, id)?;
    let changing = view.effects.facts.changing_client(id);
    let deleted = view.effects.store.delete_client(id).await;
    drop(changing);
    Ok(deleted?)
}

/// A stored client of that id would never be reached.
fn must_not_be_configured(view: &TenantView, id: &ClientId) -> Result<(), ClientChangeError> {
    if view.spec.clients.contains_key(id) {
        return Err(ClientChangeError::Configured(id.clone()));
    }
    Ok(())
}

/// Why a client may not be served, one text for each reason.
pub(crate) fn problems(client: &Client, view: &TenantView) -> Vec<String> {
    let mut objections = to_client(client, &view.spec.rules);
    objections.extend(to_algorithms(client, &view.spec.signer.algorithms));
    let mut problems: Vec<String> = objections.iter().map(ToString::to_string).collect();
    if view.spec.resource(client.id.as_str()).is_some() {
        // An access token for it would pass for the client's ID token.
        problems.push(format!(
            "{:?} is the identifier of a resource",
            client.id.as_str()
        ));
    }
    let size = size(client);
    if size > LARGEST {
        problems.push(format!(
            "its texts are {size} bytes long; {LARGEST} are the most"
        ));
    }
    problems
}

fn unknown_connectors(client: &Client, view: &TenantView) -> Vec<String> {
    let named = client.allowed_connectors.iter().map(ConnectorId::as_str);
    let unknown = named.filter(|id| view.spec.connector(id).is_none());
    unknown
        .map(|id| format!("no connector has the id {id:?}"))
        .collect()
}

fn unknown_access(client: &Client, view: &TenantView) -> Vec<String> {
    let spec = &view.spec;
    let is_known = |word: &&String| {
        !matches!(Scope::parse(word), Scope::Unknown(_)) || spec.resource_of_scope(word).is_some()
    };
    let scopes = client.scopes.iter().flatten();
    let scopes = scopes.filter(|word| !is_known(word));
    let scopes = scopes.map(|word| format!("no resource has the scope {word:?}"));
    let resources = client.resources.iter();
    let resources = resources.filter(|one| spec.resource(one).is_none());
    let resources = resources.map(|one| format!("no resource has the identifier {one:?}"));
    scopes.chain(resources).collect()
}

/// How many bytes its texts take.
fn size(client: &Client) -> usize {
    let texts = client
        .redirect_uris
        .iter()
        .chain(&client.post_logout_redirect_uris)
        .chain(client.sso_shared_with.iter().flatten())
        .chain(client.scopes.iter().flatten())
        .chain(&client.resources)
        .chain(&client.own_groups)
        .map(String::as_str);
    let exchange = client.token_exchange.iter();
    let exchange = exchange.flat_map(|policy| policy.texts());
    let ids = client.trusted_peers.iter().map(ClientId::as_str);
    let connectors = client.allowed_connectors.iter().map(ConnectorId::as_str);
    let lists = texts.chain(ids).chain(connectors);
    let lists = lists.chain(exchange).map(str::len);
    // A secret is 32 bytes and its end.
    client.name.len() + lists.sum::<usize>() + client.secrets.len() * 40
}

#[cfg(test)]
mod tests;
