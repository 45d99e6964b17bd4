mod logout;

use std::collections::BTreeMap;
use std::sync::Arc;

use insula_model::registration::{
    to_algorithm, to_grants, to_no_redirect_uri, to_redirect_uri, to_secrets,
};
use insula_model::{
    Alg, Client, ClientId, ClientSecret, ConnectorId, ConnectorSpec, Dialect, IntrospectionScope,
    Resource, Rules, SignerPolicy,
};
use insula_oauth::{GrantType, Scope};

use super::{oauth2, request_objects, token_exchange};
use crate::SecretRef;
use crate::defaults::Defaults;
use crate::reading::{Reading, Spot};
use crate::section::{Section, suggestion};
use crate::tree::Node;

/// A client with the names in it that must be somebody's.
struct Draft {
    client: Client,
    peers: Vec<Spot<String>>,
    connectors: Vec<Spot<String>>,
    sharers: Vec<Spot<String>>,
}

/// What clients may name.
pub(super) struct Known<'a> {
    pub(super) connectors: &'a [ConnectorSpec],
    pub(super) resources: &'a [Resource],
    /// The grants that the tenant serves.
    pub(super) grant_types: &'a [GrantType],
    pub(super) signer: &'a SignerPolicy,
}

/// Reads `staticClients`.
pub(super) fn read(
    top: &mut Section<'_>,
    known: &Known<'_>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> BTreeMap<ClientId, Arc<Client>> {
    let mut drafts: Vec<Draft> = Vec::new();
    for (node, key) in top.items("staticClients", reading) {
        let Some(draft) = draft(node, &key, known, defaults, reading) else {
            continue;
        };
        if drafts.iter().any(|d| d.client.id == draft.client.id) {
            let cause = format!("another client has the id {:?}", draft.client.id.as_str());
            reading.error(
                node.at,
                &format!("{key}.id"),
                cause,
                "give this one its own",
            );
            continue;
        }
        drafts.push(draft);
    }
    let clients: Vec<String> = drafts
        .iter()
        .map(|d| d.client.id.as_str().to_owned())
        .collect();
    let clients: Vec<&str> = clients.iter().map(String::as_str).collect();
    let connectors: Vec<&str> = known.connectors.iter().map(|c| c.id.as_str()).collect();
    let finished = drafts.into_iter().map(|mut draft| {
        must_exist(&draft.peers, &clients, "client", reading);
        must_exist(&draft.connectors, &connectors, "connector", reading);
        draft.sharers.retain(|sharer| sharer.value != "*");
        must_exist(&draft.sharers, &clients, "client", reading);
        (draft.client.id.clone(), Arc::new(draft.client))
    });
    finished.collect()
}

fn must_exist(names: &[Spot<String>], known: &[&str], noun: &str, reading: &mut Reading<'_>) {
    for name in names {
        if !known.contains(&name.value.as_str()) {
            let cause = format!("no {noun} has the id {}", name.shown);
            let next = suggestion(&name.value, known);
            reading.object(name.at, &name.key, cause, &next);
        }
    }
}

