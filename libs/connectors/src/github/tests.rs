//! What GitHub answers was compared with its OpenAPI description, version 2022-11-28: Users, Emails, Teams,
//! Organization members. Tokens, paging and limits are written from memory of its guide.

mod settings;

use insula_connector_kit::{
    Connector, ConnectorError, LoginContext, UpstreamIdentity, connector_contract,
};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::{Github, Site};
use crate::testing::{
    CALLBACK, FakeUpstream, a_clock, a_login, a_spec, an_open_context, asked, form, local_http,
    log_in,
};

/// Mona, who shows no address on her profile.
fn mona() -> Value {
    json!({"login": "octocat", "id": 583_231, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "type": "User",
        "name": "Mona Lisa", "company": "@github", "email": null, "two_factor_authentication": true})
}

fn emails() -> Value {
    json!([
        {"email": "mona@home.test", "verified": true, "primary": true, "visibility": "private"},
        {"email": "mona@eng.acme.test", "verified": true, "primary": false, "visibility": null},
        {"email": "mona@old.test", "verified": false, "primary": false, "visibility": null},
    ])
}

fn team(org: &str, name: &str, slug: &str) -> Value {
    json!({"id": 1, "name": name, "slug": slug, "privacy": "closed", "permission": "pull",
        "organization": {"login": org, "id": 1}, "parent": null})
}

pub(super) async fn a_github() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    let tokens =
        json!({"access_token": "gho_1", "scope": "user:email,read:org", "token_type": "bearer"});
    give(&fake, tokens).await;
    fake.serve("/user", mona()).await;
    fake.serve("/user/emails", emails()).await;
    let teams = json!([
        team("Acme", "Red & Blue", "red-blue"),
        team("Acme", "Owners", "owners"),
        team("globex", "Staff", "staff"),
    ]);
    fake.serve("/user/teams", teams).await;
    fake.serve(
        "/user/orgs",
        json!([{"login": "Acme", "id": 1}, {"login": "globex", "id": 2}]),
    )
    .await;
    for org in ["acme", "Acme", "globex"] {
        let yes = ResponseTemplate::new(204);
        fake.answer("GET", &format!("/orgs/{org}/members/octocat"), yes)
            .await;
    }
    fake
}

async fn give(fake: &FakeUpstream, tokens: Value) {
    let answer = ResponseTemplate::new(200).set_body_json(tokens);
    fake.answer("POST", "/login/oauth/access_token", answer)
        .await;
}

pub(super) fn config(more: &Value) -> Value {
    let mut config = json!({"clientID": "us", "clientSecret": "s", "redirectURI": CALLBACK});
    let more = more.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    config
}

/// A connector of which GitHub's addresses are those of the fake.
pub(super) fn open(fake: &FakeUpstream, more: &Value) -> Result<Github, ConnectorError> {
    let spec = a_spec("github", config(more));
    let ctx = an_open_context(&a_clock());
    let settings = Github::settings(&spec, &ctx)?;
    let site = Site {
        pages: fake.url("/"),
        api: fake.url("/"),
        is_enterprise: !settings.host_name.is_empty(),
    };
    Github::at(site, settings, &local_http(), &spec, &ctx)
}

fn with_groups() -> LoginContext {
    LoginContext {
        groups: true,
        ..a_login()
    }
}

async fn login(more: Value) -> Result<UpstreamIdentity, ConnectorError> {
    let fake = a_github().await;
    log_in(&open(&fake, &more).unwrap(), &with_groups()).await
}

async fn groups(more: Value) -> Vec<String> {
    login(more).await.unwrap().claims.groups
}

async fn for_contract() -> (Github, FakeUpstream) {
    let fake = a_github().await;
    (open(&fake, &json!({})).unwrap(), fake)
}

connector_contract!(contract, for_contract().await, a_login());

