use std::collections::BTreeMap;
use std::time::Duration;

use insula_model::{ClockSkew, ConnectorId, ConnectorSpec, SubjectTokens, address, email_domain};
use insula_oauth::GrantType;
use serde_json::Value;

use super::expand::{expanded, json};
use super::{included, issuer, keytabs, oauth2, token_exchange};
use crate::LoadOptions;
use crate::defaults::{CLOCK_SKEW, LARGEST_CLOCK_SKEW, MINUTE, UPSTREAM_TIMEOUT};
use crate::reading::{Reading, Spot, quote};
use crate::section::{Section, suggestion};
use crate::tree::{Kind, Node, Position};

/// The types a dex file may name.
const KINDS_OF_DEX: [&str; 18] = [
    "atlassian-crowd",
    "authproxy",
    "bitbucket-cloud",
    "gitea",
    "github",
    "gitlab",
    "google",
    "keystone",
    "ldap",
    "linkedin",
    "microsoft",
    "mockCallback",
    "mockPassword",
    "oauth",
    "oidc",
    "openshift",
    "saml",
    "samlExperimental",
];

/// Reads `connectors`; the password DB stands last among them, as dex has it.
pub(super) fn read(
    top: &mut Section<'_>,
    password_db: bool,
    options: &LoadOptions<'_>,
    reading: &mut Reading<'_>,
) -> Vec<ConnectorSpec> {
    let mut connectors: Vec<ConnectorSpec> = Vec::new();
    let items = top.items("connectors", reading);
    let none_are_written = items.is_empty();
    for (node, key) in items {
        let Some(connector) = connector(node, &key, options, reading) else {
            continue;
        };
        if connectors.iter().any(|c| c.id == connector.id) {
            let cause = format!("another connector has the id {:?}", connector.id.as_str());
            let next = "ids are part of every sub; give this one its own";
            reading.error(node.at, &format!("{key}.id"), cause, next);
            continue;
        }
        if password_db && connector.id.as_str() == "local" {
            let cause = "\"local\" is the id of the password DB";
            let next = "give this connector another id, or write enablePasswordDB: false";
            reading.error(node.at, &format!("{key}.id"), cause, next);
            continue;
        }
        owned_twice(node, &key, &connector, &connectors, reading);
        connectors.push(connector);
    }
    if reading.lenient && !password_db && is_nobody_let_in(&connectors, options) {
        let all = connectors.len();
        let cause = format!("server: failed to open all connectors ({all}/{all})");
        let next = "this version has none of their types, so nobody could log in";
        reading.error(top.at(), "connectors", cause, next);
    }
    if password_db {
        connectors.extend(local());
    } else if none_are_written {
        let dex = "server: no connectors specified";
        let ours = "there are none, so nobody could log in";
        let next = "add one, or write enablePasswordDB: true";
        reading.refuse(top.at(), "connectors", dex, ours, next);
    }
    connectors
}

fn local() -> Option<ConnectorSpec> {
    Some(ConnectorSpec {
        id: ConnectorId::parse("local").ok()?,
        kind: "local".to_owned(),
        name: "Email".to_owned(),
        config: Value::Object(serde_json::Map::new()),
        grant_types: Vec::new(),
        domains: Vec::new(),
        domains_only: true,
        timeout: UPSTREAM_TIMEOUT,
        clock_skew: ClockSkew::of(CLOCK_SKEW),
        acr_mapping: BTreeMap::new(),
        subject_tokens: SubjectTokens::default(),
    })
}

fn connector(
    node: &Node,
    key: &str,
    options: &LoadOptions<'_>,
    reading: &mut Reading<'_>,
) -> Option<ConnectorSpec> {
    let mut section = Section::open(node, key, reading);
    let kind = section.text("type", reading);
    let id = section.text("id", reading);
    let name = section.text("name", reading);
    let config_key = section.key("config");
    let config = section.node("config").map(|config| {
        let mut config = expanded(config, &config_key, reading);
        if let Some(kind) = &kind {
            included::replace_paths(&mut config, &config_key, &kind.value, options, reading);
            keytabs::included(&mut config, &config_key, &kind.value, options, reading);
        }
        addresses(&config, &config_key, reading);
        json(&config, reading.lenient)
    });
    let grants = section.texts("grantTypes", reading);
    let (domains, timeout, clock_skew) = if reading.lenient {
        (Vec::new(), UPSTREAM_TIMEOUT, ClockSkew::of_dex())
    } else {
        (
            domains(&mut section, reading),
            timeout(&mut section, reading),
            clock_skew(&mut section, reading),
        )
    };
    let domains_only = !reading.lenient && domains_only(&mut section, &domains, reading);
    let acr_mapping = if reading.lenient {
        BTreeMap::new()
    } else {
        acr_mapping(&mut section, reading)
    };
    let subject_tokens = if reading.lenient {
        SubjectTokens::default()
    } else {
        token_exchange::of_connector(&mut section, reading)
    };
    section.finish(reading);

    let is_whole = [&kind, &id, &name]
        .iter()
        .all(|text| text.as_ref().is_some_and(|text| !text.value.is_empty()));
    if reading.lenient && !is_whole {
        let cause = "invalid config: ID, Type and Name fields are required for a connector";
        reading.error(node.at, key, cause, "");
        return None;
    }
    let name = name.or_else(|| id.clone()).map(|name| name.value);
    let kind = required(kind, node, key, "type", "such as oidc", reading);
    let kind = kind.filter(|kind| is_known(kind, options.kinds, reading));
    let id = required(id, node, key, "id", "it becomes part of every sub", reading);
    let id = id.and_then(|id| checked_id(&id, reading));
    let shown_id = id.as_ref().map_or("", ConnectorId::as_str);
    let grant_types = grant_types(&grants, shown_id, reading);
    Some(ConnectorSpec {
        id: id?,
        kind: kind?.value,
        name: name?,
        config: config.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        grant_types,
        domains,
        domains_only,
        timeout,
        clock_skew,
        acr_mapping,
        subject_tokens,
    })
}

