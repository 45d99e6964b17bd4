//! The introspection endpoint.

use std::sync::Arc;

use insula_engine::access_token::VerifiedToken;
use insula_engine::client_auth::ProvenClient;
use insula_engine::grants::{RefreshFacts, RefreshToken};
use insula_engine::introspect::Inactive;
use insula_engine::{Evidence, Refusal, introspect};
use insula_model::{Client, IntrospectionForm};
use insula_oauth::{IntrospectRequest, IntrospectResponse};
use tracing::info;

use crate::client_authentication::authenticated;
use crate::family::ended;
use crate::refresh_grant::usable_at;
use crate::signing::{default_key, with_key_of};
use crate::{FlowError, TenantView};

/// How whoever asks wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// As JSON ([RFC 7662 §2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
    Json,
    /// As a signed JWT ([RFC 9701](https://www.rfc-editor.org/rfc/rfc9701)).
    Jwt,
}

/// What a token is worth.
#[derive(Debug, Clone, PartialEq)]
pub enum Introspection {
    /// As JSON.
    Json(Box<IntrospectResponse>),
    /// As a JWT.
    Jwt(String),
}

/// What a token is worth ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)).
///
/// The hint is not needed: a JWT is an access token, anything else can only be a refresh token. dex
/// asks nobody who they are, so that it has nobody to sign an answer for.
pub async fn answer(
    view: &TenantView,
    evidence: &Evidence<'_>,
    form: AnswerForm,
) -> Result<Introspection, FlowError> {
    evidence.must_not_repeat(view.rules())?;
    let asker = match view.rules().introspection {
        IntrospectionForm::Rfc7662 => {
            let asker = authenticated(view, evidence).await?;
            introspect::may_ask(&asker)?;
            Some(asker)
        }
        IntrospectionForm::Dex if evidence.form.is_empty() => {
            return Err(Refusal::IntrospectionOfNothing.into());
        }
        IntrospectionForm::Dex => None,
    };
    let asker = asker.map(ProvenClient::into_client);
    let token = IntrospectRequest::from_params(&evidence.form).token;
    let token = token.ok_or(Refusal::MissingToken)?;
    let token = token.reveal();
    let judged = if is_jwt(token) {
        access_token(view, asker.as_ref(), token).await?
    } else {
        refresh_token(view, asker.as_ref(), token).await?
    };
    let told = judged.unwrap_or_else(|why| {
        let asker = asker.as_ref().map(|asker| asker.id.as_str());
        info!(
            client_id = asker,
            "a token that was asked about is not active: {why}"
        );
        IntrospectResponse::inactive()
    });
    let (AnswerForm::Jwt, Some(asker)) = (form, asker) else {
        return Ok(Introspection::Json(Box::new(told)));
    };
    let key = default_key(view).await?;
    let signed = introspect::signed(&told, &asker, &view.spec, &key, view.now())?;
    Ok(Introspection::Jwt(signed))
}

/// Whether a text has the three parts of a compact JWS.
pub(crate) fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

type Judged = Result<Result<IntrospectResponse, Inactive>, FlowError>;

async fn access_token(view: &TenantView, asker: Option<&Arc<Client>>, token: &str) -> Judged {
    let view = &*with_key_of(view, token).await;
    let token = match VerifiedToken::read(token, &view.spec, &view.keys, view.now()) {
        Ok(token) => token,
        Err(why) => return Ok(Err(why.into())),
    };
    if let Some(why) = ended(view, &token).await? {
        return Ok(Err(why));
    }
    let client = match token.client_id() {
        Some(id) => client_of(view, asker, id).await?,
        None => None,
    };
    let asker = asker.map(AsRef::as_ref);
    Ok(introspect::access_token(
        &token,
        client.as_deref(),
        &view.spec,
        asker,
    ))
}

async fn refresh_token(view: &TenantView, asker: Option<&Arc<Client>>, token: &str) -> Judged {
    let Some(presented) = RefreshToken::parse(token, view.rules()) else {
        return Ok(Err(Inactive::Unknown));
    };
    let asked_at = view.now();
    let Some(grant) = view.effects.store.find_refresh(&presented.id).await? else {
        return Ok(Err(Inactive::Unknown));
    };
    if asker.is_some_and(|asker| !introspect::may_see_refresh(asker, &grant)) {
        return Ok(Err(Inactive::NotForAsker));
    }
    let Some(client) = client_of(view, asker, grant.client_id.as_str()).await? else {
        return Ok(Err(Inactive::ClientGone));
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
    let peers = view.clients().peers(&grant.scopes).await?;
    let told = introspect::refresh_token_of(&presented, facts, &peers, view.now());
    if told.is_ok()
        && let Err(refusal) = usable_at(view, &client, &grant).await?
    {
        return Ok(Err(refusal.into()));
    }
    Ok(told)
}

/// The client of a token, which often is whoever asks.
async fn client_of(
    view: &TenantView,
    asker: Option<&Arc<Client>>,
    id: &str,
) -> Result<Option<Arc<Client>>, FlowError> {
    match asker.filter(|asker| asker.id.as_str() == id) {
        Some(asker) => Ok(Some(Arc::clone(asker))),
        None => Ok(view.clients().find(id).await?),
    }
}

#[cfg(test)]
mod tests;
