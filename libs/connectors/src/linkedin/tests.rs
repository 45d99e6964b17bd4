//! LinkedIn in a laboratory. Its answers are those of Microsoft Learn, "Sign In with LinkedIn using
//! OpenID Connect" (linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2), "LinkedIn
//! 3-Legged OAuth Flow" and "Error Handling" (linkedin/shared/api-guide/concepts/error-handling).

use std::collections::{BTreeSet, HashMap};

use insula_connector_kit::{
    Challenge, Connector, ConnectorError, Reply, UpstreamIdentity, connector_contract,
};
use insula_model::Claim;
use insula_oauth::Params;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::settings::SETTINGS;
use super::{Linkedin, Site, check};
use crate::settings::paths;
use crate::testing::{
    CALLBACK, FakeUpstream, a_clock, a_login, a_spec, an_issuer, an_open_context, asked, form,
    local_http, log_in,
};

const TOKEN: &str = "/oauth/v2/accessToken";
const USERINFO: &str = "/v2/userinfo";

fn config() -> Value {
    json!({"clientID": "us", "clientSecret": "s:cret", "redirectURI": CALLBACK})
}

fn opened(fake: &FakeUpstream, config: Value) -> Result<Linkedin, ConnectorError> {
    let site = Site {
        authorization: fake.url("/oauth/v2/authorization").into(),
        token: fake.url(TOKEN).into(),
        userinfo: fake.url(USERINFO).into(),
    };
    let spec = a_spec("linkedin", config);
    Linkedin::at(&site, &local_http(), &spec, &an_open_context(&a_clock()))
}

/// The connector, and a LinkedIn that knows John.
async fn linkedin() -> (Linkedin, FakeUpstream) {
    let fake = FakeUpstream::new().await;
    give(&fake, json!({})).await;
    fake.serve(USERINFO, john(&json!({}))).await;
    (opened(&fake, config()).unwrap(), fake)
}

/// John, of whom more is said, or something else; `null` is nothing.
fn john(more: &Value) -> Value {
    let john = json!({"sub": "782bbtaQ", "name": "John Doe", "given_name": "John",
        "family_name": "Doe", "picture": "https://media.licdn-ei.com/dms/image/C5F03AQHqK8v7tB1HCQ/0/",
        "locale": "en-US", "email": "doe@email.com", "email_verified": true});
    merged(john, more)
}

fn merged(mut one: Value, more: &Value) -> Value {
    let more = more.as_object().unwrap().clone();
    one.as_object_mut().unwrap().extend(more);
    one
}