#[tokio::test]
async fn a_person_is_who_the_api_says_and_known_by_a_number() {
    let fake = a_github().await;
    let github = open(&fake, &json!({})).unwrap();
    let mona = log_in(&github, &a_login()).await.unwrap().claims;
    assert_eq!(mona.user_id.as_str(), "583231");
    assert_eq!(
        (mona.username.as_str(), mona.preferred_username.as_str()),
        ("Mona Lisa", "octocat")
    );
    assert_eq!(
        (mona.email.as_str(), mona.email_verified),
        ("mona@home.test", true)
    );
    assert_eq!(mona.groups, Vec::<String>::new());

    let asked = asked(&github, &a_login()).await;
    assert_eq!(asked["scope"], "user:email");
    let redeemed = form(&fake.calls("/login/oauth/access_token").await[0]);
    assert_eq!(redeemed["code"], "c1");
    assert!(!redeemed["code_verifier"].is_empty());
    let call = &fake.calls("/user").await[0];
    assert_eq!(call.headers["authorization"], "Bearer gho_1");
    assert_eq!(call.headers["accept"], "application/vnd.github+json");
    assert_eq!(call.headers["x-github-api-version"], "2022-11-28");
    assert!(
        fake.calls("/user/teams").await.is_empty(),
        "nobody wants groups"
    );
}

#[tokio::test]
async fn an_address_is_verified_or_none() {
    let fake = a_github().await;
    let github = open(&fake, &json!({})).unwrap();
    // The one of the profile counts where it is verified.
    for (shown, told) in [
        ("mona@eng.acme.test", "mona@eng.acme.test"),
        ("mona@old.test", "mona@home.test"),
    ] {
        let mut user = mona();
        user["email"] = shown.into();
        fake.serve("/user", user).await;
        let mona = log_in(&github, &a_login()).await.unwrap().claims;
        assert_eq!((mona.email.as_str(), mona.email_verified), (told, true));
    }
    // A GitHub App may not be allowed to read the list.
    fake.answer("GET", "/user/emails", ResponseTemplate::new(403))
        .await;
    let claims = log_in(&github, &a_login()).await.unwrap().claims;
    assert_eq!(
        (claims.email.as_str(), claims.email_verified),
        ("mona@old.test", false)
    );
    let none = json!([{"email": "mona@old.test", "verified": false, "primary": true}]);
    fake.serve("/user/emails", none.clone()).await;
    let refused = log_in(&github, &a_login()).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("no verified, primary mail address"),
        "{refused}"
    );
    // An Enterprise Server may verify no addresses at all.
    let enterprise = open(&fake, &json!({"hostName": "git.test"})).unwrap();
    let claims = log_in(&enterprise, &a_login()).await.unwrap().claims;
    assert_eq!(
        (claims.email.as_str(), claims.email_verified),
        ("mona@old.test", true)
    );
}

#[tokio::test]
async fn the_domain_people_prefer_goes_before_their_primary_address() {
    for (domain, told) in [
        ("*.acme.test", "mona@eng.acme.test"),
        ("eng.acme.test", "mona@eng.acme.test"),
        ("acme.test", "mona@home.test"),
        ("old.test", "mona@home.test"),
    ] {
        let mona = login(json!({ "preferredEmailDomain": domain }))
            .await
            .unwrap();
        assert_eq!(mona.claims.email, told, "{domain}");
    }
}

#[tokio::test]
async fn teams_are_called_as_the_settings_want_them() {
    let orgs = json!([{"name": "acme"}]);
    for (field, told) in [
        ("name", &["acme:Red & Blue", "acme:Owners"][..]),
        ("slug", &["acme:red-blue", "acme:owners"]),
        (
            "both",
            &[
                "acme:Red & Blue",
                "acme:red-blue",
                "acme:Owners",
                "acme:owners",
            ],
        ),
    ] {
        assert_eq!(
            groups(json!({"orgs": orgs, "teamNameField": field})).await,
            told
        );
    }
    let listed =
        json!([{"name": "acme", "teams": ["Owners"]}, {"name": "globex", "teams": ["None"]}]);
    assert_eq!(groups(json!({ "orgs": listed })).await, ["acme:Owners"]);
    assert_eq!(
        groups(json!({"org": "acme"})).await,
        ["Red & Blue", "Owners"]
    );
    let all = [
        "Acme",
        "Acme:Red & Blue",
        "Acme:Owners",
        "globex",
        "globex:Staff",
    ];
    assert_eq!(groups(json!({"loadAllGroups": true})).await, all);
    assert_eq!(groups(json!({})).await, Vec::<String>::new());
}

