//! Microsoft in a laboratory. Its answers are those of Microsoft Learn: "Microsoft identity platform and
//! OAuth 2.0 authorization code flow", and of the Graph v1.0 reference "Get a user", "List
//! organizations", "directoryObject: getMemberGroups", "directoryObject: getByIds", "Paging Microsoft
//! Graph data in your app" and "Microsoft Graph error responses and resource types".

mod email;
mod groups;
mod settings;

use insula_connector_kit::{
    Connector, ConnectorError, LoginContext, UpstreamIdentity, connector_contract,
};
use insula_model::Rules;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::Microsoft;
use crate::testing::{
    CALLBACK, FakeUpstream, a_clock, a_login, a_spec, an_open_context, asked, form, local_http,
    log_in,
};

pub(super) const TOKEN: &str = "/contoso.com/oauth2/v2.0/token";
pub(super) const ME: &str = "/v1.0/me";
pub(super) const ORGANIZATION: &str = "/v1.0/organization";
pub(super) const MEMBER_GROUPS: &str = "/v1.0/me/getMemberGroups";
pub(super) const BY_IDS: &str = "/v1.0/directoryObjects/getByIds";

pub(super) fn merged(mut one: Value, more: &Value) -> Value {
    let more = more.as_object().unwrap().clone();
    one.as_object_mut().unwrap().extend(more);
    one
}

/// Adele, with what is different of her.
pub(super) fn adele(more: &Value) -> Value {
    let adele = json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users/$entity",
        "id": "87d349ed-44d7-43e1-9a83-5f2406dee5bd", "displayName": "Adele Vance",
        "userPrincipalName": "AdeleV@contoso.com", "mail": "Adele.Vance@contoso.com",
        "mailNickname": "AdeleV", "onPremisesSamAccountName": "adelev"});
    merged(adele, more)
}

/// A Microsoft that knows Adele, who is in two groups.
pub(super) async fn a_microsoft() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    give(&fake, &json!({})).await;
    fake.serve(ME, adele(&json!({}))).await;
    let domains = json!([
        {"capabilities": "Email", "isDefault": true, "isInitial": false, "name": "contoso.com",
            "type": "Managed"},
        {"capabilities": "Email", "isDefault": false, "isInitial": true,
            "name": "contoso.onmicrosoft.com", "type": "Managed"},
    ]);
    let organization =
        json!({"id": "84841066-274d-4ec0-a5c1-276be684bdd3", "verifiedDomains": domains});
    fake.serve(ORGANIZATION, json!({ "value": [organization] }))
        .await;
    answer(&fake, MEMBER_GROUPS, &json!({"value": ["g-1", "g-2"]})).await;
    let group = |id: &str, name: &str| {
        json!({"@odata.type": "#microsoft.graph.group", "id": id, "displayName": name,
            "securityEnabled": true})
    };
    let groups = json!([group("g-1", "Staff"), group("g-2", "Contoso Admins")]);
    answer(&fake, BY_IDS, &json!({ "value": groups })).await;
    fake
}

pub(super) async fn answer(fake: &FakeUpstream, at: &str, document: &Value) {
    let template = ResponseTemplate::new(200).set_body_json(document);
    fake.answer("POST", at, template).await;
}

pub(super) async fn give(fake: &FakeUpstream, more: &Value) {
    let tokens = json!({"access_token": "eyJ0-1", "token_type": "Bearer", "expires_in": 3599,
        "scope": "User.Read profile openid email"});
    let tokens = merged(tokens, more);
    answer(fake, TOKEN, &tokens).await;
    answer(fake, "/common/oauth2/v2.0/token", &tokens).await;
}

pub(super) fn config(fake: &FakeUpstream, more: &Value) -> Value {
    let config = json!({"clientID": "us", "clientSecret": "s:cret", "redirectURI": CALLBACK,
        "tenant": "contoso.com", "apiURL": fake.server.uri(), "graphURL": fake.server.uri()});
    merged(config, more)
}

/// The connector of a tenant with such rules.
pub(super) fn open_by(
    rules: Rules,
    fake: &FakeUpstream,
    more: &Value,
) -> Result<Microsoft, ConnectorError> {
    let ctx = insula_connector_kit::OpenContext {
        rules,
        ..an_open_context(&a_clock())
    };
    let spec = a_spec("microsoft", config(fake, more));
    Microsoft::open(&local_http(), &spec, &ctx)
}

pub(super) fn open(fake: &FakeUpstream, more: &Value) -> Microsoft {
    open_by(Rules::STANDARD, fake, more).unwrap()
}

pub(super) fn wanting_groups() -> LoginContext {
    LoginContext {
        groups: true,
        ..a_login()
    }
}

pub(super) fn failing(status: u16, code: &str) -> ResponseTemplate {
    let error = json!({"code": code, "message": "…", "innerError": {"request-id": "r"}});
    ResponseTemplate::new(status).set_body_json(json!({ "error": error }))
}

