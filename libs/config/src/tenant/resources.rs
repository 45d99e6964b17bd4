use std::collections::BTreeMap;
use std::sync::Arc;

use insula_model::registration::{to_resource_identifier, to_resource_scope};
use insula_model::{Claim, Client, ClientId, Issuer, Resource, ResourceScope};

use crate::reading::{Reading, Spot};
use crate::section::{Section, suggestion};
use crate::tree::{Kind, Node};

/// Resources, with the names in them that should be clients'.
pub(super) struct Drafts {
    pub(super) resources: Vec<Resource>,
    identifiers: Vec<Spot<String>>,
    servers: Vec<Spot<String>>,
}

/// Reads `resources`, which dex's files do not have.
pub(super) fn read(
    top: &mut Section<'_>,
    issuer: Option<&Issuer>,
    reading: &mut Reading<'_>,
) -> Drafts {
    let mut drafts = Drafts {
        resources: Vec::new(),
        identifiers: Vec::new(),
        servers: Vec::new(),
    };
    if reading.lenient {
        return drafts;
    }
    for (node, key) in top.items("resources", reading) {
        one(node, &key, issuer, &mut drafts, reading);
    }
    drafts
}

fn one(
    node: &Node,
    key: &str,
    issuer: Option<&Issuer>,
    drafts: &mut Drafts,
    reading: &mut Reading<'_>,
) {
    let mut section = Section::open(node, key, reading);
    let identifier = section.text("identifier", reading);
    let name = section.text("name", reading);
    let scopes = section.items("scopes", reading);
    let scopes = scopes.into_iter();
    let scopes: Vec<_> = scopes
        .filter_map(|(node, key)| scope(node, &key, &drafts.resources, reading))
        .collect();
    let claims = section.texts("claims", reading);
    let claims = claims.iter().filter_map(|text| claim(text, reading));
    let claims = claims.collect();
    let servers = section.texts("servers", reading);
    let in_discovery = section.flag("inDiscovery", reading).unwrap_or(false);
    section.finish(reading);
    let Some(identifier) = identifier.filter(|text| !text.value.is_empty()) else {
        let key = format!("{key}.identifier");
        let next = "write the URI by which the API knows itself in aud";
        reading.error(node.at, &key, "is missing", next);
        return;
    };
    if let Some(objection) = to_resource_identifier(&identifier.value) {
        let cause = format!("{} {}", identifier.shown, objection.cause);
        reading.error(identifier.at, &identifier.key, cause, objection.next_step);
    }
    if issuer.is_some_and(|issuer| issuer.as_str() == identifier.value) {
        let cause = "is the issuer, which is the resource of its userinfo without being listed";
        reading.error(
            identifier.at,
            &identifier.key,
            cause,
            "give the API its own URI",
        );
    }
    let mut known = drafts.resources.iter();
    if known.any(|one| one.identifier == identifier.value) {
        let cause = format!("another resource has the identifier {}", identifier.shown);
        reading.error(
            identifier.at,
            &identifier.key,
            cause,
            "give this one its own",
        );
    }
    let called = name.map(|name| name.value).filter(|name| !name.is_empty());
    drafts.resources.push(Resource {
        name: called.unwrap_or_else(|| identifier.value.clone()),
        identifier: identifier.value.clone(),
        scopes,
        claims,
        servers: servers
            .iter()
            .filter_map(|id| ClientId::parse(&id.value).ok())
            .collect(),
        in_discovery,
    });
    drafts.identifiers.push(identifier);
    drafts.servers.extend(servers);
}

/// A scope: its word, or its word and what a person is told of it.
fn scope(
    node: &Node,
    key: &str,
    before: &[Resource],
    reading: &mut Reading<'_>,
) -> Option<ResourceScope> {
    let (word, description) = if let Kind::Map(_) = node.kind {
        let mut section = Section::open(node, key, reading);
        let word = section.text("name", reading);
        let description = section.text("description", reading);
        section.finish(reading);
        let Some(word) = word else {
            let key = format!("{key}.name");
            reading.error(node.at, &key, "is missing", "write the word of the scope");
            return None;
        };
        (word, description)
    } else {
        (reading.text(node, key)?, None)
    };
    if let Some(objection) = to_resource_scope(&word.value) {
        let cause = format!("{} {}", word.shown, objection.cause);
        reading.error(word.at, &word.key, cause, objection.next_step);
    }
    if let Some(owner) = before.iter().find(|one| one.scope(&word.value).is_some()) {
        let cause = format!(
            "{} is a scope of {:?} already",
            word.shown, owner.identifier
        );
        let next = "give each resource scopes of its own, so that a token says whose they are";
        reading.error(word.at, &word.key, cause, next);
    }
    Some(ResourceScope {
        name: word.value,
        description: description.map(|text| text.value),
    })
}

fn claim(text: &Spot<String>, reading: &mut Reading<'_>) -> Option<Claim> {
    let claim = Claim::parse(&text.value);
    if claim.is_none() {
        let cause = format!("{} is not a claim about a person", text.shown);
        let next = suggestion(&text.value, &Claim::ALL.map(Claim::name));
        reading.error(text.at, &text.key, cause, &next);
    }
    claim
}

impl Drafts {
    /// Checks the names of clients. A server may be a stored client, which is not known here.
    pub(super) fn finish(
        self,
        clients: &BTreeMap<ClientId, Arc<Client>>,
        reading: &mut Reading<'_>,
    ) -> Vec<Resource> {
        for identifier in &self.identifiers {
            if clients.contains_key(identifier.value.as_str()) {
                let cause = "is a client's id, and an access token for it would pass for a login";
                let next = "give the API a URI that is no client_id";
                reading.error(identifier.at, &identifier.key, cause, next);
            }
        }
        for server in &self.servers {
            if !clients.contains_key(server.value.as_str()) {
                let cause = format!("no client of this file has the id {}", server.shown);
                let next = "nothing is to be done if it is a stored client";
                reading.warn(server.at, &server.key, cause, next);
            }
        }
        self.resources
    }
}