#[tokio::test]
async fn who_is_in_no_organisation_that_is_named_is_not_let_in_whatever_the_client_asks() {
    let fake = a_github().await;
    for answer in [
        ResponseTemplate::new(404),
        ResponseTemplate::new(302).insert_header("location", "/orgs/other/public_members/octocat"),
        ResponseTemplate::new(403).insert_header(
            "x-github-sso",
            "required; url=https://github.com/orgs/other/sso",
        ),
    ] {
        fake.answer("GET", "/orgs/other/members/octocat", answer)
            .await;
        for ctx in [a_login(), with_groups()] {
            let github = open(&fake, &json!({"orgs": [{"name": "other"}]})).unwrap();
            assert_eq!(asked(&github, &ctx).await["scope"], "user:email read:org");
            let refused = log_in(&github, &ctx).await;
            assert_eq!(refused, Err(ConnectorError::NotInGroup));
        }
    }
    // A member without the team that is required is not let in either.
    let github = open(
        &fake,
        &json!({"orgs": [{"name": "acme", "teams": ["Board"]}]}),
    )
    .unwrap();
    assert_eq!(
        log_in(&github, &a_login()).await,
        Err(ConnectorError::NotInGroup)
    );
    // A member of an organisation all of whose members are let in needs no team.
    fake.serve("/user/teams", json!([])).await;
    let github = open(&fake, &json!({"orgs": [{"name": "acme"}]})).unwrap();
    let mona = log_in(&github, &a_login()).await.unwrap();
    assert_eq!(mona.claims.groups, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let fake = a_github().await;
    let page = |from: usize, to: usize| {
        let teams = (from..to).map(|n| team("acme", &format!("t{n}"), &format!("t{n}")));
        ResponseTemplate::new(200).set_body_json(teams.collect::<Vec<_>>())
    };
    for (number, answer) in [("1", page(0, 100)), ("2", page(100, 130))] {
        let mock = wiremock::Mock::given(wiremock::matchers::path("/user/teams"))
            .and(wiremock::matchers::query_param("page", number))
            .and(wiremock::matchers::query_param("per_page", "100"))
            .respond_with(answer);
        mock.with_priority(1).mount(&fake.server).await;
    }
    let github = open(&fake, &json!({"orgs": [{"name": "acme"}]})).unwrap();
    let mona = log_in(&github, &a_login()).await.unwrap();
    assert_eq!(mona.claims.groups.len(), 130);
    assert_eq!(fake.calls("/user/teams").await.len(), 2);
}

#[tokio::test]
async fn trouble_at_github_is_for_now_and_a_token_it_takes_no_more_is_for_good() {
    let fake = a_github().await;
    let github = open(&fake, &json!({})).unwrap();
    let known = log_in(&github, &a_login()).await.unwrap();
    for (answer, says) in [
        (
            ResponseTemplate::new(502),
            "it answered 502 when asked for its user",
        ),
        (ResponseTemplate::new(429), "too much is asked of it"),
        (
            ResponseTemplate::new(403).insert_header("retry-after", "60"),
            "too much is asked of it",
        ),
        (
            ResponseTemplate::new(403).insert_header("x-ratelimit-remaining", "0"),
            "too much is asked of it",
        ),
        (ResponseTemplate::new(404), "it answered 404"),
    ] {
        fake.answer("GET", "/user", answer).await;
        let failed = github.refresh(&a_login(), &known).await.unwrap_err();
        let is_said = matches!(&failed, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{failed:?}");
    }
    // GitHub: a token that was revoked is 401, "Bad credentials".
    fake.answer("GET", "/user", ResponseTemplate::new(401))
        .await;
    let ended = github.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
    assert!(!format!("{ended}").contains("gho_1"));
}

#[tokio::test]
async fn a_refresh_tells_the_groups_of_today_without_a_new_token() {
    let fake = a_github().await;
    let github = open(&fake, &json!({"orgs": [{"name": "acme"}]})).unwrap();
    let known = log_in(&github, &a_login()).await.unwrap();
    fake.serve("/user/teams", json!([team("Acme", "Owners", "owners")]))
        .await;
    let today = github.refresh(&a_login(), &known).await.unwrap();
    assert_eq!(today.claims.groups, ["acme:Owners"]);
    assert_eq!(today.connector_data, known.connector_data);
    assert_eq!(fake.calls("/login/oauth/access_token").await.len(), 1);
    let gone = ResponseTemplate::new(404);
    fake.answer("GET", "/orgs/acme/members/octocat", gone).await;
    let left = github.refresh(&a_login(), &known).await;
    assert_eq!(left, Err(ConnectorError::NotInGroup));
}

#[tokio::test]
async fn the_token_of_a_github_app_is_renewed_and_what_comes_of_it_kept() {
    let fake = FakeUpstream::new().await;
    give(
        &fake,
        json!({"access_token": "ghu_1", "expires_in": 28800, "refresh_token": "ghr_1",
        "refresh_token_expires_in": 15_897_600, "scope": "", "token_type": "bearer"}),
    )
    .await;
    fake.serve("/user", mona()).await;
    fake.serve("/user/emails", emails()).await;
    let github = open(&fake, &json!({})).unwrap();
    let known = log_in(&github, &a_login()).await.unwrap();
    // Eight hours later.
    fake.answer("GET", "/user", ResponseTemplate::new(401))
        .await;
    let user = ResponseTemplate::new(200).set_body_json(mona());
    wiremock::Mock::given(wiremock::matchers::path("/user"))
        .and(wiremock::matchers::header("authorization", "Bearer ghu_2"))
        .respond_with(user)
        .with_priority(1)
        .mount(&fake.server)
        .await;
    give(
        &fake,
        json!({"access_token": "ghu_2", "refresh_token": "ghr_2", "token_type": "bearer"}),
    )
    .await;
    let renewed = github.refresh(&a_login(), &known).await.unwrap();
    let kept: Value = serde_json::from_slice(renewed.connector_data.as_deref().unwrap()).unwrap();
    assert_eq!(
        kept,
        json!({"accessToken": "ghu_2", "refreshToken": "ghr_2"})
    );
    let call = form(
        fake.calls("/login/oauth/access_token")
            .await
            .last()
            .unwrap(),
    );
    assert_eq!(call["refresh_token"], "ghr_1");
    // GitHub answers 200 with an error where a refresh token is worth nothing.
    give(&fake, json!({"error": "bad_refresh_token", "error_description": "The refresh token passed is incorrect or expired."})).await;
    let ended = github.refresh(&a_login(), &known).await.unwrap_err();
    assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
}

#[tokio::test]
async fn what_dex_kept_of_a_login_is_read() {
    let (github, _fake) = for_contract().await;
    let known = UpstreamIdentity {
        connector_data: Some(br#"{"accessToken":"gho_1"}"#.to_vec()),
        ..log_in(&github, &a_login()).await.unwrap()
    };
    assert!(github.refresh(&a_login(), &known).await.is_ok());
    let nothing = UpstreamIdentity {
        connector_data: None,
        ..known
    };
    let ended = github.refresh(&a_login(), &nothing).await.unwrap_err();
    assert!(matches!(ended, ConnectorError::Denied(_)), "{ended:?}");
}