fn draft(
    node: &Node,
    key: &str,
    known: &Known<'_>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> Option<Draft> {
    let mut section = Section::open(node, key, reading);
    let id = client_id(&mut section, reading);
    let public = section.flag("public", reading).unwrap_or(false);
    let name = name(&mut section, id.as_ref(), reading);
    let shown = id.as_ref().map_or("", ClientId::as_str);
    let secrets = secrets(&mut section, shown, public, reading);
    let redirect_uris = section.texts("redirectURIs", reading);
    let post_logout = section.texts("postLogoutRedirectURIs", reading);
    let peers = section.texts("trustedPeers", reading);
    let connectors = section.texts("allowedConnectors", reading);
    let logo = section.text("logoURL", reading);
    let shares = section.node("ssoSharedWith").is_some();
    let sharers = section.texts("ssoSharedWith", reading);
    let logout = logout::read(&mut section, public, reading);
    let (grants, skip_approval, require_pkce) = if reading.lenient {
        (Vec::new(), false, false)
    } else {
        (
            section.texts("grantTypes", reading),
            section.flag("skipApprovalScreen", reading).unwrap_or(false),
            section.flag("requirePKCE", reading).unwrap_or(false),
        )
    };
    let [id_token_alg, access_token_alg] =
        algorithms(&mut section, known.signer, defaults, reading);
    let (scopes, resources) = access(&mut section, known, reading);
    let own_groups = own_groups(&mut section, reading);
    let exchange = if reading.lenient {
        None
    } else {
        token_exchange::of_client(&mut section, (id.as_ref(), public), known, reading)
    };
    let introspection = introspection(&mut section, public, defaults.dialect, reading);
    let request_objects = request_objects::read(&mut section, defaults.dialect, reading);
    not_served(&mut section, reading);
    section.finish(reading);
    logout.object(&redirect_uris, defaults.dialect, reading);

    for text in &grants {
        must_be_of_use(
            text,
            public,
            (scopes.as_deref(), &resources),
            known,
            reading,
        );
    }
    let grant_types: Vec<GrantType> = grants
        .iter()
        .filter_map(|text| oauth2::grant(text, reading))
        .filter(|grant| grant.is_served())
        .collect();
    let mut odd = Vec::new();
    for uri in redirect_uris.iter().chain(&post_logout).chain(&logo) {
        if reading.object_to_odd_address(uri) {
            odd.push(uri.key.clone());
        }
    }
    if let Some(logo) = &logo
        && !odd.contains(&logo.key)
    {
        let cause = "has no effect: pages show a client's name and load nothing from elsewhere";
        reading.warn(logo.at, &logo.key, cause, "remove it for now");
    }
    let missing = to_no_redirect_uri(&redirect_uris, &grant_types, &Rules::of(defaults.dialect));
    if let Some(objection) = missing {
        let key = format!("{key}.redirectURIs");
        reading.error(node.at, &key, objection.cause, objection.next_step);
    }
    if defaults.dialect == Dialect::Standard {
        for uri in redirect_uris.iter().chain(&post_logout) {
            if !odd.contains(&uri.key)
                && let Some(objection) = to_redirect_uri(&uri.value)
            {
                let cause = format!("{} {}", uri.shown, objection.cause);
                reading.error(uri.at, &uri.key, cause, objection.next_step);
            }
        }
    }
    let client = Client {
        id: id?,
        name,
        secrets,
        public,
        redirect_uris: values(&redirect_uris),
        post_logout_redirect_uris: values(&post_logout),
        trusted_peers: ids(&peers, |text| ClientId::parse(text).ok()),
        allowed_connectors: ids(&connectors, |text| ConnectorId::parse(text).ok()),
        grant_types,
        skip_approval,
        require_pkce,
        sso_shared_with: shares.then(|| values(&sharers)),
        id_token_signed_response_alg: id_token_alg,
        access_token_signed_response_alg: access_token_alg,
        logout: logout.client,
        scopes,
        resources,
        own_groups,
        token_exchange: exchange.map(Box::new),
        introspection,
        request_objects,
    };
    Some(Draft {
        client,
        peers,
        connectors,
        sharers,
    })
}