/// A connector's settings are its own, but the names of those that hold an address say so.
fn addresses(node: &Node, key: &str, reading: &mut Reading<'_>) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                addresses(&entry.value, &format!("{key}.{}", entry.key), reading);
            }
        }
        Kind::Seq(items) => {
            for (index, item) in items.iter().enumerate() {
                addresses(item, &format!("{key}[{index}]"), reading);
            }
        }
        Kind::Scalar { text, .. } => {
            let name = key.rsplit('.').next().unwrap_or(key).to_ascii_lowercase();
            let name = name.split('[').next().unwrap_or_default();
            let holds_one = [
                "url",
                "urls",
                "uri",
                "uris",
                "issuer",
                "issueralias",
                "host",
                "hosts",
            ];
            if holds_one.iter().any(|word| name.ends_with(word))
                && let Some(oddity) = address::oddity(text)
            {
                // dex serves without a connector that cannot be opened.
                let cause = format!("{} {oddity}", quote(text));
                reading.object(node.at, key, cause, address::NEXT_STEP);
            }
        }
    }
}

fn required(
    text: Option<Spot<String>>,
    node: &Node,
    key: &str,
    word: &str,
    next: &str,
    reading: &mut Reading<'_>,
) -> Option<Spot<String>> {
    let text = text.filter(|text| !text.value.is_empty());
    if text.is_none() {
        let next = format!("write one, {next}");
        reading.error(node.at, &format!("{key}.{word}"), "is missing", &next);
    }
    text
}

/// Whether there are connectors, and this version can open none of them.
fn is_nobody_let_in(connectors: &[ConnectorSpec], options: &LoadOptions<'_>) -> bool {
    let is_built =
        |one: &ConnectorSpec| options.kinds.is_none_or(|k| k.contains(&one.kind.as_str()));
    !connectors.is_empty() && !connectors.iter().any(is_built)
}

/// Whether a connector of this kind is taken. A dex file keeps one of dex's kinds that this version
/// has not: it is told and marked unavailable, as dex goes on without a connector that does not
/// open, unless the flag for that is off.
fn is_known(kind: &Spot<String>, kinds: Option<&[&str]>, reading: &mut Reading<'_>) -> bool {
    let Some(kinds) = kinds else {
        return true;
    };
    let is_known = kinds.contains(&kind.value.as_str()) && kind.value != "local";
    if reading.lenient && !is_known && KINDS_OF_DEX.contains(&kind.value.as_str()) {
        let cause = format!("{} is not a connector this version has", kind.shown);
        let next = "people cannot log in through it; remove it, or let them in another way";
        let goes_on = reading.env_flag("DEX_CONTINUE_ON_CONNECTOR_FAILURE", true);
        if goes_on {
            reading.warn(kind.at, &kind.key, cause, next);
        } else {
            reading.error(kind.at, &kind.key, cause, next);
        }
        return true;
    }
    if !is_known {
        let offered: Vec<_> = kinds.iter().copied().filter(|k| *k != "local").collect();
        let dex = format!("unknown connector type {}", kind.shown);
        let ours = format!("{} is not a connector this version has", kind.shown);
        let next = suggestion(&kind.value, &offered);
        reading.refuse(kind.at, &kind.key, &dex, &ours, &next);
    }
    is_known
}

fn checked_id(id: &Spot<String>, reading: &mut Reading<'_>) -> Option<ConnectorId> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if !reading.lenient && !id.value.bytes().all(is_plain) {
        let cause = format!("{} does not fit into a URL", id.shown);
        reading.error(id.at, &id.key, cause, "use letters, digits, -, _ and .");
        return None;
    }
    ConnectorId::parse(&id.value)
        .map_err(|error| reading.error(id.at, &id.key, error.to_string(), ""))
        .ok()
}

fn grant_types(grants: &[Spot<String>], id: &str, reading: &mut Reading<'_>) -> Vec<GrantType> {
    if !reading.lenient {
        let read = grants
            .iter()
            .filter_map(|text| oauth2::grant(text, reading));
        return read.collect();
    }
    let mut read = Vec::new();
    for text in grants {
        if let Some(grant) = GrantType::parse(&text.value) {
            read.push(grant);
        } else {
            let cause = format!(
                "invalid config: unknown grant type {} for connector {id:?}",
                text.shown
            );
            reading.error(text.at, &text.key, cause, "");
        }
    }
    read
}

