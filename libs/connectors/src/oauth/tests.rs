use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use insula_connector_kit::{
    Connector, ConnectorError, OpenContext, UpstreamIdentity, connector_contract,
};
use insula_model::{Issuer, Rules};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::settings::SETTINGS;
use super::{Oauth, as_go_prints, check};
use crate::settings::paths;
use crate::testing::{
    CALLBACK, FakeUpstream, a_clock, a_login, a_spec, an_open_context, asked, form, local_http,
    log_in,
};

async fn an_upstream() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    give(
        &fake,
        json!({"access_token": "at1", "token_type": "bearer"}),
    )
    .await;
    let kim = json!({"id": 12_345_678, "user_name": "Kim", "preferred_username": "kim", "email": "kim@idp.test",
        "email_verified": true, "groups": ["staff", {"name": "ops"}], "badge": "b-7",
        "realm_access": {"roles": ["admin"]}, "odd.key": "flat", "odd": {"key": "nested"}, "ok": "true"});
    fake.serve("/me", kim).await;
    fake
}

async fn give(fake: &FakeUpstream, tokens: Value) {
    let answer = ResponseTemplate::new(200).set_body_json(tokens);
    fake.answer("POST", "/token", answer).await;
}

fn config(fake: &FakeUpstream, more: &Value) -> Value {
    let mut config = json!({"clientID": "us", "clientSecret": "s", "redirectURI": CALLBACK,
        "authorizationURL": fake.url("/authorize"), "tokenURL": fake.url("/token"),
        "userInfoURL": fake.url("/me")});
    let more = more.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    config
}

fn open_by(rules: Rules, fake: &FakeUpstream, more: &Value) -> Result<Oauth, ConnectorError> {
    let ctx = OpenContext {
        rules,
        ..an_open_context(&a_clock())
    };
    Oauth::open(&local_http(), &a_spec("oauth", config(fake, more)), &ctx)
}

fn open(fake: &FakeUpstream, more: &Value) -> Oauth {
    open_by(Rules::STANDARD, fake, more).unwrap()
}

async fn login(more: Value) -> UpstreamIdentity {
    let fake = an_upstream().await;
    log_in(&open(&fake, &more), &a_login()).await.unwrap()
}

async fn for_contract() -> (Oauth, FakeUpstream) {
    let fake = an_upstream().await;
    (open(&fake, &json!({})), fake)
}

connector_contract!(contract, for_contract().await, a_login());

#[tokio::test]
async fn a_person_is_who_userinfo_says() {
    let fake = an_upstream().await;
    let oauth = open(&fake, &json!({"scopes": ["profile", "groups"]}));
    let kim = log_in(&oauth, &a_login()).await.unwrap().claims;
    assert_eq!(kim.user_id.as_str(), "12345678");
    assert_eq!(
        (kim.username.as_str(), kim.preferred_username.as_str()),
        ("Kim", "kim")
    );
    assert_eq!(
        (kim.email.as_str(), kim.email_verified),
        ("kim@idp.test", true)
    );
    assert_eq!(kim.groups, ["staff", "ops"]);
    let asked = asked(&oauth, &a_login()).await;
    assert_eq!(asked["scope"], "profile groups");
    assert_eq!(asked["code_challenge_method"], "S256");
    let redeemed = &fake.calls("/token").await[0];
    assert!(!form(redeemed)["code_verifier"].is_empty());
    assert_eq!(
        fake.calls("/me").await[0].headers["authorization"],
        "Bearer at1"
    );
}

#[tokio::test]
async fn other_members_are_named_and_those_within_others_by_a_path() {
    let mapping = json!({"userIDKey": "badge", "claimMapping": {"userNameKey": "odd.key",
        "preferredUsernameKey": "badge", "groupsKey": "realm_access.roles", "emailKey": "user_name",
        "emailVerifiedKey": "badge"}});
    let kim = login(mapping).await.claims;
    assert_eq!(kim.user_id.as_str(), "b-7");
    assert_eq!(
        (kim.username.as_str(), kim.preferred_username.as_str()),
        ("flat", "b-7")
    );
    assert_eq!((kim.email.as_str(), kim.email_verified), ("Kim", false));
    assert_eq!(kim.groups, ["admin"]);
}

