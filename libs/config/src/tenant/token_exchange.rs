//! Whose tokens may be exchanged: of a client, and of an upstream.

use insula_condition::Condition;
use insula_model::{ConnectorId, ConnectorSpec, ExchangeConnector, SubjectTokens, TokenExchange};
use insula_oauth::GrantType;

use crate::reading::Reading;
use crate::section::{Section, suggestion};
use crate::tree::Node;

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
    connectors: &[ConnectorSpec],
    reading: &mut Reading<'_>,
) -> Option<TokenExchange> {
    client.node("tokenExchange")?;
    let mut section = client.section("tokenExchange", reading);
    let (at, key) = (section.at(), client.key("tokenExchange"));
    let items = section.items("connectors", reading);
    let read = items
        .into_iter()
        .filter_map(|(node, key)| connector(node, &key, connectors, reading));
    let policy = TokenExchange {
        connectors: read.collect(),
    };
    section.finish(reading);
    if policy.connectors.is_empty() {
        let cause = "names no tokens that may be exchanged";
        reading.error(at, &key, cause, "list connectors");
    }
    Some(policy)
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
