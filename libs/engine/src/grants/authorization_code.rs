use std::borrow::Cow;
use std::time::Duration;

use insula_ambient::Timestamp;
use insula_jose::KeyRing;
use insula_model::{Client, CodeGrant, Rules, TenantSpec};
use insula_oauth::{CodeRequest, CodeVerifier};

use super::refresh_token::first_refresh_grant;
use crate::Refusal;
use crate::people::is_still_known;
use crate::token_plan::{Asker, LoginGrant, TokenPlan};

/// Whether `client` may have the tokens its code stands for.
///
/// [RFC 6749 §4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3), PKCE per
/// [RFC 7636 §4.6](https://www.rfc-editor.org/rfc/rfc7636#section-4.6). A code bound to another
/// client answers `invalid_grant`, not `invalid_client`: the client is known, its code is not. A
/// verifier for a code that was asked for without a challenge is refused, or an attacker could strip
/// the challenge from the request
/// ([RFC 9700 §4.8.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.8.2)).
///
/// dex asks no form of a verifier and looks at the redirect URI last.
pub fn authorization_code(
    request: &CodeRequest,
    client: &Client,
    grant: &CodeGrant,
    rules: &Rules,
) -> Result<(), Refusal> {
    let family = || grant.grant_id.clone();
    if grant.client_id != client.id {
        return Err(Refusal::CodeOfAnotherClient { grant: family() });
    }
    challenge_is_met(grant, request.code_verifier.as_ref(), rules)?;
    if request.redirect_uri.as_deref() != Some(&grant.redirect_uri) {
        return Err(Refusal::RedirectUriChanged { grant: family() });
    }
    Ok(())
}

/// Whether `verifier` is what the challenge of a grant was made of, and there is one for the other.
pub(super) fn challenge_is_met(
    grant: &CodeGrant,
    verifier: Option<&CodeVerifier>,
    rules: &Rules,
) -> Result<(), Refusal> {
    let family = || grant.grant_id.clone();
    match (&grant.code_challenge, verifier) {
        (None, None) => {}
        (None, Some(_)) => return Err(Refusal::PkceNotStarted { grant: family() }),
        (Some(_), None) => return Err(Refusal::PkceVerifierMissing { grant: family() }),
        (Some(challenge), Some(verifier)) => {
            let is_formed = !rules.checks_form_of_pkce || verifier.is_well_formed();
            if !is_formed || !challenge.matches(verifier) {
                return Err(Refusal::PkceMismatch { grant: family() });
            }
        }
    }
    Ok(())
}

/// What the tokens of a code are decided by.
#[derive(Debug, Clone, Copy)]
pub struct CodeFacts<'a> {
    /// The tenant.
    pub spec: &'a TenantSpec,
    /// Its keys.
    pub keys: &'a KeyRing,
    /// What the code stands for.
    pub grant: &'a CodeGrant,
    /// The client that redeems it.
    pub asker: Asker<'a>,
    /// Whether a refresh grant begins with it, as was settled when it was issued
    /// ([`gets_refresh_token`](super::gets_refresh_token)).
    pub begins_refresh: bool,
}

/// The tokens that a good code is exchanged for. Whoever is known no more gets none. `code` is the
/// one the ID token is bound to, where it came through a browser.
pub fn code_plan<'a>(
    code: Option<&'a str>,
    facts: CodeFacts<'a>,
    now: Timestamp,
) -> Result<TokenPlan<'a>, Refusal> {
    let CodeFacts { spec, grant, .. } = facts;
    let login = &grant.login;
    if !is_still_known(spec, &login.connector_id, &login.claims.user_id) {
        return Err(Refusal::CodeUnknown);
    }
    let granted = LoginGrant {
        client_id: &grant.client_id,
        grant_id: &grant.grant_id,
        login,
        scopes: &grant.scopes,
        resources: &grant.resources,
        claims: grant.claims,
        nonce: grant.nonce.as_deref(),
        code,
    };
    let begun = || first_refresh_grant(grant, &spec.expiry.refresh, now, facts.keys);
    Ok(TokenPlan {
        refresh: facts.begins_refresh.then(|| Cow::Owned(begun())),
        ..TokenPlan::of_login(granted, facts.asker, spec)?
    })
}

/// How long a used code is remembered, so that its replay can take its tokens with it: as long as
/// an access token lives, and ten minutes at least.
pub fn remember_code_for(spec: &TenantSpec) -> Duration {
    spec.expiry.access_tokens.max(Duration::from_mins(10))
}

#[cfg(test)]
mod tests;
