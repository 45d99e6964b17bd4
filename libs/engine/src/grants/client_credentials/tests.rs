use insula_model::{Claim, Resource};
use insula_testkit::{
    ClientBuilder, TenantBuilder, a_client, a_resource, a_tenant, test_key, test_keys,
};
use serde_json::{Value, json};

use super::*;
use crate::issue::{Keys, TokenSet, issue};
use insula_ambient::SeededEntropy;
use insula_testkit::NOW;

const API: &str = "https://api.test";

fn asking(scope: &str) -> ClientCredentialsRequest {
    ClientCredentialsRequest {
        scope: Some(Scopes::parse(scope)),
        resources: Vec::new(),
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
    }
}

/// A client of ours that may have tokens about itself.
fn a_machine() -> ClientBuilder {
    a_client()
        .with_grants(&[GrantType::ClientCredentials])
        .with_scopes(&["jobs:run"])
        .in_groups(&["ci", "builders"])
}

fn ours() -> TenantBuilder {
    let claims = [Claim::Groups, Claim::Email].into_iter().collect();
    a_tenant().with_resource(Resource {
        claims,
        ..a_resource(API, &["jobs:run"])
    })
}

fn judged(
    request: &ClientCredentialsRequest,
    client: &Client,
    spec: &TenantSpec,
) -> Option<Refusal> {
    let peers = spec.clients.values().cloned().collect();
    client_credentials(request, client, &peers, spec).err()
}

fn issued(request: &ClientCredentialsRequest, client: &Client, spec: &TenantSpec) -> TokenSet {
    let peers = spec.clients.values().cloned().collect();
    let access = client_credentials(request, client, &peers, spec).unwrap();
    let facts = ClientCredentialsFacts {
        spec,
        client,
        grant_id: &GrantId::parse("family1").unwrap(),
        access: &access,
    };
    let alg = spec.signer.algorithms[0].parse().unwrap();
    let (ring, key) = (test_keys(), test_key(alg, "k1"));
    let keys = Keys::of_one(&ring, &key);
    let plan = client_credentials_plan(request, facts);
    issue(&plan, spec, keys, NOW, &SeededEntropy::new(7)).unwrap()
}

fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let bytes = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes());
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

#[test]
fn a_client_gets_a_token_of_its_own_if_it_is_confidential_and_named_for_it() {
    let (spec, dex) = (ours().build(), a_tenant().dex().build());
    let named_as_person = "CgZqYW5lLTESBG1vY2s";
    let grants = |grants: &[GrantType]| a_machine().with_grants(grants).build();
    let rows = [
        ("named", a_machine().build(), None, None),
        (
            "every grant",
            grants(&[]),
            Some(Refusal::GrantNotAllowed),
            None,
        ),
        (
            "RFC 6749 §4.4 public",
            a_machine().public().build(),
            Some(Refusal::PublicClientHasNoCredentials),
            Some(Refusal::PublicClientHasNoCredentials),
        ),
        (
            "RFC 9700 §4.15 called as the sub of a person",
            a_machine().named(named_as_person).build(),
            Some(Refusal::ClientIsCalledAsPerson),
            None,
        ),
    ];
    let nothing = ClientCredentialsRequest::default();
    for (what, client, ours, dexs) in rows {
        assert_eq!(judged(&nothing, &client, &spec), ours, "{what}");
        assert_eq!(judged(&nothing, &client, &dex), dexs, "{what}, dex");
    }
}

#[test]
fn dex_takes_the_scopes_of_people_that_need_neither_login_nor_connector() {
    let spec = a_tenant()
        .dex()
        .with_client(a_client().named("api").trusting("app"))
        .with_client(a_client().named("stranger"))
        .build();
    let client = a_client().build();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let stranger = "audience:server:client_id:stranger";
    let rows = [
        ("", None),
        (
            "openid email profile groups audience:server:client_id:api",
            None,
        ),
        (
            "openid offline_access",
            Some(Refusal::ScopeOfPeople(words(&["offline_access"]))),
        ),
        (
            "federated:id magic",
            Some(Refusal::ScopeOfPeople(words(&["federated:id"]))),
        ),
        (
            "openid magic phone",
            Some(Refusal::UnknownScope(words(&["magic", "phone"]))),
        ),
        (
            stranger,
            Some(Refusal::UntrustedAudience(words(&[stranger]))),
        ),
    ];
    for (scopes, expected) in rows {
        assert_eq!(
            judged(&asking(scopes), &client, &spec),
            expected,
            "{scopes}"
        );
    }
}

#[test]
fn rfc_6749_4_4_3_our_token_of_a_client_is_one_access_token_for_a_resource() {
    let spec = ours().build();
    let tokens = issued(&asking("jobs:run"), &a_machine().build(), &spec);
    assert_eq!((tokens.id_token, tokens.refresh_token), (None, None));
    assert_eq!(tokens.scope.as_deref(), Some("jobs:run"));
    let claims = payload(tokens.access_token.reveal());
    let jti = claims["jti"].clone();
    let expected = json!({
        "iss": "https://acme.test",
        "sub": "app",
        "aud": API,
        "exp": NOW.as_secs() + 600,
        "iat": NOW.as_secs(),
        "jti": jti,
        "client_id": "app",
        "scope": "jobs:run",
        "groups": ["ci", "builders"],
        "email_verified": false,
    });
    assert_eq!(claims, expected);
    assert!(jti.as_str().unwrap().starts_with("family1."));
}

#[test]
fn a_client_that_is_its_own_subject_is_called_and_grouped_as_configured() {
    let spec = a_tenant().dex().build();
    let client = a_client().in_groups(&["ci"]).build();
    let everything = issued(&asking("openid profile groups email"), &client, &spec);
    let nothing = issued(&asking(""), &client, &spec);
    assert_eq!(nothing.id_token, None);
    let id_token = everything.id_token.as_ref().unwrap();
    for token in [&everything.access_token, id_token] {
        let claims = payload(token.reveal());
        for (name, value) in [
            ("sub", json!("CgNhcHA")),
            ("aud", json!("app")),
            ("nonce", json!("n-0S6_WzA2Mj")),
            ("name", json!("The App")),
            ("preferred_username", json!("The App")),
            ("groups", json!(["ci"])),
            ("email_verified", json!(false)),
        ] {
            assert_eq!(claims[name], value, "{name}");
        }
        for absent in ["email", "auth_time", "c_hash", "scope", "client_id"] {
            assert_eq!(claims.get(absent), None, "{absent}");
        }
    }
    let claims = payload(nothing.access_token.reveal());
    for claim in Claim::ALL {
        assert_eq!(claims.get(claim.name()), None, "{claim:?}");
    }
    assert_eq!(nothing.scope, None);
}
