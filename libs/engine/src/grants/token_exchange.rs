//! One token for another ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693)).

use insula_model::{Client, ConnectorSpec, GrantId, Login, RequestedClaims, Rules, TenantSpec};
use insula_oauth::{GrantType, Scope, Scopes, TokenExchangeRequest, TokenType};
use serde_json::{Map, Value};

use crate::access::may_have;
use crate::token_plan::{Asker, IdTokenPlan, LoginGrant, TokenPlan};
use crate::{Peers, Refusal};

/// What the subject token is said to be (RFC 8693 §2.1). dex knows two types.
pub fn subject_token_type(
    request: &TokenExchangeRequest,
    rules: &Rules,
) -> Result<TokenType, Refusal> {
    let urn = request.subject_token_type.as_deref().unwrap_or_default();
    let known = TokenType::parse(urn)
        .filter(|kind| rules.exchanges_tokens_by_policy || *kind != TokenType::Jwt);
    known.ok_or_else(|| Refusal::SubjectTokenType(urn.to_owned()))
}

/// What token is asked for; an access token where nothing is said. dex knows two types.
pub fn requested_type(request: &TokenExchangeRequest, rules: &Rules) -> Result<TokenType, Refusal> {
    let Some(urn) = request.requested_token_type.as_deref() else {
        return Ok(TokenType::AccessToken);
    };
    let known = TokenType::parse(urn)
        .filter(|kind| rules.exchanges_tokens_by_policy || *kind != TokenType::Jwt);
    known.ok_or_else(|| Refusal::RequestedTokenType(urn.to_owned()))
}

/// The connector whose upstream made the subject token, if this client may exchange tokens of it.
///
/// In our dialect the client's policy must name it; in dex's it is enough that the client's people may
/// come through it.
pub fn exchange_connector<'s>(
    id: &str,
    client: &Client,
    spec: &'s TenantSpec,
) -> Result<&'s ConnectorSpec, Refusal> {
    let unknown = || Refusal::ExchangeConnectorUnknown(id.to_owned());
    let connector = spec.connector(id).ok_or_else(unknown)?;
    if !connector.serves(GrantType::TokenExchange) {
        return Err(Refusal::GrantNotOfConnector(id.to_owned()));
    }
    if !client.allows_connector(&connector.id) {
        return Err(Refusal::ConnectorNotOfClient(id.to_owned()));
    }
    if spec.rules.exchanges_tokens_by_policy {
        let policy = client.token_exchange.as_ref();
        let policy = policy.ok_or(Refusal::GrantNotAllowed)?;
        if policy.connector(&connector.id).is_none() {
            return Err(Refusal::ConnectorNotOfClient(id.to_owned()));
        }
    }
    Ok(connector)
}

/// Whether a verified token of an upstream says what the client's policy asks for. What cannot be
/// judged is refused.
pub fn must_meet_policy(
    claims: &Map<String, Value>,
    connector: &ConnectorSpec,
    client: &Client,
) -> Result<(), Refusal> {
    let policy = client.token_exchange.as_ref();
    let listed = policy.and_then(|policy| policy.connector(&connector.id));
    let Some(condition) = listed.and_then(|one| one.condition.as_ref()) else {
        return Ok(());
    };
    let (client, text) = (&client.id, condition.text());
    match condition.holds(claims) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::SubjectTokenRefused(format!(
            "the condition of client {client} is not met: {text}"
        ))),
        Err(why) => Err(Refusal::SubjectTokenRefused(format!(
            "the condition of client {client} cannot be judged: {why}: {text}"
        ))),
    }
}

/// What an exchange for somebody of an upstream is asked for. Nothing is refreshed here: whoever has a
/// token of the upstream comes again. dex passes over what it does not know.
pub fn upstream_exchange_scopes(
    asked: Option<&Scopes>,
    resources: &[String],
    client: &Client,
    spec: &TenantSpec,
) -> Result<Scopes, Refusal> {
    let asked = asked.cloned().unwrap_or_default();
    if !spec.rules.exchanges_tokens_by_policy {
        return Ok(asked);
    }
    let unknown = asked.iter().filter_map(|scope| match scope {
        Scope::Unknown(word) if spec.resource_of_scope(word).is_none() => Some(word.to_owned()),
        _ => None,
    });
    let unknown: Vec<String> = unknown.collect();
    if !unknown.is_empty() {
        return Err(Refusal::UnknownScope(unknown));
    }
    let granted = asked.retain(|word| word != "offline_access");
    may_have(client, &granted, resources, spec)?;
    Ok(granted)
}

/// Somebody of an upstream, by a token that was found to be good.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeGrant<'a> {
    /// The client that exchanges it.
    pub client: &'a Client,
    /// The family of the new token.
    pub grant_id: &'a GrantId,
    /// Who it is.
    pub login: &'a Login,
    /// What was granted.
    pub scopes: &'a Scopes,
    /// The resources that an access token is asked for.
    pub resources: &'a [String],
    /// The clients that the scopes name.
    pub peers: &'a Peers,
    /// Which token is asked for.
    pub requested: TokenType,
}

/// The token for a token of an upstream: one, whose kind was asked for.
pub fn upstream_exchange_plan<'a>(
    grant: ExchangeGrant<'a>,
    spec: &TenantSpec,
) -> Result<TokenPlan<'a>, Refusal> {
    let granted = LoginGrant {
        client_id: &grant.client.id,
        grant_id: grant.grant_id,
        login: grant.login,
        scopes: grant.scopes,
        resources: grant.resources,
        claims: RequestedClaims::default(),
        nonce: None,
        code: None,
    };
    let asker = Asker {
        client: grant.client,
        peers: grant.peers,
        resources: &[],
    };
    let plan = TokenPlan::of_login(granted, asker, spec).map_err(|why| {
        if spec.rules.exchanges_tokens_by_policy {
            why
        } else {
            Refusal::ExchangeScopes(Box::new(why))
        }
    })?;
    let id_token = match grant.requested {
        TokenType::IdToken => Some(id_token(&grant, spec)?),
        TokenType::AccessToken | TokenType::Jwt => None,
    };
    Ok(TokenPlan { id_token, ..plan })
}

/// An ID token is asked for by its type, whatever the scopes.
fn id_token<'a>(grant: &ExchangeGrant<'a>, spec: &TenantSpec) -> Result<IdTokenPlan<'a>, Refusal> {
    crate::subject::must_fit_id_token(grant.login, &spec.rules)?;
    Ok(IdTokenPlan {
        audience: crate::token_plan::Audience::of(grant.scopes, &grant.client.id, grant.peers)?,
        lifetime: spec.expiry.id_tokens,
        code: None,
    })
}

#[cfg(test)]
mod tests;