async fn a_connector() -> (Microsoft, FakeUpstream) {
    let fake = a_microsoft().await;
    (open(&fake, &json!({})), fake)
}

connector_contract!(contract, a_connector().await, a_login());

#[tokio::test]
async fn people_are_sent_to_their_tenant_with_a_code_challenge() {
    let (microsoft, _fake) = a_connector().await;
    let ctx = LoginContext {
        login_hint: Some("adelev@contoso.com".to_owned()),
        ..a_login()
    };
    let asked = asked(&microsoft, &ctx).await;
    assert_eq!(asked["scope"], "user.read");
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["login_hint"], "adelev@contoso.com");
    assert!(!asked.contains_key("prompt"));
}

#[tokio::test]
async fn a_person_is_who_graph_says() {
    let (microsoft, fake) = a_connector().await;
    let who = log_in(&microsoft, &a_login()).await.unwrap().claims;
    assert_eq!(who.user_id.as_str(), "87d349ed-44d7-43e1-9a83-5f2406dee5bd");
    assert_eq!(
        (who.username.as_str(), who.preferred_username.as_str()),
        ("Adele Vance", "")
    );
    assert!(who.groups.is_empty(), "nobody asked for groups");
    assert!(fake.calls(MEMBER_GROUPS).await.is_empty());
    let asked = &fake.calls(ME).await[0];
    assert_eq!(asked.headers["authorization"], "Bearer eyJ0-1");
    let select = "$select=id,displayName,userPrincipalName,mail";
    assert_eq!(asked.url.query(), Some(select));
    let form = form(&fake.calls(TOKEN).await[0]);
    assert_eq!(
        (form["client_id"].as_str(), form["client_secret"].as_str()),
        ("us", "s:cret")
    );
    assert!(form.contains_key("code_verifier"));
}

#[tokio::test]
async fn a_person_must_be_asked_again_where_a_new_proof_is_demanded() {
    let fake = a_microsoft().await;
    let microsoft = open(&fake, &json!({"promptType": "select_account"}));
    let forced = LoginContext {
        force_login: true,
        ..a_login()
    };
    assert_eq!(asked(&microsoft, &forced).await["prompt"], "login");
    assert_eq!(
        asked(&microsoft, &a_login()).await["prompt"],
        "select_account"
    );
}

#[tokio::test]
async fn trouble_of_graphs_passes_and_a_refused_token_does_not() {
    for (status, code, expected) in [
        (429, "TooManyRequests", "too much is asked"),
        (503, "serviceNotAvailable", "answered 503"),
        (404, "Request_ResourceNotFound", "answered 404"),
        (
            403,
            "Authorization_RequestDenied",
            "grant the application User.Read",
        ),
        (401, "InvalidAuthenticationToken", "takes the token no more"),
    ] {
        let (microsoft, fake) = a_connector().await;
        fake.answer("GET", ME, failing(status, code)).await;
        let refused = log_in(&microsoft, &a_login()).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
        let is_denied = matches!(refused, ConnectorError::Denied(_));
        assert_eq!(is_denied, status == 401, "{refused}");
    }
}

#[tokio::test]
async fn a_refresh_renews_the_token_when_it_ran_out() {
    let (microsoft, fake) = a_connector().await;
    let offline = LoginContext {
        offline_access: true,
        ..a_login()
    };
    assert_eq!(
        asked(&microsoft, &offline).await["scope"],
        "user.read offline_access"
    );
    give(&fake, &json!({"refresh_token": "0.AX1"})).await;
    let known = log_in(&microsoft, &offline).await.unwrap();
    fake.serve(ME, adele(&json!({"displayName": "Adele Roe"})))
        .await;
    let again = microsoft.refresh(&offline, &known).await.unwrap();
    assert_eq!(again.claims.username, "Adele Roe");
    assert_eq!(fake.calls(TOKEN).await.len(), 1, "the token was good still");

    // As dex kept it: with the end of the token, and of one that Graph takes no more.
    let expired = json!({"accessToken": "", "refreshToken": "0.AX1",
        "expiry": "2023-01-01T00:00:00Z"});
    let of_dex = UpstreamIdentity {
        connector_data: Some(expired.to_string().into_bytes()),
        ..known
    };
    let refused = failing(401, "InvalidAuthenticationToken");
    fake.answer("GET", ME, refused).await;
    let revoked = json!({"error": "invalid_grant", "error_codes": [50173],
        "error_description": "AADSTS50173: The provided grant has expired due to it being revoked"});
    let revoked = ResponseTemplate::new(400).set_body_json(revoked);
    fake.answer("POST", TOKEN, revoked).await;
    let ended = microsoft.refresh(&offline, &of_dex).await;
    assert!(matches!(ended, Err(ConnectorError::Denied(_))), "{ended:?}");
    let asked = form(fake.calls(TOKEN).await.last().unwrap());
    assert_eq!(asked["refresh_token"], "0.AX1");
}
