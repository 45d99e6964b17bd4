use insula_oauth::GrantType;

use super::{dexs, ours};

const API: &str = "resources: [{ identifier: 'https://api.test', scopes: [api:use] }]\n";

#[test]
fn resources_are_read_with_their_scopes_in_either_form() {
    let spec = ours(
        "resources:
  - identifier: https://orders.test
    name: Orders
    scopes: [{ name: orders:read, description: See your orders }, orders:write]
    claims: [groups, email]
    servers: [app]
    inDiscovery: true
  - identifier: urn:stock
staticClients:
  - { id: app, secret: s, redirectURIs: ['https://app.test/cb'], scopes: [openid, orders:read], resources: ['urn:stock'] }
",
    )
    .spec();
    let [orders, stock] = spec.resources.as_slice() else {
        panic!("{:?}", spec.resources)
    };
    assert_eq!(
        (orders.name.as_str(), stock.name.as_str()),
        ("Orders", "urn:stock")
    );
    let told = |word: &str| orders.scope(word).unwrap().description.clone();
    assert_eq!(told("orders:read").as_deref(), Some("See your orders"));
    assert_eq!(told("orders:write"), None);
    assert!(orders.in_discovery && !stock.in_discovery);
    assert_eq!(String::from(orders.claims), "email groups");
    let app = spec.client("app").unwrap();
    assert_eq!(app.scopes.as_deref().unwrap(), ["openid", "orders:read"]);
    assert_eq!(app.resources, ["urn:stock"]);
}

#[test]
fn what_a_resource_may_not_be_is_an_error_with_a_place() {
    for (written, cause) in [
        ("name: Api", "is missing"),
        ("identifier: api", "is not an absolute URI"),
        ("identifier: 'https://api.test/#x'", "a query or a fragment"),
        ("identifier: 'https://acme.test'", "is the issuer"),
        ("identifier: 'urn:a', scopes: [openid]", "about a person"),
        (
            "identifier: 'urn:a', scopes: ['a b']",
            "is not a word that a scope may be",
        ),
        (
            "identifier: 'urn:a', scopes: [{ description: d }]",
            "is missing",
        ),
        (
            "identifier: 'urn:a', claims: [grups]",
            "did you mean \"groups\"?",
        ),
        (
            "identifier: 'urn:b' }, { identifier: 'urn:b'",
            "another resource has",
        ),
        (
            "identifier: 'urn:a', scopes: [x] }, { identifier: 'urn:b', scopes: [x]",
            "is a scope of \"urn:a\" already",
        ),
    ] {
        let said = ours(&format!("resources: [{{ {written} }}]\n")).only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{written}: {said}"
        );
    }
    let named = "resources: [{ identifier: 'urn:app' }]
staticClients: [{ id: 'urn:app', secret: s, redirectURIs: ['https://app.test/cb'] }]\n";
    let said = ours(named).only();
    assert!(said.contains("is a client's id"), "{said}");
    let stored = ours("resources: [{ identifier: 'urn:a', servers: [api] }]\n").only();
    assert!(
        stored.starts_with("warning") && stored.contains("stored client"),
        "{stored}"
    );
}

#[test]
fn what_a_client_may_not_be_allowed_is_an_error_with_a_next_step() {
    for (written, cause) in [
        ("scopes: [api:us]", "did you mean \"api:use\"?"),
        (
            "scopes: ['audience:server:client_id:a']",
            "is granted by trustedPeers",
        ),
        (
            "resources: ['https://ap.test']",
            "did you mean \"https://api.test\"?",
        ),
        (
            "scopes: [api:use], grantTypes: [authorization_code, client_credentials]",
            "is not among the grants of oauth2.grantTypes",
        ),
    ] {
        let client = format!(
            "{API}staticClients: [{{ id: a, secret: s, redirectURIs: ['https://a.test/cb'], {written} }}]\n"
        );
        let said = ours(&client).only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{written}: {said}"
        );
    }
    let served = "oauth2: { grantTypes: [authorization_code, client_credentials] }\n";
    let machine = |fields: &str| {
        let grants = "grantTypes: [client_credentials]";
        ours(&format!(
            "{API}{served}staticClients: [{{ id: a, {grants}, {fields} }}]\n"
        ))
    };
    let said = machine("public: true, scopes: [api:use]").only();
    assert!(
        said.starts_with("error") && said.contains("can prove nothing"),
        "{said}"
    );
    let said = machine("secret: s").only();
    assert!(
        said.starts_with("warning") && said.contains("gives no token"),
        "{said}"
    );
    assert_eq!(machine("secret: s, scopes: [api:use]").said(), [""; 0]);
}

#[test]
fn a_dex_file_has_client_credentials_where_it_lists_the_grant_or_dexs_variable_says_so() {
    let has = |folder: super::Folder| {
        let grants = folder.load().spec.unwrap().oauth2.grant_types;
        grants.contains(&GrantType::ClientCredentials)
    };
    assert!(!has(dexs("")));
    assert!(has(dexs("oauth2: { grantTypes: [client_credentials] }\n")));
    let variable = "DEX_CLIENT_CREDENTIAL_GRANT_ENABLED_BY_DEFAULT";
    assert!(has(dexs("").env(variable, "true")));
    assert!(!has(dexs("").env(variable, "false")));
    let groups = dexs(
        "staticClients: [{ id: ci, name: CI, secret: s, clientCredentialsClaims: { groups: [a, b] } }]\n",
    );
    assert_eq!(groups.spec().client("ci").unwrap().own_groups, ["a", "b"]);
}
