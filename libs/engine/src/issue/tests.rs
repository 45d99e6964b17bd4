mod front_channel;
mod subjects;

use data_encoding::BASE64URL_NOPAD;
use insula_ambient::SeededEntropy;
use insula_jose::{Alg, Expected};
use insula_model::{Claim, ClaimSet, CodeGrant, RequestedClaims, Resource, Rules, TenantSpec};
use insula_oauth::Scopes;
use insula_testkit::{
    NOW, a_client, a_code_grant, a_resource, a_tenant, janes_details, test_key, test_keys,
};
use serde_json::{Value, json};

use super::*;
use crate::Refusal;
use crate::grants::{CodeFacts, code_plan};
use crate::token_plan::Asker;

/// The parts of a token as they stand: header and payload, members in their order.
fn parts(token: &str) -> (String, String) {
    let mut parts = token.split('.');
    let mut next = || {
        let bytes = BASE64URL_NOPAD
            .decode(parts.next().unwrap().as_bytes())
            .unwrap();
        String::from_utf8(bytes).unwrap()
    };
    (next(), next())
}

fn payload(token: &AccessToken) -> Value {
    serde_json::from_str(&parts(token.reveal()).1).unwrap()
}

/// The names of a payload in the order they are written.
fn order(payload: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(payload).unwrap();
    let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    names.sort_by_key(|name| payload.find(&format!("\"{name}\":")).unwrap());
    names
}

fn issued(spec: &TenantSpec, scopes: &str) -> Result<TokenSet, Refusal> {
    let grant = CodeGrant {
        scopes: Scopes::parse(scopes),
        ..a_code_grant()
    };
    issue_grant(spec, &grant)
}

fn issue_grant(spec: &TenantSpec, grant: &CodeGrant) -> Result<TokenSet, Refusal> {
    with_plan(spec, grant, |plan| issue_plan(spec, &plan))
}