fn domains(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    let mut domains = Vec::new();
    for domain in section.texts("domains", reading) {
        let lower = domain.value.trim_start_matches('@').to_lowercase();
        // What is written is compared with what people type, in the form that addresses have.
        let known = email_domain(&format!("somebody@{lower}"));
        let is_one = |known: &String| !lower.contains('@') && issuer::is_host(known);
        if let Some(known) = known.filter(is_one) {
            if domains.contains(&known) {
                let cause = format!("{} is written twice", domain.shown);
                reading.error(domain.at, &domain.key, cause, "remove one of them");
            }
            domains.push(known);
        } else {
            let cause = format!("{} is not a mail domain", domain.shown);
            reading.error(
                domain.at,
                &domain.key,
                cause,
                "write what follows @, such as acme.example",
            );
        }
    }
    domains
}

/// A mail domain leads to one connector.
fn owned_twice(
    node: &Node,
    key: &str,
    connector: &ConnectorSpec,
    others: &[ConnectorSpec],
    reading: &mut Reading<'_>,
) {
    for (index, domain) in connector.domains.iter().enumerate() {
        let Some(owner) = others.iter().find(|other| other.owns_domain(domain)) else {
            continue;
        };
        let cause = format!(
            "people of {domain} are sent to the connector {:?} already",
            owner.id.as_str()
        );
        let next = "a mail domain leads to one connector; remove it from one of them";
        let at = domain_at(node, index).unwrap_or(node.at);
        reading.error(at, &format!("{key}.domains[{index}]"), cause, next);
    }
}

fn domain_at(connector: &Node, index: usize) -> Option<Position> {
    let Kind::Map(entries) = &connector.kind else {
        return None;
    };
    let written = entries.iter().rev();
    let mut written = written.filter(|entry| entry.key.eq_ignore_ascii_case("domains"));
    let domains = &written.next()?.value;
    match &domains.kind {
        Kind::Seq(items) => items.get(index).map(|item| item.at),
        _ => Some(domains.at),
    }
}

/// Whether people whose mail address is of another domain are kept out.
fn domains_only(section: &mut Section<'_>, domains: &[String], reading: &mut Reading<'_>) -> bool {
    let Some(node) = section.node("domainsOnly") else {
        return true;
    };
    let key = section.key("domainsOnly");
    if domains.is_empty() {
        let cause = "is about domains, and this connector has none";
        reading.error(
            node.at,
            &key,
            cause,
            "write domains beside it, or remove it",
        );
    }
    section.flag("domainsOnly", reading).unwrap_or(true)
}

fn timeout(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Duration {
    let Some(span) = section.duration("timeout", reading) else {
        return UPSTREAM_TIMEOUT;
    };
    if span.value.is_zero() || span.value > MINUTE {
        let cause = format!("{} is not between 1ms and 1m", span.shown);
        let next = "a person waits meanwhile; 5s to 10s is usual";
        reading.error(span.at, &span.key, cause, next);
        return UPSTREAM_TIMEOUT;
    }
    span.value
}

fn clock_skew(section: &mut Section<'_>, reading: &mut Reading<'_>) -> ClockSkew {
    let Some(span) = section.duration("clockSkew", reading) else {
        return ClockSkew::of(CLOCK_SKEW);
    };
    if span.value > LARGEST_CLOCK_SKEW {
        let cause = format!("{} is more than 5m", span.shown);
        let next = "set the clocks right; what an upstream signs would be believed too long";
        reading.error(span.at, &span.key, cause, next);
    }
    ClockSkew::of(span.value)
}

/// The upstream's `acr` values that count here, and as what.
fn acr_mapping(section: &mut Section<'_>, reading: &mut Reading<'_>) -> BTreeMap<String, String> {
    let key = section.key("acrMapping");
    let mut mapping = BTreeMap::new();
    let Some(node) = section.node("acrMapping") else {
        return mapping;
    };
    let Kind::Map(entries) = &node.kind else {
        let cause = format!("is {} where a mapping belongs", node.noun());
        let next = "write the upstream's value: the value for apps";
        reading.error(node.at, &key, cause, next);
        return mapping;
    };
    for entry in entries {
        let key = format!("{key}.{}", entry.key);
        if entry.value.is_null() {
            let cause = "has no value for apps";
            reading.error(entry.at, &key, cause, "write the acr that tokens carry");
        }
        let Some(ours) = reading.text(&entry.value, &key) else {
            continue;
        };
        if is_name_of_a_context(&entry.key) && is_name_of_a_context(&ours.value) {
            mapping.insert(entry.key.clone(), ours.value);
        } else {
            let cause = "holds a name that is empty, longer than 255 bytes or has blanks in it";
            let next = "acr values are URIs or single words";
            reading.error(entry.at, &key, cause, next);
        }
    }
    mapping
}

/// `acr_values` are parted by blanks, so that none can hold one.
fn is_name_of_a_context(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    (1..=255).contains(&text.len()) && !text.contains(is_odd)
}
