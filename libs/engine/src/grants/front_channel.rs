use insula_model::{AuthorizationRequest, GrantId, Login, TenantSpec};

use crate::Refusal;
use crate::token_plan::{Asker, LoginGrant, TokenPlan};

/// What the tokens of an authorization response are decided by.
#[derive(Debug, Clone, Copy)]
pub struct FrontChannelFacts<'a> {
    /// The tenant.
    pub spec: &'a TenantSpec,
    /// The request that is answered.
    pub request: &'a AuthorizationRequest,
    /// Who logged in.
    pub login: &'a Login,
    /// The family of the tokens, to which those of the code belong too.
    pub grant_id: &'a GrantId,
    /// The code that stands beside them, where there is one.
    pub code: Option<&'a str>,
    /// Who asks for them.
    pub asker: Asker<'a>,
}

/// The tokens that travel through the browser
/// ([OpenID Connect Core §3.2.2.5](https://openid.net/specs/openid-connect-core-1_0.html#ImplicitAuthResponse),
/// [§3.3.2.5](https://openid.net/specs/openid-connect-core-1_0.html#HybridAuthResponse)). No refresh
/// token is among them (RFC 6749 §4.2.2).
pub fn front_channel_plan(facts: FrontChannelFacts<'_>) -> Result<TokenPlan<'_>, Refusal> {
    let FrontChannelFacts { request, spec, .. } = facts;
    let granted = LoginGrant {
        client_id: &request.client_id,
        grant_id: facts.grant_id,
        login: facts.login,
        scopes: &request.scopes,
        resources: &request.resources,
        claims: request.claims.released,
        nonce: request.nonce.as_deref(),
        code: facts.code,
    };
    TokenPlan::of_login(granted, facts.asker, spec)
}
