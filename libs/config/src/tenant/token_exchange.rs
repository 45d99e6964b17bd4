//! Whose tokens may be exchanged: of a client, and of an upstream.

use insula_condition::Condition;
use insula_model::{
    AccessTokensOf, ClientId, ConnectorId, ConnectorSpec, ExchangeAccessTokens, ExchangeConnector,
    Resource, SubjectTokens, TokenExchange,
};
use insula_oauth::GrantType;

use crate::reading::{Reading, Spot};
use crate::section::{Section, suggestion};
use crate::tree::Node;

use super::clients::Known;

/// Issuers that sign tokens for everybody's jobs: without a condition, a stranger's job would do.
const ISSUERS_OF_EVERYBODY: [&str; 7] = [
    "https://token.actions.githubusercontent.com",
    "https://gitlab.com",
    "https://agent.buildkite.com",
    "https://app.terraform.io",
    "https://api.pulumi.com/oidc",
    "https://oidc.vercel.com",
    "https://accounts.google.com",
];

/// Reads `tokenExchange` of a client.
pub(super) fn of_client(
    client: &mut Section<'_>,
    (id, public): (Option<&ClientId>, bool),
    known: &Known<'_>,
    reading: &mut Reading<'_>,
) -> Option<TokenExchange> {
    client.node("tokenExchange")?;
    let mut section = client.section("tokenExchange", reading);
    let (at, key) = (section.at(), client.key("tokenExchange"));
    let items = section.items("connectors", reading);
    let connectors = items
        .into_iter()
        .filter_map(|(node, key)| connector(node, &key, known.connectors, reading));
    let connectors = connectors.collect();
    let items = section.items("accessTokens", reading);
    let access_tokens = items
        .into_iter()
        .filter_map(|(node, key)| access_tokens(node, &key, (id, known.resources), reading));
    let policy = TokenExchange {
        connectors,
        access_tokens: access_tokens.collect(),
    };
    section.finish(reading);
    if policy.connectors.is_empty() && policy.access_tokens.is_empty() {
        let cause = "names no tokens that may be exchanged";
        reading.error(at, &key, cause, "list connectors or accessTokens");
    }
    if public && !policy.access_tokens.is_empty() {
        let cause = "lets a client exchange access tokens that cannot prove who it is";
        let key = format!("{key}.accessTokens");
        reading.error(at, &key, cause, "give the client a secret or keys");
    }
    Some(policy)
}

/// Access tokens of this tenant: those for a resource, or those of a client.
fn access_tokens(
    node: &Node,
    key: &str,
    (own_id, resources): (Option<&ClientId>, &[Resource]),
    reading: &mut Reading<'_>,
) -> Option<ExchangeAccessTokens> {
    let mut section = Section::open(node, key, reading);
    let resource = section.text("resource", reading);
    let client = section.text("client", reading);
    let scopes = section.texts("scopes", reading);
    let actors = section.texts("actors", reading);
    let requires_actor = section.flag("requireActor", reading).unwrap_or(false);
    section.finish(reading);
    let which = match (resource, client) {
        (Some(identifier), None) => {
            let mut declared = resources.iter();
            let declared = declared.find(|one| one.identifier == identifier.value);
            let serves = |one: &Resource| own_id.is_none_or(|id| one.servers.contains(id));
            if declared.is_some_and(|one| !serves(one)) {
                let cause = format!("this client does not serve {}", identifier.shown);
                let next = "list it under servers of the resource";
                reading.error(identifier.at, &identifier.key, cause, next);
            }
            if declared.is_none() {
                let cause = format!("no resource has the identifier {}", identifier.shown);
                let known: Vec<&str> = resources
                    .iter()
                    .map(|one| one.identifier.as_str())
                    .collect();
                let next = suggestion(&identifier.value, &known);
                reading.error(identifier.at, &identifier.key, cause, &next);
            }
            AccessTokensOf::Resource(identifier.value)
        }
        (None, Some(id)) => AccessTokensOf::Client(client_id(&id, reading)?),
        _ => {
            let cause = "says not whose access tokens";
            let next = "write either the resource they are for or the client they were issued to";
            reading.error(node.at, key, cause, next);
            return None;
        }
    };
    for scope in &scopes {
        if !resources
            .iter()
            .any(|one| one.scope(&scope.value).is_some())
        {
            let cause = format!("{} is a scope of no resource", scope.shown);
            let next = "list it at the resource it belongs to";
            reading.error(scope.at, &scope.key, cause, next);
        }
    }
    if requires_actor && actors.is_empty() {
        let cause = "nobody may be the actor it asks for";
        let next = "list under actors the clients whose tokens may say who acts";
        reading.error(node.at, &format!("{key}.requireActor"), cause, next);
    }
    let ids = actors.iter().filter_map(|id| client_id(id, reading));
    Some(ExchangeAccessTokens {
        which,
        actors: ids.collect(),
        scopes: scopes.into_iter().map(|scope| scope.value).collect(),
        requires_actor,
    })
}

