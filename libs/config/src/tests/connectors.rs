use std::time::Duration;

use insula_model::ClockSkew;
use serde_json::json;

use super::{Folder, dexs, ours};

#[test]
fn the_password_db_is_the_connector_local_and_stands_last() {
    let spec = ours("connectors: [{ type: mockCallback, id: mock, name: Mock }]\n").spec();
    let ids: Vec<_> = spec.connectors.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["mock", "local"]);
    let local = spec.connector("local").unwrap();
    assert_eq!(
        (local.kind.as_str(), local.name.as_str()),
        ("local", "Email")
    );
}

#[test]
fn a_tenant_nobody_could_log_in_to_is_refused() {
    let issuer = "issuer: https://acme.test\n";
    let said = Folder::native(issuer).only();
    assert!(
        said.contains("connectors: there are none, so nobody could log in"),
        "{said}"
    );
    let said = Folder::dex(issuer).only();
    assert!(said.contains("server: no connectors specified"), "{said}");
}

#[test]
fn config_reaches_the_connector_as_it_is_with_variables_replaced() {
    let spec = ours(
        "connectors:
  - type: oidc
    id: workforce
    name: Workforce
    timeout: 5s
    config:
      clientID: id-$PLACE
      clientSecret: { env: SECRET }
      issuer: https://idp.test
      scopes: [profile, '${PLACE}']
      getUserInfo: true
      userIDKey: '007'
      price: 5$$
",
    )
    .env("PLACE", "here")
    .env("SECRET", "$not again")
    .spec();
    let workforce = spec.connector("workforce").unwrap();
    assert_eq!(
        workforce.config,
        json!({
            "clientID": "id-here",
            "clientSecret": "$not again",
            "issuer": "https://idp.test",
            "scopes": ["profile", "here"],
            "getUserInfo": true,
            "userIDKey": "007",
            "price": "5$",
        })
    );
    assert_eq!(workforce.timeout, Duration::from_secs(5));
}

#[test]
fn a_variable_that_is_not_set_is_an_error_in_ours_and_empty_in_dexs() {
    let text = "connectors: [{ type: oidc, id: o, name: O, config: { clientSecret: $NOPE } }]\n";
    let said = ours(text).only();
    assert!(said.starts_with("error tenant.yaml:3:"), "{said}");
    assert!(said.contains("connectors[0].config.clientSecret: refers to $NOPE, which is not set"));

    let dex = dexs(text);
    assert!(dex.only().starts_with("warning"));
    let config = &dex.load().spec.unwrap().connectors[0].config;
    assert_eq!(config, &json!({ "clientSecret": "" }));
}

#[test]
fn dex_expand_env_false_leaves_dollars_alone() {
    let text = "connectors: [{ type: oidc, id: o, name: O, config: { clientSecret: pa$word } }]\n";
    let spec = dexs(text).env("DEX_EXPAND_ENV", "false").spec();
    assert_eq!(
        spec.connectors[0].config,
        json!({ "clientSecret": "pa$word" })
    );
}

#[test]
fn a_secret_of_a_connector_may_be_named_by_env_and_file_in_ours_only() {
    let text = "connectors: [{ type: oidc, id: o, name: O, config: { clientSecret: 'env:S' } }]\n";
    let spec = ours(text).env("S", "s3cret").spec();
    assert_eq!(
        spec.connectors[0].config,
        json!({ "clientSecret": "s3cret" })
    );
    let spec = dexs(text).env("S", "s3cret").spec();
    assert_eq!(
        spec.connectors[0].config,
        json!({ "clientSecret": "env:S" })
    );
}

#[test]
fn what_a_connector_must_not_be_is_refused() {
    for (fields, cause) in [
        ("id: a, name: A", "connectors[0].type: is missing"),
        ("type: oidc, name: A", "connectors[0].id: is missing"),
        (
            "type: odic, id: a",
            "is not a connector this version has; did you mean \"oidc\"?",
        ),
        ("type: local, id: a", "is not a connector this version has"),
        ("type: oidc, id: a/b", "does not fit into a URL"),
        ("type: oidc, id: local", "is the id of the password DB"),
        (
            "type: oidc, id: a, timeout: 5m",
            "is not between 1ms and 1m",
        ),
        ("type: oidc, id: a, clockSkew: 301s", "is more than 5m"),
        (
            "type: oidc, id: a, acrMapping: [loa2]",
            "acrMapping: is a list where a mapping belongs",
        ),
        (
            "type: oidc, id: a, acrMapping: { loa2: ~ }",
            "acrMapping.loa2: has no value for apps",
        ),
        (
            "type: oidc, id: a, acrMapping: { loa2: 'a b' }",
            "acrMapping.loa2: holds a name that is empty",
        ),
        (
            "type: oidc, id: a, acrMapping: { '': a }",
            "acrMapping.: holds a name that is empty",
        ),
        (
            "type: oidc, id: a, domains: [https://a.test]",
            "is not a mail domain",
        ),
        (
            "type: oidc, id: a, grantTypes: [magic]",
            "is not a grant type",
        ),
    ] {
        let said = ours(&format!("connectors: [{{ {fields} }}]\n")).only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{fields}: {said}"
        );
    }
    let one = "{ type: oidc, id: a }";
    let said = ours(&format!("connectors: [{one}, {one}]\n")).only();
    assert!(
        said.contains("another connector has the id \"a\""),
        "{said}"
    );
}