#[tokio::test]
async fn a_number_is_written_by_its_digits_and_as_dex_wrote_it_for_dex() {
    let fake = an_upstream().await;
    let dexs = open_by(Rules::DEX, &fake, &json!({})).unwrap();
    let kim = log_in(&dexs, &a_login()).await.unwrap().claims;
    assert_eq!(kim.user_id.as_str(), "1.2345678e+07");
    // Beyond what a float can tell apart.
    let exact = json!({"id": 9_007_199_254_740_993_u64});
    fake.serve("/me", exact).await;
    let kim = log_in(&open(&fake, &json!({})), &a_login())
        .await
        .unwrap()
        .claims;
    assert_eq!(kim.user_id.as_str(), "9007199254740993");
}

#[test]
fn a_float_is_printed_as_go_does() {
    for (number, printed) in [
        (7.0, "7"),
        (999_999.0, "999999"),
        (1_000_000.0, "1e+06"),
        (123_456_789.0, "1.23456789e+08"),
        (0.5, "0.5"),
        (0.000_01, "1e-05"),
        (1e21, "1e+21"),
        (-12_345_678.0, "-1.2345678e+07"),
        (9_007_199_254_740_993.0, "9.007199254740992e+15"),
    ] {
        assert_eq!(as_go_prints(number), printed);
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_with_what_helps() {
    let fake = an_upstream().await;
    let oauth = open(&fake, &json!({}));
    for (told, says) in [
        (json!({}), "name another member with userIDKey"),
        (
            json!({"id": {"a": 1}}),
            "\"id\" in its userinfo is not one text",
        ),
        (
            json!({"id": ["a", "b"]}),
            "\"id\" in its userinfo is not one text",
        ),
        (json!({"id": "x".repeat(300)}), "longer than 255"),
    ] {
        fake.serve("/me", told).await;
        let refused = log_in(&oauth, &a_login()).await.unwrap_err();
        let is_said = matches!(&refused, ConnectorError::BadReply(why) if why.contains(says));
        assert!(is_said, "{refused:?}");
    }
}

#[tokio::test]
async fn groups_of_an_access_token_that_is_a_jwt_are_added_once() {
    let fake = an_upstream().await;
    let claims = BASE64URL_NOPAD.encode(br#"{"groups": ["staff", "night"]}"#);
    give(
        &fake,
        json!({"access_token": format!("e30.{claims}.x"), "token_type": "Bearer"}),
    )
    .await;
    let kim = log_in(&open(&fake, &json!({})), &a_login())
        .await
        .unwrap()
        .claims;
    assert_eq!(kim.groups, ["staff", "ops", "night"]);
    for opaque in ["a.b", "a.!.c", "a.e30.c.d"] {
        give(
            &fake,
            json!({"access_token": opaque, "token_type": "Bearer"}),
        )
        .await;
        let kim = log_in(&open(&fake, &json!({})), &a_login())
            .await
            .unwrap()
            .claims;
        assert_eq!(kim.groups, ["staff", "ops"]);
    }
}

#[tokio::test]
async fn a_refresh_asks_userinfo_again_and_renews_a_token_that_ended() {
    let fake = an_upstream().await;
    give(
        &fake,
        json!({"access_token": "at1", "token_type": "bearer", "refresh_token": "rt1"}),
    )
    .await;
    let oauth = open(&fake, &json!({}));
    let known = log_in(&oauth, &a_login()).await.unwrap();
    fake.serve("/me", json!({"id": 12_345_678, "groups": ["night"]}))
        .await;
    let today = oauth.refresh(&a_login(), &known).await.unwrap();
    assert_eq!(today.claims.groups, ["night"]);

    fake.answer("GET", "/me", ResponseTemplate::new(503)).await;
    let failed = oauth.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(failed, ConnectorError::Upstream(_)), "{failed:?}");

    fake.answer("GET", "/me", ResponseTemplate::new(401)).await;
    let spent = ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}));
    fake.answer("POST", "/token", spent).await;
    let ended = oauth.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
    assert_eq!(
        form(fake.calls("/token").await.last().unwrap())["refresh_token"],
        "rt1"
    );

    fake.serve("/me", json!({"id": "another"})).await;
    let other = oauth.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(other, ConnectorError::Denied(_)), "{other:?}");
}