/// `idTokenSignedResponseAlg` and `accessTokenSignedResponseAlg`.
fn algorithms(
    section: &mut Section<'_>,
    signer: &SignerPolicy,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> [Option<Alg>; 2] {
    if reading.lenient {
        return [None, None];
    }
    let [id_token, access_token] = ["idTokenSignedResponseAlg", "accessTokenSignedResponseAlg"]
        .map(|key| {
            let asked = section.text(key, reading)?;
            let known = signer.algorithms.iter();
            let mut known = known.filter(|known| known.eq_ignore_ascii_case(&asked.value));
            let alg = known.next().and_then(|known| known.parse().ok());
            if alg.is_none()
                && let Some(objection) = to_algorithm(&asked.value, &signer.algorithms)
            {
                let cause = format!("{} {}", asked.shown, objection.cause);
                reading.error(asked.at, &asked.key, cause, objection.next_step);
            }
            Some((asked, alg))
        });
    if defaults.dialect == Dialect::Dex
        && let Some((asked, _)) = &access_token
    {
        let cause = "has no effect: access tokens of profile dex are signed like ID tokens";
        reading.warn(asked.at, &asked.key, cause, "remove it");
    }
    [id_token, access_token].map(|asked| asked.and_then(|(_, alg)| alg))
}

/// `scopes` and `resources`, which dex's files do not have.
fn access(
    section: &mut Section<'_>,
    known: &Known<'_>,
    reading: &mut Reading<'_>,
) -> (Option<Vec<String>>, Vec<String>) {
    if reading.lenient {
        return (None, Vec::new());
    }
    let has_list = section.node("scopes").is_some();
    let scopes = section.texts("scopes", reading);
    for scope in &scopes {
        let cause = match Scope::parse(&scope.value) {
            Scope::Audience(_) => "is granted by trustedPeers of the other client",
            Scope::Unknown(word) if !known.resources.iter().any(|r| r.scope(word).is_some()) => {
                "is neither about a person nor a scope of one of the resources"
            }
            _ => continue,
        };
        let words = known.resources.iter().flat_map(|resource| &resource.scopes);
        let words: Vec<&str> = words.map(|scope| scope.name.as_str()).collect();
        let next = suggestion(&scope.value, &words);
        reading.error(
            scope.at,
            &scope.key,
            format!("{} {cause}", scope.shown),
            &next,
        );
    }
    let resources = section.texts("resources", reading);
    let identifiers: Vec<&str> = known
        .resources
        .iter()
        .map(|r| r.identifier.as_str())
        .collect();
    for resource in &resources {
        if !identifiers.contains(&resource.value.as_str()) {
            let cause = format!("no resource has the identifier {}", resource.shown);
            let next = suggestion(&resource.value, &identifiers);
            reading.error(resource.at, &resource.key, cause, &next);
        }
    }
    (has_list.then(|| values(&scopes)), values(&resources))
}

/// `clientCredentialsClaims`: what tokens that are about the client itself say of it.
fn own_groups(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    let mut claims = section.section("clientCredentialsClaims", reading);
    let groups = claims.texts("groups", reading);
    claims.finish(reading);
    values(&groups)
}

/// Tells of `client_credentials` where it could give nothing.
fn must_be_of_use(
    text: &Spot<String>,
    public: bool,
    (scopes, resources): (Option<&[String]>, &[String]),
    known: &Known<'_>,
    reading: &mut Reading<'_>,
) {
    let grant = GrantType::ClientCredentials;
    if text.value != grant.as_str() {
        return;
    }
    if let Some(objection) = to_grants(&[grant], public, &Rules::STANDARD) {
        reading.error(text.at, &text.key, objection.cause, objection.next_step);
    }
    if !known.grant_types.contains(&grant) {
        let cause = format!(
            "{} is not among the grants of oauth2.grantTypes",
            text.shown
        );
        reading.error(text.at, &text.key, cause, "list it there too");
    }
    let is_of_resource = |word: &String| known.resources.iter().any(|r| r.scope(word).is_some());
    let has_scope = scopes.unwrap_or_default().iter().any(is_of_resource);
    if resources.is_empty() && !has_scope {
        let cause = "gives no token: the client is allowed no resource and no scope of one";
        let next = "list them in scopes or resources of the client";
        reading.warn(text.at, &text.key, cause, next);
    }
}

/// The texts alone, in a list of their own: the one they were read into has room for where each stood.
fn values(spots: &[Spot<String>]) -> Vec<String> {
    spots.iter().map(|spot| spot.value.clone()).collect()
}

fn ids<T>(names: &[Spot<String>], parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
    names.iter().filter_map(|name| parse(&name.value)).collect()
}

/// `id`, or `idEnv` which names a variable.
fn client_id(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<ClientId> {
    let written = section
        .text("id", reading)
        .filter(|id| !id.value.is_empty());
    let variable = section
        .text("idEnv", reading)
        .filter(|name| !name.value.is_empty());
    let id = match (written, variable) {
        (Some(id), Some(_)) => {
            let dex = format!(
                "invalid config: ID and IDEnv fields are exclusive for client {}",
                id.shown
            );
            let ours = "stands beside idEnv";
            reading.refuse(id.at, &id.key, &dex, ours, "keep one of the two keys");
            id
        }
        (Some(id), None) => id,
        (None, Some(name)) => {
            let reference = SecretRef::Env(name.value.clone());
            let secret = reading.resolve(&reference, name.at, &name.key)?;
            name.map(|_| secret.reveal().to_owned())
        }
        (None, None) => {
            let dex = "invalid config: ID or IDEnv field is required for a client";
            let key = section.key("id");
            reading.refuse(section.at(), &key, dex, "is missing", "write the client_id");
            return None;
        }
    };
    ClientId::parse(&id.value)
        .map_err(|error| reading.error(id.at, &id.key, error.to_string(), ""))
        .ok()
}

/// `introspection`, which dex's files do not have: there, everybody may ask about every token.
fn introspection(
    section: &mut Section<'_>,
    public: bool,
    dialect: Dialect,
    reading: &mut Reading<'_>,
) -> IntrospectionScope {
    if reading.lenient {
        return IntrospectionScope::default();
    }
    let Some(text) = section.text("introspection", reading) else {
        return IntrospectionScope::default();
    };
    if dialect == Dialect::Dex {
        let cause = "has no effect with profile: dex, where everybody may ask";
        reading.error(text.at, &text.key, cause, "remove it");
    } else if public {
        let cause = "has no effect: a public client proves nothing and may not ask";
        reading.error(text.at, &text.key, cause, "remove it, or give it a secret");
    }
    IntrospectionScope::parse(&text.value).unwrap_or_else(|| {
        let cause = format!("{} is not a set of tokens", text.shown);
        let next = suggestion(
            &text.value,
            &IntrospectionScope::ALL.map(IntrospectionScope::as_str),
        );
        reading.error(text.at, &text.key, cause, &next);
        IntrospectionScope::default()
    })
}

/// What people are shown; dex insists on it, ours falls back to the id.
fn name(section: &mut Section<'_>, id: Option<&ClientId>, reading: &mut Reading<'_>) -> String {
    let written = section
        .text("name", reading)
        .filter(|name| !name.value.is_empty());
    if let Some(name) = written {
        return name.value;
    }
    if reading.lenient {
        let cause = "invalid config: Name field is required for a client";
        let key = section.key("name");
        reading.error(section.at(), &key, cause, "write what people are shown");
    }
    id.map(|id| id.as_str().to_owned()).unwrap_or_default()
}

/// `secret`, `secretEnv` which names a variable, or in our files `secrets` while one is replaced.
fn secrets(
    section: &mut Section<'_>,
    id: &str,
    public: bool,
    reading: &mut Reading<'_>,
) -> Vec<ClientSecret> {
    let at = section.at();
    let key = section.key("secret");
    let is_written = section
        .node("secret")
        .is_some_and(|node| !node.is_empty_text());
    let written = section.secret("secret", reading);
    let variable = section
        .text("secretEnv", reading)
        .filter(|name| !name.value.is_empty());
    let more = if reading.lenient {
        Vec::new()
    } else {
        section.items("secrets", reading)
    };
    if written.is_some() && variable.is_some() {
        let dex =
            format!("invalid config: Secret and SecretEnv fields are exclusive for client {id:?}");
        reading.refuse(
            at,
            &key,
            &dex,
            "stands beside secretEnv",
            "keep one of the two keys",
        );
    }
    let has_any = is_written || variable.is_some() || !more.is_empty();
    let rules = if reading.lenient {
        Rules::DEX
    } else {
        Rules::STANDARD
    };
    if let Some(objection) = to_secrets(has_any, public, &rules) {
        if has_any {
            reading.error(at, &key, objection.cause, objection.next_step);
        } else {
            let dex =
                format!("invalid config: Secret or SecretEnv field is required for client {id:?}");
            let next = "write { env: NAME } or { file: PATH }, or public: true for an app that can keep none";
            reading.refuse(at, &key, &dex, objection.cause, next);
        }
    }
    let mut secrets = Vec::new();
    secrets.extend(written.map(|secret| secret.value));
    if let Some(name) = variable {
        let reference = SecretRef::Env(name.value);
        secrets.extend(reading.resolve_secret(&reference, name.at, &name.key));
    }
    for (node, key) in more {
        secrets.extend(reading.secret(node, &key).map(|secret| secret.value));
    }
    let secrets = secrets
        .iter()
        .map(|secret| ClientSecret::new(secret.reveal()));
    secrets.collect()
}

/// dex's words whose meaning is not built: told, and never passed over where they guard a login.
fn not_served(section: &mut Section<'_>, reading: &mut Reading<'_>) {
    let guarded = section.items("mfaChain", reading);
    if let Some((first, _)) = guarded.first() {
        let cause = "a second factor is not served by this version";
        let next = "remove the key only if one factor is enough";
        reading.error(first.at, &section.key("mfaChain"), cause, next);
    }
}