#[test]
fn dexs_messages_for_connectors_are_dexs() {
    for (fields, cause) in [
        (
            "type: oidc, id: a",
            "invalid config: ID, Type and Name fields are required for a connector",
        ),
        (
            "type: magic, id: a, name: A",
            "unknown connector type \"magic\"",
        ),
        (
            "type: oidc, id: a, name: A, grantTypes: [magic]",
            "invalid config: unknown grant type \"magic\" for connector \"a\"",
        ),
    ] {
        let said = dexs(&format!("connectors: [{{ {fields} }}]\n")).only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{fields}: {said}"
        );
    }
}

#[test]
fn a_dex_file_is_told_of_each_connector_this_version_has_not_and_refused_if_it_has_none() {
    let ldap = "{ type: ldap, id: l, name: L }";
    let oidc = "{ type: oidc, id: o, name: O }";
    let without_people = |connectors: &str| {
        Folder::dex(&format!(
            "issuer: https://acme.test\nconnectors: [{connectors}]\n"
        ))
    };
    let both = format!("{ldap}, {oidc}");
    let said = without_people(&both).only();
    assert!(
        said.starts_with("warning") && said.contains("\"ldap\" is not a connector"),
        "{said}"
    );
    let alone = without_people(ldap).said().join("\n");
    assert!(
        alone.contains("error") && alone.contains("failed to open all connectors (1/1)"),
        "{alone}"
    );
    let with_people = dexs(&format!("connectors: [{ldap}]\n")).only();
    assert!(with_people.starts_with("warning"), "{with_people}");
    let strict = without_people(&both)
        .env("DEX_CONTINUE_ON_CONNECTOR_FAILURE", "false")
        .only();
    assert!(strict.starts_with("error"), "{strict}");
}

#[test]
fn clocks_may_differ_by_a_minute_by_what_is_written_or_as_in_dex() {
    let skew = |fields: &str| {
        let text = format!("connectors: [{{ type: oidc, id: o, name: O{fields} }}]\n");
        ours(&text).spec().connectors[0].clock_skew
    };
    assert_eq!(skew(""), ClockSkew::of(Duration::from_mins(1)));
    assert_eq!(skew(", clockSkew: 0s"), ClockSkew::of(Duration::ZERO));
    assert_eq!(
        skew(", clockSkew: 5m"),
        ClockSkew::of(Duration::from_mins(5))
    );

    let dex = dexs("connectors: [{ type: oidc, id: o, name: O }]\n");
    let skew = dex.spec().connectors[0].clock_skew;
    assert_eq!(skew, ClockSkew::of_dex());
    let dex = dexs("connectors: [{ type: oidc, id: o, name: O, clockSkew: 5m }]\n");
    assert!(dex.only().contains("clockSkew"), "dex has no such key");
}

#[test]
fn an_upstreams_acr_is_worth_what_is_written_and_nothing_in_dex() {
    let text = "connectors: [{ type: oidc, id: o, name: O, \
                acrMapping: { loa2: 'https://acr.test/two', 3: phr } }]\n";
    let spec = ours(text).spec();
    let mapping: Vec<_> = spec.connectors[0].acr_mapping.iter().collect();
    let (three, phr) = ("3".to_owned(), "phr".to_owned());
    let (loa2, two) = ("loa2".to_owned(), "https://acr.test/two".to_owned());
    assert_eq!(mapping, [(&three, &phr), (&loa2, &two)]);
    let dex = dexs(text);
    assert!(dex.only().contains("acrMapping"), "dex has no such key");
}

#[test]
fn a_connectors_config_is_not_in_its_debug() {
    let text = "connectors: [{ type: oidc, id: o, name: O, config: { clientSecret: hunter2 } }]\n";
    let spec = ours(text).spec();
    assert!(!format!("{spec:?}").contains("hunter2"));
}

#[test]
fn a_mail_domain_is_kept_as_addresses_have_it_and_bounds_whom_its_connector_lets_in() {
    let spec = |fields: &str| {
        let text = format!("connectors: [{{ type: mockCallback, id: a, name: A{fields} }}]\n");
        ours(&text).spec()
    };
    let written = spec(", domains: ['@Acme.Test', Bücher.test]");
    let one = written.connector("a").unwrap();
    assert_eq!(one.domains, ["acme.test", "xn--bcher-kva.test"]);
    assert!(one.domains_only);
    let open = spec(", domains: [acme.test], domainsOnly: false");
    assert!(!open.connector("a").unwrap().domains_only);
}

#[test]
fn a_mail_domain_of_two_connectors_is_an_error_at_the_second() {
    let folder = ours(
        "connectors:
  - { type: mockCallback, id: a, name: A, domains: [acme.test] }
  - type: mockCallback
    id: b
    name: B
    domains:
      - globex.test
      - ACME.test
",
    );
    let said = folder.only();
    assert!(said.starts_with("error"), "{said}");
    assert!(
        said.contains("tenant.yaml:10:9: connectors[1].domains[1]"),
        "{said}"
    );
    assert!(
        said.contains("people of acme.test are sent to the connector \"a\" already"),
        "{said}"
    );
}

#[test]
fn what_is_written_of_mail_domains_is_refused_where_it_says_nothing() {
    for (fields, cause) in [
        ("domains: [a.test, '@A.test']", "is written twice"),
        ("domains: [a@b.test]", "is not a mail domain"),
        ("domains: ['*']", "is not a mail domain"),
        ("domains: [127.0.0.1]", "is not a mail domain"),
        ("domainsOnly: true", "this connector has none"),
    ] {
        let text = format!("connectors: [{{ type: mockCallback, id: a, {fields} }}]\n");
        let said = ours(&text).only();
        assert!(
            said.starts_with("error") && said.contains(cause),
            "{fields}: {said}"
        );
    }
    let dex = dexs("connectors: [{ type: mockCallback, id: a, name: A, domains: [a.test] }]\n");
    assert!(dex.only().contains("domains"), "dex has no such key");
}
