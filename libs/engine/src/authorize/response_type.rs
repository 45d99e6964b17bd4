use insula_model::{AuthorizationRequest, Client, Rules, TenantSpec};
use insula_oauth::{AuthorizeRequest, GrantType, ResponseMode, ResponseType, Scopes};

use super::reply_to::Proven;
use crate::Refusal;

/// The response type of a request, if the tenant serves it and the client may ask for it.
///
/// [OAuth 2.0 Multiple Response Types](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html),
/// [OpenID Connect Core §3.2.2.1](https://openid.net/specs/openid-connect-core-1_0.html#ImplicitAuthRequest)
/// and [§3.3.2.1](https://openid.net/specs/openid-connect-core-1_0.html#HybridAuthRequest). A client
/// needs the grants of [RFC 7591 §2.1](https://www.rfc-editor.org/rfc/rfc7591#section-2.1) for it, and
/// in our dialect `implicit` by name: a tenant that has one old app to serve opens nothing for the
/// others ([RFC 9700 §2.1.2](https://www.rfc-editor.org/rfc/rfc9700#section-2.1.2)).
pub(super) fn allowed(
    request: &AuthorizeRequest<'_>,
    scopes: &Scopes,
    reply_to: &Proven<'_>,
    client: &Client,
    spec: &TenantSpec,
) -> Result<ResponseType, Refusal> {
    let text = request.response_type.ok_or(Refusal::MissingResponseType)?;
    let asked = ResponseType::parse(text).map_err(Refusal::UnknownResponseType)?;
    if asked.is_empty() {
        return Err(Refusal::MissingResponseType);
    }
    if !is_served(asked, spec) {
        return Err(Refusal::ResponseTypeNotServed(text.to_owned()));
    }
    let rules = &spec.rules;
    if !asked.grants().all(|grant| may_use(client, grant, rules)) {
        return Err(Refusal::GrantNotAllowed);
    }
    let is_token_alone = asked.token && !asked.id_token && !asked.code;
    if is_token_alone && !rules.serves_token_alone {
        return Err(Refusal::TokenAlone);
    }
    if asked.id_token && !scopes.openid() {
        return Err(Refusal::MissingOpenIdScope);
    }
    let needs_nonce = asked.id_token && (!asked.code || rules.hybrid_requests_need_nonce);
    if needs_nonce && request.nonce.is_none() {
        return Err(Refusal::MissingNonce);
    }
    if asked.has_front_channel_tokens() && reply_to.is_out_of_band() {
        return Err(Refusal::TokensOutOfBand);
    }
    Ok(asked)
}

fn is_served(asked: ResponseType, spec: &TenantSpec) -> bool {
    let served = &spec.oauth2.response_types;
    if !spec.rules.serves_response_types_by_word {
        return served.contains(&asked);
    }
    asked.words().all(|word| {
        let is_alone = |listed: &ResponseType| listed.words().eq([word]);
        served.iter().any(is_alone)
    })
}

fn may_use(client: &Client, grant: GrantType, rules: &Rules) -> bool {
    if grant == GrantType::Implicit && rules.implicit_is_allowed_by_name {
        return client.grant_types.contains(&grant);
    }
    client.may_use(grant)
}

/// Whether a request asks for a code, or for something that cannot be read and may be one.
pub(super) fn may_bring_code(request: &AuthorizeRequest<'_>) -> bool {
    let text = request.response_type.unwrap_or_default();
    ResponseType::parse(text).map_or(true, |asked| asked.code || asked.is_empty())
}

/// How a granted request is answered; its errors travel in its `response_mode`, which in dex's
/// dialect is the query also where tokens travel in the fragment.
pub fn answer_mode(request: &AuthorizationRequest, rules: &Rules) -> ResponseMode {
    if rules.obeys_response_mode {
        request.response_mode
    } else {
        ResponseMode::default_for(request.response_type)
    }
}