fn json_of(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

async fn give(fake: &FakeUpstream, more: Value) {
    let tokens = json!({"access_token": "AQX1", "expires_in": 5_184_000,
        "scope": "email,openid,profile", "token_type": "Bearer", "id_token": "not.looked.at"});
    fake.answer("POST", TOKEN, json_of(200, &merged(tokens, &more)))
        .await;
}

connector_contract!(contract, linkedin().await, a_login());

#[tokio::test]
async fn linkedin_is_asked_for_todays_scopes_without_what_it_refuses() {
    let site = Site::of_linkedin();
    assert_eq!(
        site.authorization,
        "https://www.linkedin.com/oauth/v2/authorization"
    );
    assert_eq!(site.token, "https://www.linkedin.com/oauth/v2/accessToken");
    assert_eq!(site.userinfo, "https://api.linkedin.com/v2/userinfo");
    let (linkedin, _fake) = linkedin().await;
    let asked = asked(&linkedin, &a_login()).await;
    let expected = [
        ("client_id", "us"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid profile email"),
        ("state", "state1"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(
        asked,
        HashMap::from(expected),
        "no code challenge, no nonce"
    );
}

#[tokio::test]
async fn a_person_is_who_userinfo_says() {
    let (linkedin, fake) = linkedin().await;
    let who = log_in(&linkedin, &a_login()).await.unwrap().claims;
    assert_eq!(who.user_id.as_str(), "782bbtaQ");
    assert_eq!(
        (who.username.as_str(), who.preferred_username.as_str()),
        ("John Doe", "")
    );
    assert_eq!(
        (who.email.as_str(), who.email_verified),
        ("doe@email.com", true)
    );
    assert!(who.groups.is_empty());
    let details = who.details.unwrap();
    assert_eq!(details.text(Claim::GivenName), Some("John"));
    assert_eq!(details.text(Claim::Locale), Some("en-US"));

    let asked = &fake.calls(USERINFO).await[0];
    assert_eq!(asked.headers["authorization"], "Bearer AQX1");
    let redeemed = &fake.calls(TOKEN).await[0];
    assert!(
        !redeemed.headers.contains_key("authorization"),
        "LinkedIn reads the body alone"
    );
    let form = form(redeemed);
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "c1"),
        ("redirect_uri", CALLBACK),
        ("client_id", "us"),
        ("client_secret", "s:cret"),
    ] {
        assert_eq!(form.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!form.contains_key("code_verifier"));
}

#[tokio::test]
async fn an_address_counts_as_verified_only_where_linkedin_says_so_and_a_name_may_be_missing() {
    for (told, email, verified) in [
        (json!({"email_verified": "true"}), "doe@email.com", true),
        (json!({"email_verified": false}), "doe@email.com", false),
        (json!({"email_verified": null}), "doe@email.com", false),
        (json!({"email": null}), "", false),
    ] {
        let (linkedin, fake) = linkedin().await;
        // The language as an object, as another document of LinkedIn's has it.
        let odd = json!({"name": null, "locale": {"country": "US", "language": "en"}});
        fake.serve(USERINFO, merged(john(&odd), &told)).await;
        let who = log_in(&linkedin, &a_login()).await.unwrap().claims;
        assert_eq!(
            (who.email.as_str(), who.email_verified),
            (email, verified),
            "{told}"
        );
        assert_eq!(who.username, email, "dex's name for who has none");
    }
}

#[tokio::test]
async fn answers_that_name_nobody_let_nobody_in() {
    let denied = json!({"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED",
        "message": "Not enough permissions to access: userinfo.GET.NO_VERSION"});
    for (status, body, expected) in [
        (200, json!({"name": "John Doe"}), "no \"sub\""),
        (200, json!({"sub": 7}), "not a text"),
        (200, json!([]), "not a JSON object"),
        (403, denied, "answered 403"),
        (
            404,
            json!({"status": 404, "message": "Not found"}),
            "answered 404",
        ),
    ] {
        let (linkedin, fake) = linkedin().await;
        fake.answer("GET", USERINFO, json_of(status, &body)).await;
        let refused = log_in(&linkedin, &a_login()).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[tokio::test]
async fn trouble_of_linkedins_passes_and_a_revoked_token_does_not() {
    let throttled = json!({"status": 429, "serviceErrorCode": 101, "code": "TOO_MANY_REQUESTS",
        "message": "Resource level throttle LIMIT for calls to this resource is reached."});
    let revoked = json!({"status": 401, "serviceErrorCode": 65601, "code": "REVOKED_ACCESS_TOKEN",
        "message": "The token used in the request has been revoked by the user"});
    for (status, body, passes) in [
        (429, throttled, true),
        (503, json!({}), true),
        (401, revoked, false),
    ] {
        let (linkedin, fake) = linkedin().await;
        fake.answer("GET", USERINFO, json_of(status, &body)).await;
        match log_in(&linkedin, &a_login()).await {
            Err(ConnectorError::Upstream(_)) => assert!(passes, "{status}"),
            Err(ConnectorError::Denied(_)) => assert!(!passes, "{status}"),
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_no_is_a_no_and_scopes_that_were_not_granted_are_named() {
    let (linkedin, _fake) = linkedin().await;
    let ctx = a_login();
    let Challenge::Redirect { memory, .. } = linkedin.begin(&ctx).await.unwrap() else {
        panic!("nobody is sent anywhere");
    };
    let answered = async |error: &str| {
        let query = format!("error={error}&state=state1&error_description=Scope+%22openid%22");
        let reply = Reply::Query(Params::parse(&query).unwrap());
        linkedin.complete(&ctx, &memory, reply).await
    };
    let said = "it answered the error unauthorized_scope_error".to_owned();
    assert_eq!(
        answered("unauthorized_scope_error").await,
        Err(ConnectorError::SaidToFail(said))
    );
    for no in ["user_cancelled_login", "user_cancelled_authorize"] {
        assert_eq!(answered(no).await, Err(ConnectorError::Declined), "{no}");
    }
}

#[tokio::test]
async fn a_refresh_asks_again_and_renews_a_token_that_ran_out() {
    let (linkedin, fake) = linkedin().await;
    give(&fake, json!({"refresh_token": "AQY1"})).await;
    let known = log_in(&linkedin, &a_login()).await.unwrap();

    fake.serve(USERINFO, john(&json!({"name": "John Roe"})))
        .await;
    let again = linkedin.refresh(&a_login(), &known).await.unwrap();
    assert_eq!(again.claims.username, "John Roe");
    assert_eq!(fake.calls(TOKEN).await.len(), 1);

    let expired = json!({"status": 401, "code": "EXPIRED_ACCESS_TOKEN"});
    fake.answer("GET", USERINFO, json_of(401, &expired)).await;
    give(&fake, json!({"access_token": "AQX2"})).await;
    let refused = linkedin.refresh(&a_login(), &known).await;
    assert!(
        matches!(refused, Err(ConnectorError::Denied(_))),
        "{refused:?}"
    );
    let asked = fake.calls(TOKEN).await;
    assert_eq!(
        form(&asked[1]).get("refresh_token").map(String::as_str),
        Some("AQY1")
    );
    let asked = fake.calls(USERINFO).await;
    assert_eq!(
        asked.last().unwrap().headers["authorization"],
        "Bearer AQX2"
    );
}

#[tokio::test]
async fn a_refresh_ends_where_the_person_is_gone_or_is_another() {
    let (linkedin, fake) = linkedin().await;
    let known = log_in(&linkedin, &a_login()).await.unwrap();
    // As dex kept it.
    let of_dex = UpstreamIdentity {
        connector_data: Some(br#"{"AccessToken":"AQX1"}"#.to_vec()),
        ..known.clone()
    };
    assert!(linkedin.refresh(&a_login(), &of_dex).await.is_ok());
    let other = john(&json!({"sub": "somebody-else"}));
    for answer in [json_of(401, &json!({})), json_of(200, &other)] {
        fake.answer("GET", USERINFO, answer).await;
        let refused = linkedin.refresh(&a_login(), &known).await;
        assert!(
            matches!(refused, Err(ConnectorError::Denied(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn every_setting_changes_what_linkedin_is_told() {
    let mut seen = BTreeSet::new();
    for (name, other) in [
        ("clientID", "them"),
        ("clientSecret", "other"),
        ("redirectURI", "https://other.test/callback"),
    ] {
        seen.insert(name.to_owned());
        let (_, fake) = linkedin().await;
        let changed = merged(config(), &json!({ name: other }));
        if name == "redirectURI" {
            let problems = check(&a_spec("linkedin", changed), &an_issuer());
            assert!(problems[0].contains(other), "{problems:?}");
            continue;
        }
        let linkedin = opened(&fake, changed).unwrap();
        log_in(&linkedin, &a_login()).await.unwrap();
        let told = form(&fake.calls(TOKEN).await[0]);
        assert!(told.values().any(|value| value == other), "{name}");
        let without = merged(config(), &json!({ name: null }));
        let problems = check(&a_spec("linkedin", without), &an_issuer());
        assert_eq!(problems, [format!("{name} is missing")]);
    }
    assert_eq!(seen, paths(SETTINGS));
}
