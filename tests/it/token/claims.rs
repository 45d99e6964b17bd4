//! What tokens say.

use data_encoding::BASE64URL_NOPAD;
use insula_tests::{Agent, Person, claims_of, members_of, walk};
use serde_json::{Value, json};

use crate::shared_server::{ADMIN, JANE, KIM, MOCK, shared_server};

/// Kim, whom acme knows through the tenant initech.
const KIM_OF_INITECH: Person<'static> = Person {
    connector: Some("initech"),
    ..KIM
};

/// The members of a token's claims, in order, with what differs from run to run named only.
fn snapshot(token: &str) -> String {
    let lines = members_of(token).into_iter().map(|(name, value)| {
        let value = match name.as_str() {
            "exp" | "iat" | "auth_time" => "[seconds]".to_owned(),
            "jti" | "nonce" | "at_hash" | "c_hash" | "sid" => "[random]".to_owned(),
            "iss" => "[issuer]".to_owned(),
            _ => value.to_string(),
        };
        format!("{name}: {value}\n")
    });
    lines.collect()
}

#[tokio::test]
async fn an_id_token_of_a_dex_tenant_is_dexs_member_for_member() {
    let globex = shared_server().await.globex();
    let tokens = globex.log_in(&Agent::new(), &MOCK).await;
    assert_eq!(
        snapshot(&tokens.id().token),
        r#"iss: [issuer]
sub: "Cg0wLTM4NS0yODA4OS0wEgRtb2Nr"
aud: "example-app"
exp: [seconds]
iat: [seconds]
jti: [random]
nonce: [random]
auth_time: [seconds]
at_hash: [random]
c_hash: [random]
email: "kilgore@kilgore.trout"
email_verified: true
groups: ["authors"]
name: "Kilgore Trout"
"#
    );
    let exp = tokens.claim("exp").as_i64().unwrap();
    assert_eq!(exp - tokens.claim("iat").as_i64().unwrap(), 24 * 3600);
}

#[tokio::test]
async fn an_access_token_of_a_dex_tenant_looks_like_its_id_token() {
    let globex = shared_server().await.globex();
    let tokens = globex.log_in(&Agent::new(), &ADMIN).await;
    assert_eq!(
        snapshot(&tokens.access_token),
        r#"iss: [issuer]
sub: "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs"
aud: "example-app"
exp: [seconds]
iat: [seconds]
jti: [random]
nonce: [random]
auth_time: [seconds]
at_hash: [random]
email: "admin@example.com"
email_verified: true
name: "admin"
"#
    );
}

#[tokio::test]
async fn the_answer_of_a_dex_tenant_has_dexs_members() {
    let globex = shared_server().await.globex();
    let (login, back) = globex.code(&Agent::new(), &MOCK).await;
    let answer = globex.redeem(&login, back.code()).await.expect(200);
    let names: Vec<_> = [
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "id_token",
    ]
    .map(|name| answer.body.find(&format!("\"{name}\"")).unwrap())
    .into();
    assert!(names.is_sorted(), "{}", answer.body);
    let members = answer.json().as_object().unwrap().len();
    assert_eq!(members, 5, "{}", answer.body);
    assert_eq!(answer.header("pragma"), "no-cache");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn tokens_of_our_dialect_are_those_of_the_specifications() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    assert_eq!(
        snapshot(&tokens.id().token),
        r#"iss: [issuer]
sub: "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs"
aud: "portal"
exp: [seconds]
iat: [seconds]
jti: [random]
nonce: [random]
auth_time: [seconds]
sid: [random]
amr: ["pwd"]
acr: "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
at_hash: [random]
c_hash: [random]
email: "jane@acme.example"
email_verified: true
groups: ["staff","engineering"]
name: "Jane Doe"
preferred_username: "jane"
"#
    );
    let issuer = shared_server.issuer("acme");
    let access = portal
        .keys()
        .await
        .verify(&tokens.access_token, &issuer, &issuer);
    assert_eq!(access.header["typ"], "at+jwt", "RFC 9068 §2.1");
    for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert_ne!(access.claims[claim], Value::Null, "RFC 9068 §2.2: {claim}");
    }
    assert_eq!(access.claims["client_id"], "portal");
    assert_eq!(
        access.claims["scope"],
        "openid profile email groups offline_access"
    );
    assert_eq!(access.claims["aud"], issuer, "for userinfo alone");
    for claim in [
        "email",
        "email_verified",
        "name",
        "preferred_username",
        "groups",
    ] {
        assert_eq!(access.claims[claim], Value::Null, "{claim}");
    }
    assert_eq!(tokens.answer["scope"], access.claims["scope"]);
    let life = access.claims["exp"].as_i64().unwrap() - access.claims["iat"].as_i64().unwrap();
    assert_eq!(tokens.answer["expires_in"], life);
    assert_eq!(life, 600);
}

#[tokio::test]
async fn sub_is_the_bytes_dex_would_write() {
    let umbrella = shared_server().await.umbrella();
    let tokens = umbrella.log_in(&Agent::new(), &MOCK).await;
    let sub = tokens.claim("sub").as_str().unwrap();
    let bytes = BASE64URL_NOPAD.decode(sub.as_bytes()).unwrap();
    let (user, connector) = ("0-385-28089-0", "mock");
    let message = [
        &[0x0a, 13],
        user.as_bytes(),
        &[0x12, 4],
        connector.as_bytes(),
    ];
    assert_eq!(bytes, message.concat());
}