fn client_id(id: &Spot<String>, reading: &mut Reading<'_>) -> Option<ClientId> {
    let read = ClientId::parse(&id.value).ok();
    if read.is_none() {
        let cause = format!("{} is no client_id", id.shown);
        reading.error(id.at, &id.key, cause, "write the id of a client");
    }
    read
}

fn connector(
    node: &Node,
    key: &str,
    connectors: &[ConnectorSpec],
    reading: &mut Reading<'_>,
) -> Option<ExchangeConnector> {
    let mut section = Section::open(node, key, reading);
    let id = section.text("id", reading);
    let condition = condition(&mut section, reading);
    let is_conditional = section.node("condition").is_some();
    section.finish(reading);
    let Some(id) = id.filter(|id| !id.value.is_empty()) else {
        let next = "write the id of a connector";
        reading.error(node.at, &format!("{key}.id"), "is missing", next);
        return None;
    };
    let Some(known) = connectors.iter().find(|one| one.id.as_str() == id.value) else {
        let cause = format!("no connector has the id {}", id.shown);
        let ids: Vec<&str> = connectors.iter().map(|one| one.id.as_str()).collect();
        reading.error(id.at, &id.key, cause, &suggestion(&id.value, &ids));
        return None;
    };
    if !known.serves(GrantType::TokenExchange) {
        let cause = format!("connector {} does not serve token exchange", id.shown);
        let next = "add it to grantTypes of the connector";
        reading.error(id.at, &id.key, cause, next);
    }
    if !is_conditional && signs_for_everybody(known) {
        let cause = format!("connector {} signs for everybody's jobs", id.shown);
        let next = "write a condition, such as claims.repository == \"owner/name\"";
        reading.error(id.at, &id.key, cause, next);
    }
    Some(ExchangeConnector {
        id: ConnectorId::parse(&id.value).ok()?,
        condition,
    })
}

fn signs_for_everybody(connector: &ConnectorSpec) -> bool {
    let settings = connector.config.as_object();
    let mut settings = settings.into_iter().flatten();
    let issuer = settings.find(|(name, _)| name.eq_ignore_ascii_case("issuer"));
    let issuer = issuer
        .and_then(|(_, value)| value.as_str())
        .unwrap_or_default();
    let issuer = issuer.trim_end_matches('/');
    ISSUERS_OF_EVERYBODY.contains(&issuer)
}

/// A condition, compiled.
fn condition(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Condition> {
    let text = section.text("condition", reading)?;
    match Condition::parse(&text.value) {
        Ok(condition) => Some(condition),
        Err(why) => {
            let next = "write an expression over claims that is true or false";
            reading.error(text.at, &text.key, why.to_string(), next);
            None
        }
    }
}

/// Reads `tokenExchange` of a connector.
pub(super) fn of_connector(
    connector: &mut Section<'_>,
    reading: &mut Reading<'_>,
) -> SubjectTokens {
    let mut section = connector.section("tokenExchange", reading);
    let audiences = section.texts("audiences", reading);
    let access_tokens = section.flag("accessTokens", reading).unwrap_or(false);
    section.finish(reading);
    SubjectTokens {
        audiences: audiences.into_iter().map(|spot| spot.value).collect(),
        access_tokens,
    }
}