#[tokio::test]
async fn what_cannot_work_is_told_when_it_is_read() {
    let fake = an_upstream().await;
    let issuer = Issuer::parse("https://acme.test").unwrap();
    let problems = |more: Value| check(&a_spec("oauth", config(&fake, &more)), &issuer).join("; ");
    assert_eq!(problems(json!({})), "");
    for (settings, says) in [
        (json!({"clientID": ""}), "clientID is missing"),
        (json!({"tokenURL": ""}), "tokenURL is missing"),
        (
            json!({"userInfoURL": "ftp://idp.test"}),
            "userInfoURL must be an address",
        ),
        (
            json!({"authorizationURL": "/authorize"}),
            "authorizationURL must be an address",
        ),
    ] {
        let told = problems(settings);
        assert!(told.contains(says), "{says} is not in {told}");
    }
}

/// All that can be seen of a login.
async fn seen(settings: &Value) -> Vec<String> {
    let fake = an_upstream().await;
    let blurred = |text: String| text.replace(&fake.server.uri(), "UPSTREAM");
    let oauth = match open_by(Rules::STANDARD, &fake, settings) {
        Ok(oauth) => oauth,
        Err(cause) => return vec![cause.to_string()],
    };
    let mut seen = vec![format!(
        "{:?}",
        asked(&oauth, &a_login()).await.get("scope")
    )];
    if let Ok(insula_connector_kit::Challenge::Redirect { to, .. }) = oauth.begin(&a_login()).await
    {
        seen.push(blurred(to.split('?').next().unwrap().to_owned()));
    }
    let told = log_in(&oauth, &a_login()).await;
    let told = told.map(|told| serde_json::to_string(&told.claims).unwrap());
    seen.push(blurred(format!("{told:?}")));
    for call in fake.server.received_requests().await.unwrap() {
        let secret = call.headers.get("authorization");
        seen.push(format!("{} {secret:?}", call.url.path()));
    }
    seen
}

#[tokio::test]
async fn every_setting_changes_something() {
    let elsewhere = "http://127.0.0.1:9/x";
    let mapped = |key: &str| json!({"claimMapping": { key: "badge" }});
    let rows = [
        ("clientID", json!({"clientID": "other"})),
        ("clientSecret", json!({"clientSecret": "other"})),
        (
            "redirectURI",
            json!({"redirectURI": "https://other.test/cb"}),
        ),
        ("authorizationURL", json!({"authorizationURL": elsewhere})),
        ("tokenURL", json!({"tokenURL": elsewhere})),
        ("userInfoURL", json!({"userInfoURL": elsewhere})),
        ("scopes", json!({"scopes": ["a"]})),
        ("rootCAs", json!({"rootCAs": ["x"]})),
        ("userIDKey", json!({"userIDKey": "badge"})),
        ("claimMapping.userNameKey", mapped("userNameKey")),
        (
            "claimMapping.preferredUsernameKey",
            mapped("preferredUsernameKey"),
        ),
        ("claimMapping.groupsKey", mapped("groupsKey")),
        ("claimMapping.emailKey", mapped("emailKey")),
        ("claimMapping.emailVerifiedKey", mapped("emailVerifiedKey")),
    ];
    let mut told: BTreeSet<_> = rows.iter().map(|(path, _)| (*path).to_owned()).collect();
    // Trust is the same code as that of `oidc`, which is shown end to end over TLS.
    told.insert("insecureSkipVerify".to_owned());
    assert_eq!(
        told,
        paths(SETTINGS),
        "every setting is in the table, and no other"
    );
    let before = seen(&json!({})).await;
    assert_eq!(before, seen(&json!({})).await, "one login is as another");
    for (path, with) in rows {
        assert_ne!(before, seen(&with).await, "{path} changes nothing");
    }
}