#[tokio::test]
async fn scopes_release_what_they_name_and_no_more() {
    let hooli = shared_server().await.hooli();
    for (scope, there, not_there) in [
        (
            "openid",
            &[][..],
            &["email", "groups", "name", "federated_claims"][..],
        ),
        (
            "openid email",
            &["email", "email_verified"],
            &["name", "groups"],
        ),
        (
            "openid profile",
            &["name"],
            &["email", "email_verified", "groups"],
        ),
        ("openid groups", &["groups"], &["email", "name"]),
        ("openid federated:id", &["federated_claims"], &["email"]),
    ] {
        let login = hooli.begin_with(&[("scope", scope)]);
        let back = walk(&Agent::new(), &login, &MOCK).await;
        let tokens = hooli.tokens(&login, &back).await;
        let userinfo = hooli.userinfo(&tokens.access_token).await.json();
        for claim in there {
            assert_ne!(tokens.claim(claim), &Value::Null, "{scope}: {claim}");
            assert_ne!(userinfo[claim], Value::Null, "{scope}: {claim}");
        }
        for claim in not_there {
            assert_eq!(tokens.claim(claim), &Value::Null, "{scope}: {claim}");
            assert_eq!(userinfo[claim], Value::Null, "{scope}: {claim}");
        }
        assert_eq!(tokens.refresh_token, None, "{scope}");
    }
}

#[tokio::test]
async fn what_is_known_of_a_person_is_released_by_profile_phone_and_address() {
    let portal = shared_server().await.portal();
    let clara = Person::new("claims@acme.example", "password");
    for (person, phone) in [(&clara, "+49 30 123"), (&KIM_OF_INITECH, "+1 555 0100")] {
        for (scope, there, not_there) in [
            (
                "openid profile",
                &[
                    "given_name",
                    "family_name",
                    "nickname",
                    "locale",
                    "birthdate",
                ][..],
                &["phone_number", "phone_number_verified", "address"][..],
            ),
            (
                "openid phone",
                &["phone_number", "phone_number_verified"],
                &["given_name", "address"],
            ),
            (
                "openid address",
                &["address"],
                &["given_name", "phone_number"],
            ),
        ] {
            let login = portal.begin_with(&[("scope", scope)]);
            let back = walk(&Agent::new(), &login, person).await;
            let tokens = portal.tokens(&login, &back).await;
            let userinfo = portal.userinfo(&tokens.access_token).await.json();
            for claim in there {
                assert_ne!(tokens.claim(claim), &Value::Null, "{scope}: {claim}");
                assert_eq!(&userinfo[claim], tokens.claim(claim), "{scope}");
            }
            for claim in not_there {
                assert_eq!(tokens.claim(claim), &Value::Null, "{scope}: {claim}");
                assert_eq!(userinfo[claim], Value::Null, "{scope}: {claim}");
            }
            if scope == "openid phone" {
                assert_eq!(userinfo["phone_number"], phone);
                assert_eq!(userinfo["phone_number_verified"], true);
            }
            if scope == "openid address" {
                assert_eq!(userinfo["address"]["locality"], "Berlin");
                assert_eq!(userinfo["address"].get("region"), None);
            }
        }
    }
}

#[tokio::test]
async fn the_consent_page_has_words_for_phone_and_address_in_every_language() {
    let portal = shared_server().await.portal();
    let clara = Person::new("claims@acme.example", "password");
    let agent = Agent::new();
    let login = portal.begin_with(&[("scope", "openid")]);
    walk(&agent, &login, &clara).await;
    for (language, phone, address) in [
        ("en", "See your phone number", "See your postal address"),
        ("de", "Ihre Telefonnummer sehen", "Ihre Anschrift sehen"),
        ("fr", "numéro de téléphone", "adresse postale"),
    ] {
        let login = portal.begin_with(&[
            ("scope", "openid phone address"),
            ("prompt", "consent"),
            ("ui_locales", language),
        ]);
        let words = agent.get(&login.url).await.expect(200).page().words();
        assert!(words.contains(phone) && words.contains(address), "{words}");
    }
}

#[tokio::test]
async fn a_peer_that_trusts_is_an_audience_and_azp_says_for_whom() {
    let shared_server = shared_server().await;
    for (party, person, peer) in [
        (shared_server.portal(), MOCK, "wiki"),
        (shared_server.globex(), MOCK, "kubernetes"),
    ] {
        let scope = format!("openid audience:server:client_id:{peer}");
        let login = party.begin_with(&[("scope", &scope)]);
        let back = walk(&Agent::new(), &login, &person).await;
        let tokens = party.tokens(&login, &back).await;
        assert_eq!(tokens.claim("aud"), &json!([peer, party.client_id]));
        assert_eq!(tokens.claim("azp"), party.client_id.as_str());
        // The peer reads it as its own.
        party
            .keys()
            .await
            .verify(&tokens.id().token, &party.issuer, peer);
    }
}

#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let hooli = shared_server().await.hooli();
    let login = hooli.begin_with(&[("scope", "email")]);
    let back = walk(&Agent::new(), &login, &MOCK).await;
    let answer = hooli.redeem(&login, back.code()).await.expect(200).json();
    assert_eq!(answer["id_token"], Value::Null);
    let claims = claims_of(answer["access_token"].as_str().unwrap());
    assert_eq!(claims["scope"], "email");
}
