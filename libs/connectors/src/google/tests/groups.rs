use insula_connector_kit::ConnectorError;
use insula_jose::{Expected, Jwks};
use insula_model::Rules;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, ResponseTemplate};

use super::{
    GROUPS, TOKEN_OF_SERVICES, a_google, groups_of, json_of, key, log_in, log_in_as, open,
    open_with, with_directory, with_groups,
};
use crate::testing::{FakeUpstream, NOW, a_login, form};

async fn groups(fake: &FakeUpstream, more: &Value) -> Result<Vec<String>, ConnectorError> {
    let google = open(fake, &with_directory(fake, more))?;
    let told = log_in_as(&google, fake, &with_groups(), &json!({})).await;
    told.map(|told| told.claims.groups)
}

/// Answers about one member, and one page of it.
async fn serve(fake: &FakeUpstream, member: &str, page: Option<&str>, answer: Value) {
    let mock = Mock::given(method("GET"))
        .and(path(GROUPS))
        .and(query_param("userKey", member));
    let mock = match page {
        None => mock.and(query_param_is_missing("pageToken")),
        Some(page) => mock.and(query_param("pageToken", page)),
    };
    mock.respond_with(json_of(200, &answer))
        .with_priority(1)
        .mount(&fake.server)
        .await;
}

