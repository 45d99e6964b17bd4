use insula_model::{ConnectorId, Dialect, ExchangeConnector, TokenExchange};
use insula_oauth::Params;
use insula_testkit::{a_client, a_connector, a_tenant};
use serde_json::json;

use super::*;

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const SAML: &str = "urn:ietf:params:oauth:token-type:saml2";

fn request(form: &str) -> TokenExchangeRequest {
    TokenExchangeRequest::from_params(&Params::parse(form).unwrap())
}

#[test]
fn rfc_8693_types_are_known_by_their_urn_and_dex_knows_two() {
    let (access, id) = (TokenType::AccessToken, TokenType::IdToken);
    let rows = [
        (access.as_str(), Some(access), Some(access)),
        (id.as_str(), Some(id), Some(id)),
        (JWT, Some(TokenType::Jwt), None),
        (SAML, None, None),
        ("access_token", None, None),
    ];
    for (urn, in_ours, in_dex) in rows {
        let request = request(&format!(
            "subject_token_type={urn}&requested_token_type={urn}"
        ));
        for (rules, known) in [(&Rules::STANDARD, in_ours), (&Rules::DEX, in_dex)] {
            let subject = Refusal::SubjectTokenType(urn.to_owned());
            let requested = Refusal::RequestedTokenType(urn.to_owned());
            assert_eq!(subject_token_type(&request, rules), known.ok_or(subject));
            assert_eq!(requested_type(&request, rules), known.ok_or(requested));
        }
    }
    let silent = request("");
    for rules in [&Rules::STANDARD, &Rules::DEX] {
        assert_eq!(requested_type(&silent, rules), Ok(access), "RFC 8693 §2.1");
        let missing = Refusal::SubjectTokenType(String::new());
        assert_eq!(subject_token_type(&silent, rules), Err(missing));
    }
}

fn policy_for(connector: &str, condition: Option<&str>) -> TokenExchange {
    TokenExchange {
        connectors: vec![ExchangeConnector {
            id: ConnectorId::parse(connector).unwrap(),
            condition: condition.map(|text| text.parse().unwrap()),
        }],
        ..TokenExchange::default()
    }
}

#[test]
fn a_client_exchanges_tokens_of_the_connectors_its_policy_names_and_in_dex_of_all() {
    let mut closed = a_connector("closed");
    closed.grant_types = vec![GrantType::AuthorizationCode];
    let tenant = || {
        a_tenant()
            .with_connector(a_connector("ci"))
            .with_connector(closed.clone())
    };
    let of = |dialect| match dialect {
        Dialect::Standard => tenant().build(),
        Dialect::Dex => tenant().dex().build(),
    };
    let (ours, dexs) = (of(Dialect::Standard), of(Dialect::Dex));
    let unknown = || Some(Refusal::ExchangeConnectorUnknown("nowhere".to_owned()));
    let not_served = || Some(Refusal::GrantNotOfConnector("closed".to_owned()));
    let not_of_client = || Some(Refusal::ConnectorNotOfClient("ci".to_owned()));
    let plain = || a_client();
    let rows = [
        ("ci", plain().exchanging(policy_for("ci", None)), None, None),
        ("ci", plain(), Some(Refusal::GrantNotAllowed), None),
        (
            "ci",
            plain().exchanging(policy_for("mock", None)),
            not_of_client(),
            None,
        ),
        (
            "ci",
            plain().exchanging(TokenExchange::default()),
            not_of_client(),
            None,
        ),
        (
            "ci",
            plain().allowing("mock").exchanging(policy_for("ci", None)),
            not_of_client(),
            not_of_client(),
        ),
        ("nowhere", plain(), unknown(), unknown()),
        (
            "closed",
            plain().exchanging(policy_for("closed", None)),
            not_served(),
            not_served(),
        ),
    ];
    for (id, client, in_ours, in_dex) in rows {
        let client = client.build();
        for (spec, why) in [(&ours, in_ours), (&dexs, in_dex)] {
            let told = exchange_connector(id, &client, spec);
            let told = told.map(|one| one.id.as_str()).err();
            assert_eq!(told, why, "{id} {:?}", spec.dialect);
        }
    }
}

