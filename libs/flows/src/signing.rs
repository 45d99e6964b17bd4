//! The keys that sign what a client gets.

use std::borrow::Cow;
use std::sync::Arc;

use insula_engine::issue::{
    FrontChannelTokens, Keys, TokenSet, issue, issue_id_token, issue_in_front_channel,
};
use insula_engine::logout::LogoutToken;
use insula_engine::signing::{AccessTokenSigner, access_token_signer, id_token_alg};
use insula_engine::token_plan::{IdTokenPlan, TokenPlan};
use insula_jose::{Alg, KeyRing, KeysStale, SigningKey};
use insula_model::Client;
use insula_oauth::ResponseType;

use crate::{Fault, FlowError, TenantView};

/// The keys of a tenant that sign for a client.
pub(crate) struct Signers<'a> {
    view: &'a TenantView,
    client: &'a Client,
    ring: Arc<KeyRing>,
    id_token: Arc<SigningKey>,
}

/// Has the key ready that signs the client's ID tokens. Asked for before any evidence is used up, so
/// that a tenant without one costs nobody their code.
pub(crate) async fn signers<'a>(
    view: &'a TenantView,
    client: &'a Client,
) -> Result<Signers<'a>, Fault> {
    let alg = id_token_alg(client, &view.rotation).ok_or(Fault::KeysStale)?;
    let (ring, id_token) = key_of(view, &view.keys, alg).await?;
    Ok(Signers {
        view,
        client,
        ring,
        id_token,
    })
}

impl Signers<'_> {
    /// Signs a logout token, as ID tokens of the client are
    /// ([Back-Channel Logout §2.6](https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation)).
    pub(crate) fn sign_logout(&self, token: &LogoutToken) -> Result<String, FlowError> {
        Ok(self.id_token.sign(token.typ, token)?)
    }

    /// Signs the tokens of a plan.
    pub(crate) async fn sign(&self, plan: &TokenPlan<'_>) -> Result<TokenSet, FlowError> {
        let access_token = self.key_of_access_token(plan).await?;
        let (view, keys) = (self.view, self.keys(&access_token));
        let entropy = view.effects.entropy.as_ref();
        Ok(issue(plan, &view.spec, keys, view.now(), entropy)?)
    }

    /// Signs those tokens of a plan that travel through the browser.
    pub(crate) async fn sign_in_front_channel(
        &self,
        response_type: ResponseType,
        plan: &TokenPlan<'_>,
    ) -> Result<FrontChannelTokens, FlowError> {
        let access_token = self.key_of_access_token(plan).await?;
        let (view, keys) = (self.view, self.keys(&access_token));
        let (entropy, now) = (view.effects.entropy.as_ref(), view.now());
        let spec = &view.spec;
        Ok(issue_in_front_channel(
            response_type,
            plan,
            spec,
            keys,
            now,
            entropy,
        )?)
    }

    fn keys<'k>(&'k self, access_token: &'k SigningKey) -> Keys<'k> {
        Keys {
            ring: &self.ring,
            id_token: &self.id_token,
            access_token,
        }
    }

    async fn key_of_access_token(&self, plan: &TokenPlan<'_>) -> Result<Arc<SigningKey>, Fault> {
        let (view, now) = (self.view, self.view.now());
        let signer = access_token_signer(plan, self.client, &view.spec, &view.rotation);
        Ok(match signer.ok_or(Fault::KeysStale)? {
            AccessTokenSigner::Of(alg) if alg == self.id_token.alg() => Arc::clone(&self.id_token),
            AccessTokenSigner::Of(alg) => key_of(view, &self.ring, alg).await?.1,
            AccessTokenSigner::Fastest => {
                let fastest = self.ring.fastest_key_at(now, &view.rotation);
                // One whose only key is slow has that one.
                fastest.map_or_else(|_| Arc::clone(&self.id_token), Arc::clone)
            }
        })
    }

    /// Signs the ID token of a plan alone.
    pub(crate) fn sign_id_token(
        &self,
        plan: &TokenPlan<'_>,
        planned: &IdTokenPlan<'_>,
    ) -> Result<TokenSet, FlowError> {
        let (view, keys) = (self.view, Keys::of_one(&self.ring, &self.id_token));
        let entropy = view.effects.entropy.as_ref();
        let signed = issue_id_token(plan, planned, &view.spec, keys, view.now(), entropy);
        Ok(signed?)
    }
}

/// The key of the tenant's first algorithm, for what no client registered another for.
pub(crate) async fn default_key(view: &TenantView) -> Result<Arc<SigningKey>, Fault> {
    let first = view.rotation.algs.first();
    let alg = *first.ok_or(Fault::KeysStale)?;
    Ok(key_of(view, &view.keys, alg).await?.1)
}

/// The key of an algorithm, and the ring that has it: one that is promised is made now. While the
/// first key of an algorithm is being announced, the tenant's first algorithm stands in for it.
async fn key_of(
    view: &TenantView,
    ring: &Arc<KeyRing>,
    alg: Alg,
) -> Result<(Arc<KeyRing>, Arc<SigningKey>), Fault> {
    let first = view.rotation.algs.first().copied();
    let mut ring = Arc::clone(ring);
    for alg in [Some(alg), first].into_iter().flatten() {
        if ring.promised().contains(&alg) {
            let made = view.effects.promised_keys.ring_with(alg).await;
            ring = made.ok_or(Fault::KeyNotReady)?;
        }
        match ring.signing_key_at(alg, view.now(), &view.rotation) {
            Ok(key) => {
                let key = Arc::clone(key);
                return Ok((ring, key));
            }
            Err(KeysStale::NoActiveKey { .. }) => {}
            Err(_) => break,
        }
    }
    Err(Fault::KeysStale)
}

/// Has the keys made that the tenant promised, before its JWK Set is handed out: clients keep the set,
/// and must find in it what signs a moment later. Whether they all are made.
pub async fn have_promised_keys_made(view: &TenantView) -> bool {
    let mut ring = Arc::clone(&view.keys);
    while let Some(alg) = ring.promised().first().copied() {
        match view.effects.promised_keys.ring_with(alg).await {
            Some(made) if !made.promised().contains(&alg) => ring = made,
            _ => return false,
        }
    }
    true
}

/// The tenant with the ring that knows the key of `token`, as far as there is one: another process may
/// have made it since this one last looked.
pub(crate) async fn with_key_of<'v>(view: &'v TenantView, token: &str) -> Cow<'v, TenantView> {
    let Some(alg) = view.keys.lacks_key_of(token) else {
        return Cow::Borrowed(view);
    };
    match view.effects.promised_keys.ring_with(alg).await {
        Some(keys) => Cow::Owned(TenantView {
            keys,
            ..view.clone()
        }),
        None => Cow::Borrowed(view),
    }
}

#[cfg(test)]
mod tests;
