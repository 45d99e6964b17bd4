//! The token endpoint.

mod code;
mod refresh;

use std::sync::Arc;

use insula_engine::issue::{Keys, TokenSet, issue};
use insula_engine::token_plan::TokenPlan;
use insula_engine::{Evidence, Refusal, grants};
use insula_jose::SigningKey;
use insula_oauth::{Params, TokenRequest, TokenRequestError, TokenResponse};

pub(crate) use self::code::gets_refresh;
use crate::client_authentication::authenticated;
use crate::family::{refused, revoke_family};
use crate::{Fault, FlowError, TenantView};

/// Exchanges a grant for tokens ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).
pub async fn exchange(
    view: &TenantView,
    evidence: &Evidence<'_>,
) -> Result<TokenResponse, FlowError> {
    let request = token_request(view, &evidence.form)?;
    let grant_type = request.grant_type();
    grants::served(grant_type, &view.spec)?;
    let proven = authenticated(view, evidence).await?;
    let client = proven.client();
    grants::allowed(grant_type, client)?;
    match request {
        TokenRequest::AuthorizationCode(request) => code::redeem(view, client, &request).await,
        TokenRequest::RefreshToken(request) => refresh::refresh(view, client, &request).await,
    }
}

fn token_request(view: &TenantView, form: &Params) -> Result<TokenRequest, Refusal> {
    let read = if view.rules().refuses_repeated_parameters {
        TokenRequest::from_params(form)
    } else {
        TokenRequest::from_params(&first_of_each(form))
    };
    read.map_err(|why| match why {
        TokenRequestError::NoGrantType => Refusal::MissingGrantType,
        TokenRequestError::UnsupportedGrantType(word) => Refusal::UnsupportedGrantType(word),
        TokenRequestError::Duplicate(name) => Refusal::DuplicateParameter(name),
    })
}

fn first_of_each(form: &Params) -> Params {
    let mut first: Vec<(&str, &str)> = Vec::new();
    for (name, value) in form.pairs() {
        if !first.iter().any(|(known, _)| *known == name) {
            first.push((name, value));
        }
    }
    Params::from_pairs(first)
}

/// The key that signs now. Asked for before any evidence is used up, so that a tenant without one
/// costs nobody their code.
fn signing_key(view: &TenantView) -> Result<Arc<SigningKey>, Fault> {
    let default = view.rotation.algs.first();
    let key = view.keys.signing_key_at(
        *default.ok_or(Fault::KeysStale)?,
        view.now(),
        &view.rotation,
    );
    key.map(Arc::clone).map_err(|_| Fault::KeysStale)
}

fn signed(
    view: &TenantView,
    signing: &SigningKey,
    plan: &TokenPlan<'_>,
) -> Result<TokenSet, FlowError> {
    let ring = &view.keys;
    let (keys, entropy) = (Keys { ring, signing }, view.effects.entropy.as_ref());
    Ok(issue(plan, &view.spec, keys, view.now(), entropy)?)
}

#[cfg(test)]
mod tests;