/// What becomes of the plan of the code `the-code`.
fn with_plan<T>(
    spec: &TenantSpec,
    grant: &CodeGrant,
    then: impl FnOnce(TokenPlan<'_>) -> T,
) -> Result<T, Refusal> {
    let facts = CodeFacts {
        spec,
        keys: &test_keys(),
        grant,
        asker: Asker {
            client: spec.client("app").unwrap(),
            peers: &spec.clients.values().cloned().collect(),
            resources: &[],
        },
        begins_refresh: grant.scopes.offline_access(),
    };
    Ok(then(code_plan(Some("the-code"), facts, NOW)?))
}

fn issue_plan(spec: &TenantSpec, plan: &TokenPlan<'_>) -> TokenSet {
    let alg = spec.signer.algorithms[0].parse().unwrap();
    let (ring, key) = (test_keys(), test_key(alg, "k1"));
    let keys = Keys::of_one(&ring, &key);
    issue(plan, spec, keys, NOW, &SeededEntropy::new(7)).unwrap()
}

const ALL: &str = "openid email profile groups federated:id offline_access";

#[test]
fn an_id_token_has_dexs_claims_in_dexs_order_in_both_dialects() {
    let names = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "jti",
        "nonce",
        "auth_time",
        "sid",
        "amr",
        "acr",
        "at_hash",
        "c_hash",
        "email",
        "email_verified",
        "groups",
        "name",
        "preferred_username",
        "federated_claims",
    ];
    for (spec, life, is_ours) in [
        (a_tenant().build(), 3600, true),
        (a_tenant().dex().build(), 86_400, false),
    ] {
        let tokens = issued(&spec, ALL).unwrap();
        let id_token = tokens.id_token.as_ref().unwrap();
        let (header, body) = parts(id_token.reveal());
        let alg = &spec.signer.algorithms[0];
        assert_eq!(header, format!(r#"{{"alg":"{alg}","kid":"k1"}}"#), "no typ");
        let expected: Vec<&str> = names
            .into_iter()
            .filter(|n| is_ours || !matches!(*n, "amr" | "acr"))
            .collect();
        // `connector_id` and `user_id` stand inside `federated_claims`.
        assert_eq!(order(&body), expected);

        let claims = payload(id_token);
        let half = |text: &str| left_half_hash(alg.parse().unwrap(), text);
        assert_eq!(claims["iss"], "https://acme.test");
        assert_eq!(claims["sub"], "CgZqYW5lLTESBG1vY2s");
        assert_eq!(claims["aud"], "app");
        assert_eq!(claims["iat"], NOW.as_secs());
        assert_eq!(claims["exp"], NOW.as_secs() + life);
        assert_eq!(claims["nonce"], "n-0S6_WzA2Mj");
        assert_eq!(claims["auth_time"], NOW.as_secs() - 60);
        assert_eq!(claims["sid"], "session1");
        assert_eq!(claims["at_hash"], half(tokens.access_token.reveal()));
        assert_eq!(claims["c_hash"], half("the-code"));
        assert_eq!(claims["email"], "jane@example.test");
        assert_eq!(claims["email_verified"], true);
        assert_eq!(claims["groups"], json!(["staff", "admins"]));
        assert_eq!(claims["name"], "Jane Doe");
        assert_eq!(claims["preferred_username"], "jane");
        let federated = json!({"connector_id": "mock", "user_id": "jane-1"});
        assert_eq!(claims["federated_claims"], federated);
    }
}

#[test]
fn scopes_release_claims_and_nothing_else_does() {
    let rows = [
        ("openid", vec![]),
        ("openid email", vec!["email", "email_verified"]),
        ("openid groups", vec!["groups"]),
        ("openid profile", vec!["name", "preferred_username"]),
        ("openid federated:id", vec!["federated_claims"]),
    ];
    for spec in [a_tenant().build(), a_tenant().dex().build()] {
        for (scopes, expected) in &rows {
            let tokens = issued(&spec, scopes).unwrap();
            let access = (!spec.rules.obeys_resource_indicators).then_some(&tokens.access_token);
            for token in tokens.id_token.iter().chain(access) {
                let claims = payload(token);
                let released: Vec<_> = Claim::ALL
                    .map(Claim::name)
                    .into_iter()
                    .filter(|name| claims.get(name).is_some())
                    .collect();
                assert_eq!(&released, expected, "{scopes}");
            }
        }
    }
}

#[test]
fn what_is_empty_is_absent_but_for_email_verified() {
    let mut grant = a_code_grant();
    let person = &mut grant.login.claims;
    person.email.clear();
    person.email_verified = false;
    person.username.clear();
    person.preferred_username.clear();
    person.groups.clear();
    grant.nonce = None;
    grant.login.session_id = None;
    grant.login.amr.clear();
    let tokens = issue_grant(&a_tenant().build(), &grant).unwrap();
    let claims = payload(tokens.id_token.as_ref().unwrap());
    assert_eq!(claims["email_verified"], false);
    for absent in [
        "email",
        "name",
        "preferred_username",
        "groups",
        "nonce",
        "sid",
        "amr",
        "acr",
        "azp",
    ] {
        assert_eq!(claims.get(absent), None, "{absent}");
    }
}

#[test]
fn peers_stand_before_the_client_and_azp_says_who_asked() {
    let spec = |rules| {
        let tenant = a_tenant()
            .with_client(a_client().named("api").trusting("app"))
            .with_client(a_client().named("wiki").trusting("app"));
        tenant.by(rules).build()
    };
    let audience = |scopes: &str, rules| {
        let tokens = issued(&spec(rules), scopes).unwrap();
        let claims = payload(tokens.id_token.as_ref().unwrap());
        (claims["aud"].clone(), claims.get("azp").cloned())
    };
    let peer = |id: &str| format!("audience:server:client_id:{id}");
    let app = Some(json!("app"));
    for rules in [Rules::STANDARD, Rules::DEX] {
        let rows = [
            ("openid".to_owned(), (json!("app"), None)),
            (format!("openid {}", peer("app")), (json!("app"), None)),
            (
                format!("openid {} {}", peer("wiki"), peer("api")),
                (json!(["wiki", "api", "app"]), app.clone()),
            ),
            (
                format!("openid {} {}", peer("app"), peer("api")),
                (json!(["app", "api"]), app.clone()),
            ),
        ];
        for (scopes, expected) in rows {
            assert_eq!(audience(&scopes, rules), expected, "{scopes}");
        }
    }
}

#[test]
fn trust_that_was_withdrawn_since_the_login_counts_no_more() {
    let scopes = "openid audience:server:client_id:api audience:server:client_id:nobody";
    for tenant in [a_tenant(), a_tenant().dex()] {
        let spec = tenant.with_client(a_client().named("api")).build();
        let refused = Refusal::UntrustedAudience(vec![
            "audience:server:client_id:api".to_owned(),
            "audience:server:client_id:nobody".to_owned(),
        ]);
        assert_eq!(issued(&spec, scopes), Err(refused));
    }
}

#[test]
fn rfc_9068_2_our_access_token_says_what_it_is_and_whom_it_is_for() {
    let spec = a_tenant()
        .with_client(a_client().named("api").trusting("app"))
        .build();
    let scopes = "openid email audience:server:client_id:api";
    let tokens = issued(&spec, scopes).unwrap();
    let (header, body) = parts(tokens.access_token.reveal());
    assert_eq!(header, r#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#);
    assert_eq!(
        order(&body),
        [
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "jti",
            "client_id",
            "scope",
            "auth_time",
            "sid",
            "amr",
            "acr",
        ]
    );
    let claims = payload(&tokens.access_token);
    assert_eq!(claims["aud"], "https://acme.test");
    assert_eq!(claims["client_id"], "app");
    let password = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    assert_eq!(claims["acr"], password);
    assert_eq!(payload(tokens.id_token.as_ref().unwrap())["acr"], password);
    assert_eq!(claims["scope"], scopes);
    assert_eq!(claims["exp"], NOW.as_secs() + 600);
    assert_eq!(tokens.token_type, "Bearer");
    assert_eq!(tokens.expires_in, Duration::from_mins(10));
    assert_eq!(tokens.scope.as_deref(), Some(scopes));
}

#[test]
fn an_access_token_of_ours_says_nothing_of_a_person_and_is_not_for_the_client() {
    let mut grant = a_code_grant();
    grant.login.claims.details = janes_details().into_box();
    grant.scopes = Scopes::parse(&format!("{ALL} phone address"));
    grant.claims.userinfo = ClaimSet::all();
    let claims = payload(
        &issue_grant(&a_tenant().build(), &grant)
            .unwrap()
            .access_token,
    );
    for claim in Claim::ALL {
        assert_eq!(claims.get(claim.name()), None, "{claim:?}");
    }
    assert_eq!(claims["aud"], "https://acme.test");
}

#[test]
fn an_access_token_tells_a_resource_what_it_is_to_have_and_was_granted() {
    let api = |claims: &[Claim]| Resource {
        claims: claims.iter().copied().collect(),
        ..a_resource("https://api.test", &["api:use"])
    };
    let client = a_client().with_scopes(&["openid", "groups", "api:use"]);
    let rows: [(&[Claim], &str, &[&str]); 4] = [
        (&[], "openid groups api:use", &[]),
        (&[Claim::Groups], "openid groups api:use", &["groups"]),
        (&[Claim::Groups], "openid api:use", &[]),
        (
            &[Claim::Groups, Claim::Email],
            "groups api:use",
            &["groups"],
        ),
    ];
    for (claims, scopes, expected) in rows {
        let tenant = a_tenant().with_client(client.clone());
        let spec = tenant.with_resource(api(claims)).build();
        let said = payload(&issued(&spec, scopes).unwrap().access_token);
        let names = Claim::ALL.map(Claim::name).into_iter();
        let told: Vec<_> = names.filter(|name| said.get(name).is_some()).collect();
        assert_eq!(told, expected, "{claims:?} {scopes}");
    }
}

#[test]
fn which_access_token_nobody_but_userinfo_reads_is_told_by_the_plan() {
    let client = a_client().with_scopes(&["openid", "api:use"]);
    let tenant = a_tenant().with_client(client);
    let tenant = tenant.with_resource(a_resource("https://api.test", &["api:use"]));
    for (scopes, expected) in [
        ("openid", true),
        ("openid api:use", false),
        ("api:use", false),
    ] {
        let grant = CodeGrant {
            scopes: Scopes::parse(scopes),
            ..a_code_grant()
        };
        let spec = tenant.clone().build();
        let is_alone = |plan: TokenPlan<'_>| plan.is_for_userinfo_alone(&spec);
        assert_eq!(with_plan(&spec, &grant, is_alone), Ok(expected), "{scopes}");
    }
    let dex = a_tenant().dex().build();
    let is_alone = |plan: TokenPlan<'_>| plan.is_for_userinfo_alone(&dex);
    assert_eq!(with_plan(&dex, &a_code_grant(), is_alone), Ok(false));
}

#[test]
fn dexs_access_token_is_an_id_token_with_an_at_hash_of_nothing() {
    let tokens = issued(&a_tenant().dex().build(), ALL).unwrap();
    let (access, id) = (
        payload(&tokens.access_token),
        payload(tokens.id_token.as_ref().unwrap()),
    );
    assert_eq!(
        parts(tokens.access_token.reveal()).0,
        r#"{"alg":"RS256","kid":"k1"}"#
    );
    for (name, value) in id.as_object().unwrap() {
        match name.as_str() {
            "c_hash" => assert_eq!(access.get("c_hash"), None),
            "jti" | "at_hash" => assert_ne!(&access[name], value),
            _ => assert_eq!(&access[name], value, "{name}"),
        }
    }
    let at_hash = access["at_hash"].as_str().unwrap();
    assert_eq!(
        BASE64URL_NOPAD.decode(at_hash.as_bytes()).unwrap().len(),
        16
    );
    assert_eq!(tokens.token_type, "bearer");
    assert_eq!(tokens.expires_in, Duration::from_hours(24));
    assert_eq!(tokens.scope, None);
}

#[test]
fn claims_asked_for_one_by_one_are_where_they_were_asked_for() {
    let spec = a_tenant().build();
    let grant = CodeGrant {
        scopes: Scopes::parse("openid groups"),
        claims: RequestedClaims {
            userinfo: [Claim::Email].into_iter().collect(),
            id_token: [Claim::PreferredUsername].into_iter().collect(),
        },
        ..a_code_grant()
    };
    let tokens = issue_grant(&spec, &grant).unwrap();
    let (access, id) = (
        payload(&tokens.access_token),
        payload(tokens.id_token.as_ref().unwrap()),
    );
    for (name, in_id) in [
        ("groups", true),
        ("email", false),
        ("email_verified", false),
        ("preferred_username", true),
        ("name", false),
        ("federated_claims", false),
    ] {
        assert_eq!(access.get(name), None, "{name}");
        assert_eq!(id.get(name).is_some(), in_id, "{name}");
    }
    assert_eq!(access["userinfo_claims"], "email", "which userinfo reads");
}

#[test]
fn each_standard_claim_is_released_by_its_scope_and_none_that_dex_lacks_in_its_dialect() {
    let mut grant = a_code_grant();
    grant.login.claims.details = janes_details().into_box();
    for (spec, knows_all) in [
        (a_tenant().build(), true),
        (a_tenant().dex().build(), false),
    ] {
        for scope in ["profile", "phone", "address", "email"] {
            grant.scopes = Scopes::parse(&format!("openid {scope}"));
            let tokens = issue_grant(&spec, &grant).unwrap();
            let access = (!knows_all).then_some(&tokens.access_token);
            for token in tokens.id_token.iter().chain(access) {
                let said = payload(token);
                for claim in Claim::ALL {
                    let is_known = knows_all || Claim::OF_DEX.contains(&claim);
                    let expected = claim.scope() == scope && is_known;
                    assert_eq!(
                        said.get(claim.name()).is_some(),
                        expected,
                        "{scope}: {claim:?}"
                    );
                }
            }
        }
    }
    grant.scopes = Scopes::parse("openid profile phone address");
    let tokens = issue_grant(&a_tenant().build(), &grant).unwrap();
    let said = payload(tokens.id_token.as_ref().unwrap());
    assert_eq!(said["updated_at"], 1_311_280_970);
    assert_eq!(said["phone_number"], "+1 (425) 555-1212");
    assert_eq!(said["phone_number_verified"], true);
    assert_eq!(said["birthdate"], "jane's birthdate");
    assert_eq!(said["address"]["postal_code"], "jane's postal_code");
}

#[test]
fn a_number_asked_for_alone_says_whether_it_is_verified() {
    let mut grant = a_code_grant();
    grant.scopes = Scopes::parse("openid");
    grant.login.claims.details = janes_details().into_box();
    grant.claims.id_token = [Claim::PhoneNumber].into_iter().collect();
    let tokens = issue_grant(&a_tenant().build(), &grant).unwrap();
    let said = payload(tokens.id_token.as_ref().unwrap());
    assert_eq!(said["phone_number_verified"], true);
    assert_eq!(said.get("address"), None);
}

#[test]
fn without_openid_ours_gives_no_id_token() {
    assert_eq!(issued(&a_tenant().build(), "email").unwrap().id_token, None);
    let dexs = issued(&a_tenant().dex().build(), "email").unwrap();
    assert!(dexs.id_token.is_some());
}

#[test]
fn both_tokens_carry_the_name_of_their_family_and_one_of_their_own() {
    for spec in [a_tenant().build(), a_tenant().dex().build()] {
        let tokens = issued(&spec, ALL).unwrap();
        let jti = |token| payload(token)["jti"].as_str().unwrap().to_owned();
        let (access, id) = (
            jti(&tokens.access_token),
            jti(tokens.id_token.as_ref().unwrap()),
        );
        assert_ne!(access, id);
        for jti in [access, id] {
            assert_eq!(grant_of(&jti), Some(a_code_grant().grant_id));
        }
    }
    assert_eq!(grant_of("a-uuid-of-dexs"), None);
    assert_eq!(grant_of(".x"), None);
}

#[test]
fn what_is_issued_verifies_with_every_algorithm() {
    for alg in [Alg::ES256, Alg::EdDSA, Alg::RS256] {
        let spec = a_tenant().build();
        let grant = a_code_grant();
        let ring = test_keys();
        let keys = Keys::of_one(&ring, ring.signing_key(alg).unwrap());
        let issued = |plan: TokenPlan<'_>| issue(&plan, &spec, keys, NOW, &SeededEntropy::new(1));
        let tokens = with_plan(&spec, &grant, issued).unwrap().unwrap();
        let issuer = || Expected::from_issuer("https://acme.test");
        let id_token = tokens.id_token.unwrap();
        let as_id_token = issuer().for_audience("app");
        assert!(ring.verify(id_token.reveal(), NOW, &as_id_token).is_ok());
        let as_access_token = issuer().typed("at+jwt");
        assert!(
            ring.verify(tokens.access_token.reveal(), NOW, &as_access_token)
                .is_ok()
        );
        // Neither passes for the other (RFC 9068 §5).
        assert!(
            ring.verify(id_token.reveal(), NOW, &as_access_token)
                .is_err()
        );
        assert!(
            ring.verify(tokens.access_token.reveal(), NOW, &as_id_token)
                .is_err()
        );
    }
}
