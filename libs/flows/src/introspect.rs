//! The introspection endpoint.

use std::sync::Arc;

use insula_engine::access_token::VerifiedToken;
use insula_engine::client_auth::ProvenClient;
use insula_engine::grants::{RefreshFacts, RefreshToken};
use insula_engine::{Evidence, Refusal, introspect};
use insula_model::{Client, IntrospectionForm};
use insula_oauth::{IntrospectRequest, IntrospectResponse};

use crate::client_authentication::authenticated;
use crate::family::is_revoked;
use crate::{FlowError, TenantView};

/// What a token is worth ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)).
///
/// The hint is not needed: a JWT is an access token, anything else can only be a refresh token.
pub async fn answer(
    view: &TenantView,
    evidence: &Evidence<'_>,
) -> Result<IntrospectResponse, FlowError> {
    let asker = match view.rules().introspection {
        IntrospectionForm::Rfc7662 => {
            let asker = authenticated(view, evidence).await?;
            introspect::may_ask(&asker)?;
            Some(asker)
        }
        IntrospectionForm::Dex => None,
    };
    let asker = asker.map(ProvenClient::into_client);
    let token = IntrospectRequest::from_params(&evidence.form).token;
    let token = token.ok_or(Refusal::MissingToken)?;
    let token = token.reveal();
    if is_jwt(token) {
        access_token(view, asker, token).await
    } else {
        refresh_token(view, asker, token).await
    }
}

/// Whether a text has the three parts of a compact JWS.
pub(crate) fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

async fn access_token(
    view: &TenantView,
    asker: Option<Arc<Client>>,
    token: &str,
) -> Result<IntrospectResponse, FlowError> {
    let verified = VerifiedToken::verify(token, &view.spec, &view.keys, view.now());
    match verified {
        Some(token) if !is_revoked(view, &token).await? => {
            let client = match (token.client_id(), &asker) {
                (Some(id), Some(asker)) if asker.id.as_str() == id => Some(Arc::clone(asker)),
                (Some(id), _) => view.clients().find(id).await?,
                (None, _) => None,
            };
            let (client, asker, spec) = (client.as_deref(), asker.as_deref(), &view.spec);
            Ok(introspect::access_token(&token, client, spec, asker))
        }
        _ => Ok(IntrospectResponse::inactive()),
    }
}

async fn refresh_token(
    view: &TenantView,
    asker: Option<Arc<Client>>,
    token: &str,
) -> Result<IntrospectResponse, FlowError> {
    let inactive = || Ok(IntrospectResponse::inactive());
    let Some(presented) = RefreshToken::parse(token, view.rules()) else {
        return inactive();
    };
    let asked_at = view.now();
    let Some(grant) = view.effects.store.find_refresh(&presented.id).await? else {
        return inactive();
    };
    let clients = view.clients();
    let client = match asker {
        Some(asker) => Some(asker),
        None => clients.find(grant.client_id.as_str()).await?,
    };
    let Some(client) = client else {
        return inactive();
    };
    let facts = RefreshFacts {
        spec: &view.spec,
        keys: &view.keys,
        client: &client,
        grant: &grant,
        came_at: asked_at,
        asked_at,
        was_current: false,
    };
    let peers = clients.peers(&grant.scopes).await?;
    let now = view.now();
    Ok(introspect::refresh_token_of(&presented, facts, &peers, now))
}

#[cfg(test)]
mod tests;
