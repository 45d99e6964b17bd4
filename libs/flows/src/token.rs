//! The token endpoint.

mod code;
mod refresh;

use std::sync::Arc;

use insula_engine::issue::{Authorization, IssueError, TokenSet, issue, longest_token_life};
use insula_engine::{Refusal, client_auth, grants};
use insula_jose::{Alg, SigningKey};
use insula_model::{Client, Dialect, GrantId};
use insula_oauth::{Params, TokenRequest, TokenRequestError, TokenResponse};

use crate::login_log;
use crate::{Fault, FlowError, TenantView};

/// Exchanges a grant for tokens ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).
///
/// `authorization` is the header of that name as it came, `form` the body.
pub async fn exchange(
    view: &TenantView,
    authorization: Option<&str>,
    form: &Params,
) -> Result<TokenResponse, FlowError> {
    let request = token_request(view, form)?;
    let grant_type = request.grant_type();
    grants::served(grant_type, &view.spec)?;
    let client = authenticated(view, authorization, form)?;
    grants::allowed(grant_type, &client)?;
    match request {
        TokenRequest::AuthorizationCode(request) => code::redeem(view, &client, &request).await,
        TokenRequest::RefreshToken(request) => refresh::refresh(view, &client, &request).await,
    }
}

fn token_request(view: &TenantView, form: &Params) -> Result<TokenRequest, Refusal> {
    let read = match view.dialect() {
        Dialect::Standard => TokenRequest::from_params(form),
        Dialect::Dex => TokenRequest::from_params(&first_of_each(form)),
    };
    read.map_err(|why| match why {
        TokenRequestError::NoGrantType => Refusal::MissingGrantType,
        TokenRequestError::UnsupportedGrantType(word) => Refusal::UnsupportedGrantType(word),
        TokenRequestError::Duplicate(name) => Refusal::DuplicateParameter(name),
    })
}

/// dex takes the first of a repeated parameter.
fn first_of_each(form: &Params) -> Params {
    let mut first: Vec<(&str, &str)> = Vec::new();
    for (name, value) in form.pairs() {
        if !first.iter().any(|(known, _)| *known == name) {
            first.push((name, value));
        }
    }
    Params::from_pairs(first)
}

/// The client of a request to the token, revocation or introspection endpoint, proven.
pub(crate) fn authenticated(
    view: &TenantView,
    authorization: Option<&str>,
    form: &Params,
) -> Result<Arc<Client>, FlowError> {
    let presented = client_auth::read(authorization, form, view.dialect())?;
    login_log::about_client(view, &presented.id);
    let client = view.clients().find(&presented.id);
    client_auth::authenticate(client.as_deref(), &presented)?;
    client.ok_or_else(|| Refusal::ClientCredentials.into())
}

/// Revokes a family, until the last of its tokens is dead anyway.
pub(crate) async fn revoke_family(view: &TenantView, grant: &GrantId) -> Result<(), FlowError> {
    let until = view.now() + longest_token_life(&view.spec);
    view.effects.store.revoke_grant(grant, until).await?;
    Ok(())
}

/// What a refusal does beyond being told: a replay or a reuse takes the whole family with it.
async fn refused(view: &TenantView, refusal: Refusal) -> FlowError {
    let Some(grant) = refusal.condemns() else {
        return refusal.into();
    };
    match revoke_family(view, grant).await {
        Ok(()) => {
            tracing::warn!(grant.id = %grant, "family {grant} is revoked: {refusal:?}");
            refusal.into()
        }
        Err(fault) => fault,
    }
}

/// The key that signs now. Asked for before any evidence is used up, so that a tenant without one
/// costs nobody their code.
fn signing_key(view: &TenantView) -> Result<Arc<SigningKey>, Fault> {
    let configured = view.spec.signer.algorithms.first();
    let alg = configured
        .and_then(|name| name.parse::<Alg>().ok())
        .or_else(|| view.rotation.algs.first().copied())
        .ok_or(Fault::KeysStale)?;
    let key = view.keys.signing_key_at(alg, view.now(), &view.rotation);
    key.map(Arc::clone).map_err(|_| Fault::KeysStale)
}

fn signed(
    view: &TenantView,
    key: &SigningKey,
    authorization: &Authorization<'_>,
) -> Result<TokenSet, FlowError> {
    let entropy = view.effects.entropy.as_ref();
    let peers = view.clients().peers(authorization.scopes);
    let tokens = issue(authorization, &peers, &view.spec, key, view.now(), entropy);
    tokens.map_err(|why| match why {
        IssueError::Refused(refusal) => refusal.into(),
        IssueError::Signing(cause) => cause.into(),
    })
}

#[cfg(test)]
mod tests;