#[tokio::test]
async fn the_directory_is_asked_as_the_administrator_of_the_domain_with_a_signed_assertion() {
    let fake = a_google().await;
    let admins =
        json!({"domainToAdminEmail": {"Acme.Test": "root@acme.test", "*": "any@acme.test"}});
    let google = open(&fake, &with_directory(&fake, &admins)).unwrap();
    for _ in 0..2 {
        let told = log_in_as(&google, &fake, &with_groups(), &json!({})).await;
        assert_eq!(
            told.unwrap().claims.groups,
            ["build@acme.test", "staff@acme.test"]
        );
    }
    // The token serves on.
    let exchanges = fake.calls(TOKEN_OF_SERVICES).await;
    assert_eq!(exchanges.len(), 1);
    let sent = form(&exchanges[0]);
    assert_eq!(
        sent["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    let keys = Jwks::parse(&json!({"keys": [key().public_jwk()]}).to_string()).unwrap();
    let endpoint = fake.url(TOKEN_OF_SERVICES);
    let expected = Expected::from_issuer("insula@acme.iam.gserviceaccount.com")
        .for_audience(endpoint.as_str());
    let claims = keys.verify(&sent["assertion"], NOW, &expected).unwrap();
    assert_eq!(claims.get("sub"), Some(&json!("root@acme.test")));
    let scope = "https://www.googleapis.com/auth/admin.directory.group.readonly";
    assert_eq!(claims.get("scope"), Some(&json!(scope)));
    let end = claims.timestamp("exp").unwrap();
    assert!(end > NOW && end.as_secs() <= NOW.as_secs() + 3600);
    let asked = &fake.calls(GROUPS).await[0];
    assert_eq!(asked.headers["authorization"], "Bearer ya29.service");
    assert_eq!(
        asked.url.query(),
        Some("userKey=elisa%40acme.test&maxResults=200")
    );

    let other = json!({"email": "kim@globex.test", "sub": "7"});
    let told = log_in_as(&google, &fake, &with_groups(), &other).await;
    assert!(told.is_ok());
    let sent = form(&fake.calls(TOKEN_OF_SERVICES).await[1]);
    let claims = keys.verify(&sent["assertion"], NOW, &expected).unwrap();
    assert_eq!(claims.get("sub"), Some(&json!("any@acme.test")));
}

#[tokio::test]
async fn groups_come_with_all_their_pages() {
    let fake = a_google().await;
    let elisa = "elisa@acme.test";
    serve(&fake, elisa, None, groups_of(&["a@acme.test"], Some("p 2"))).await;
    serve(&fake, elisa, Some("p 2"), groups_of(&["b@acme.test"], None)).await;
    let told = groups(&fake, &json!({})).await;
    assert_eq!(told.unwrap(), ["a@acme.test", "b@acme.test"]);

    let endless = groups_of(&["c@acme.test"], Some("again"));
    serve(&fake, "elisa@acme.test", Some("p 2"), endless.clone()).await;
    let fake = a_google().await;
    fake.serve(GROUPS, endless).await;
    let told = groups(&fake, &json!({})).await;
    assert!(matches!(told, Err(ConnectorError::Upstream(_))), "{told:?}");
}

#[tokio::test]
async fn groups_of_groups_count_where_they_are_asked_for_and_a_circle_ends() {
    let fake = a_google().await;
    let (inner, outer) = ("inner@acme.test", "outer@acme.test");
    serve(&fake, "elisa@acme.test", None, groups_of(&[inner], None)).await;
    serve(&fake, inner, None, groups_of(&[outer], None)).await;
    serve(&fake, outer, None, groups_of(&[inner], None)).await;
    assert_eq!(groups(&fake, &json!({})).await.unwrap(), [inner]);
    let deep = json!({"fetchTransitiveGroupMembership": true});
    assert_eq!(groups(&fake, &deep).await.unwrap(), [inner, outer]);
    let none = groups_of(&[], None);
    serve(&fake, "kim@acme.test", None, none).await;
    let google = open(&fake, &with_directory(&fake, &deep)).unwrap();
    let kim = json!({"email": "kim@acme.test"});
    let told = log_in_as(&google, &fake, &with_groups(), &kim)
        .await
        .unwrap();
    assert!(told.claims.groups.is_empty());
}

#[tokio::test]
async fn who_is_in_no_required_group_is_kept_out_though_the_client_wants_no_groups() {
    let fake = a_google().await;
    let required = |group: &str| with_directory(&fake, &json!({ "groups": [group] }));
    let google = open(&fake, &required("staff@acme.test")).unwrap();
    let told = log_in(&google, &fake).await.unwrap();
    assert_eq!(told.claims.groups, ["staff@acme.test"]);
    let known = told;
    fake.serve(GROUPS, groups_of(&["build@acme.test"], None))
        .await;
    assert_eq!(
        log_in(&google, &fake).await,
        Err(ConnectorError::NotInGroup)
    );
    let again = super::refreshed(&google, &fake, &known, Some(&json!({}))).await;
    assert_eq!(again, Err(ConnectorError::NotInGroup));
    // Whom the directory does not know is in none.
    let unknown = json!({"error": {"code": 404, "message": "Domain not found.", "errors": [
        {"message": "Domain not found.", "domain": "global", "reason": "notFound"}]}});
    fake.answer("GET", GROUPS, json_of(404, &unknown)).await;
    assert_eq!(
        log_in(&google, &fake).await,
        Err(ConnectorError::NotInGroup)
    );
    let none = groups(&fake, &json!({})).await;
    assert_eq!(none, Ok(Vec::new()));
}

#[tokio::test]
async fn groups_that_nobody_tells_let_in_under_dexs_rules_alone() {
    let fake = a_google().await;
    let untold = json!({"groups": ["staff@acme.test"]});
    let refused = open(&fake, &untold).err();
    assert!(matches!(refused, Some(ConnectorError::Settings(_))));
    let of_dex = open_with(&fake, &untold, |ctx| ctx.rules = Rules::DEX).unwrap();
    assert!(log_in(&of_dex, &fake).await.is_ok());
}

#[tokio::test]
async fn a_person_of_a_domain_without_administrator_or_without_an_address_is_told_why() {
    let fake = a_google().await;
    let admins = json!({"domainToAdminEmail": {"globex.test": "root@globex.test"}});
    let said = groups(&fake, &admins).await.unwrap_err();
    assert!(matches!(&said, ConnectorError::Settings(why) if why.contains("domainToAdminEmail")));
    let google = open(&fake, &with_directory(&fake, &json!({}))).unwrap();
    let nameless = json!({"email": null});
    let said = log_in_as(&google, &fake, &with_groups(), &nameless)
        .await
        .unwrap_err();
    assert!(said.to_string().contains("add email to scopes"), "{said}");
    assert!(
        log_in_as(&google, &fake, &a_login(), &nameless)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn trouble_at_the_directory_is_never_told_as_a_persons() {
    let error = |code: u16, reason: &str| {
        let said = json!({"error": {"code": code, "message": "elisa@acme.test", "errors": [
            {"domain": "usageLimits", "reason": reason, "message": "elisa@acme.test"}]}});
        json_of(code, &said)
    };
    for (answer, says) in [
        (error(403, "forbidden"), "may not read groups"),
        (error(403, "accessNotConfigured"), "Admin SDK API"),
        (error(403, "quotaExceeded"), "too much is asked"),
        (error(403, "userRateLimitExceeded"), "too much is asked"),
        (error(429, "rateLimitExceeded"), "too much is asked"),
        (error(500, "backendError"), "it answered 500"),
        (error(503, "backendError"), "it answered 503"),
        (error(400, "invalid"), "it answered 400"),
        (error(401, "authError"), "refuses a new token"),
    ] {
        let fake = a_google().await;
        fake.answer("GET", GROUPS, answer).await;
        let said = groups(&fake, &json!({})).await.unwrap_err();
        let is_said = matches!(&said, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{says}: {said:?}");
        assert!(!said.to_string().contains("elisa"), "{said}");
    }
}

#[tokio::test]
async fn a_service_account_that_is_refused_is_told_with_what_helps() {
    let error = |word: &str| {
        json!({"error": word, "error_description": "Client is unauthorized to \
        retrieve access tokens using this method, or client not authorized for any of the scopes requested."})
    };
    for (status, word, says) in [
        (401, "unauthorized_client", "delegate the scope"),
        (403, "access_denied", "delegate the scope"),
        (400, "invalid_grant", "the clock"),
        (400, "invalid_scope", "invalid_scope"),
        (429, "rate_limited", "too much is asked"),
        (503, "internal_failure", "it answered 503"),
    ] {
        let fake = a_google().await;
        fake.answer("POST", TOKEN_OF_SERVICES, json_of(status, &error(word)))
            .await;
        let said = groups(&fake, &json!({})).await.unwrap_err();
        let is_said = matches!(&said, ConnectorError::Upstream(why) if why.contains(says));
        assert!(is_said, "{says}: {said:?}");
        // People whose groups nobody wants log in.
        let google = open(&fake, &with_directory(&fake, &json!({}))).unwrap();
        assert!(log_in(&google, &fake).await.is_ok());
    }
}

#[tokio::test]
async fn a_token_that_is_refused_or_about_to_end_is_replaced() {
    let fake = a_google().await;
    let google = open(&fake, &with_directory(&fake, &json!({}))).unwrap();
    let mut ctx = with_groups();
    assert!(log_in_as(&google, &fake, &ctx, &json!({})).await.is_ok());
    // A service account whose key was changed, and back.
    let refuse_once = ResponseTemplate::new(401);
    Mock::given(path(GROUPS))
        .respond_with(refuse_once)
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&fake.server)
        .await;
    assert!(log_in_as(&google, &fake, &ctx, &json!({})).await.is_ok());
    assert_eq!(fake.calls(TOKEN_OF_SERVICES).await.len(), 2);
    ctx.now = insula_ambient::Timestamp::from_secs(NOW.as_secs() + 3599 - 60);
    assert!(log_in_as(&google, &fake, &ctx, &json!({})).await.is_ok());
    assert_eq!(fake.calls(TOKEN_OF_SERVICES).await.len(), 3);
}