#[test]
fn the_condition_of_a_client_tells_whose_token_it_exchanges() {
    let connector = a_connector("ci");
    let shop = json!({"repository": "acme/shop", "ref": "refs/heads/main", "run_attempt": 1});
    let shop = shop.as_object().unwrap();
    for (condition, is_met) in [
        (None, true),
        (Some(r#"claims.repository == "acme/shop""#), true),
        (Some(r#"claims.repository == "acme/docs""#), false),
        (Some(r#"claims.environment == "production""#), false),
        (Some(r#"claims.run_attempt.startsWith("1")"#), false),
    ] {
        let client = a_client().exchanging(policy_for("ci", condition)).build();
        let told = must_meet_policy(shop, &connector, &client);
        let is_refused = matches!(&told, Err(Refusal::SubjectTokenRefused(_)));
        assert_eq!(
            (told.is_ok(), is_refused),
            (is_met, !is_met),
            "{condition:?}"
        );
    }
}

#[test]
fn scopes_of_an_exchange_are_checked_and_dex_passes_over_what_it_does_not_know() {
    let scopes = |text| Scopes::parse(text);
    let client = a_client().build();
    let (ours, dexs) = (a_tenant().build(), a_tenant().dex().build());
    let asked = scopes("openid groups magic offline_access");
    let told = upstream_exchange_scopes(Some(&asked), &[], &client, &ours);
    assert_eq!(told, Err(Refusal::UnknownScope(vec!["magic".to_owned()])));
    let told = upstream_exchange_scopes(Some(&asked), &[], &client, &dexs);
    assert_eq!(told, Ok(asked.clone()));
    let asked = scopes("openid groups offline_access");
    let told = upstream_exchange_scopes(Some(&asked), &[], &client, &ours);
    assert_eq!(told, Ok(scopes("openid groups")), "nothing is refreshed");
}

#[test]
fn one_token_is_issued_of_the_kind_that_was_asked_for() {
    let (client, login) = (a_client().build(), insula_testkit::a_login());
    let grant_id = GrantId::parse("g1").unwrap();
    for spec in [a_tenant().build(), a_tenant().dex().build()] {
        for (scopes, requested, has_id_token) in [
            ("openid", TokenType::AccessToken, false),
            ("openid", TokenType::Jwt, false),
            ("openid", TokenType::IdToken, true),
            ("", TokenType::IdToken, true),
        ] {
            let scopes = Scopes::parse(scopes);
            let grant = ExchangeGrant {
                client: &client,
                grant_id: &grant_id,
                login: &login,
                scopes: &scopes,
                resources: &[],
                peers: &Peers::default(),
                requested,
            };
            let plan = upstream_exchange_plan(grant, &spec).unwrap();
            assert_eq!(plan.id_token.is_some(), has_id_token, "{requested:?}");
            assert_eq!((plan.refresh, plan.actor, plan.nonce), (None, None, None));
        }
    }
}

#[test]
fn a_peer_that_trusts_nobody_is_told_as_a_scope_and_in_dex_as_our_failing() {
    let (client, login) = (a_client().build(), insula_testkit::a_login());
    let grant_id = GrantId::parse("g1").unwrap();
    let scopes = Scopes::parse("openid audience:server:client_id:api");
    let grant = ExchangeGrant {
        client: &client,
        grant_id: &grant_id,
        login: &login,
        scopes: &scopes,
        resources: &[],
        peers: &Peers::default(),
        requested: TokenType::AccessToken,
    };
    let why = Refusal::UntrustedAudience(vec!["audience:server:client_id:api".to_owned()]);
    let told = upstream_exchange_plan(grant, &a_tenant().build());
    assert_eq!(told, Err(why.clone()));
    let told = upstream_exchange_plan(grant, &a_tenant().dex().build());
    assert_eq!(told, Err(Refusal::ExchangeScopes(Box::new(why))));
}
