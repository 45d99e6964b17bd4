//! Google in a laboratory. Its answers are written from memory of Google's published discovery document
//! (accounts.google.com/.well-known/openid-configuration) and of the pages "OpenID Connect" (the ID
//! token's payload, `hd`), "Using OAuth 2.0 for server to server applications" (the assertion and the
//! errors of the token endpoint) and "Directory API: groups.list" with "Limits and quotas" and
//! "Resolve errors".

mod groups;
mod settings;

use std::sync::OnceLock;

use data_encoding::BASE64;
use insula_connector_kit::{
    Challenge, Connector, ConnectorError, LoginContext, Reply, UpstreamIdentity, connector_contract,
};
use insula_jose::{Alg, KeyId, SigningKey};
use insula_oauth::Params;
use serde_json::{Value, json};
use url::Url;
use wiremock::ResponseTemplate;

use super::{Google, Site};
use crate::testing::{
    CALLBACK, FakeUpstream, NOW, a_clock, a_login, a_spec, an_open_context, asked, form, local_http,
};

const DISCOVERY: &str = "/.well-known/openid-configuration";
const TOKEN: &str = "/token";
const USERINFO: &str = "/v1/userinfo";
/// Google's is the one that redeems codes, too.
const TOKEN_OF_SERVICES: &str = "/token/of/services";
const GROUPS: &str = "/admin/directory/v1/groups";

/// What both Google and the service account sign with: an RSA key takes its time to be made.
fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(Alg::RS256, KeyId::new("k1")).unwrap())
}

/// A Google that knows Elisa, who is in two groups.
async fn a_google() -> FakeUpstream {
    let fake = FakeUpstream::new().await;
    let url = |at: &str| fake.url(at);
    let discovery = json!({
        "issuer": fake.server.uri(),
        "authorization_endpoint": url("/o/oauth2/v2/auth"),
        "token_endpoint": url(TOKEN),
        "userinfo_endpoint": url(USERINFO),
        "jwks_uri": url("/oauth2/v3/certs"),
        "response_types_supported": ["code", "token", "id_token", "code token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    fake.serve(DISCOVERY, discovery).await;
    let keys = json!({"keys": [key().public_jwk()]});
    fake.serve("/oauth2/v3/certs", keys).await;
    let token = json!({"access_token": "ya29.service", "expires_in": 3599, "token_type": "Bearer"});
    fake.answer("POST", TOKEN_OF_SERVICES, json_of(200, &token))
        .await;
    fake.serve(
        GROUPS,
        groups_of(&["staff@acme.test", "build@acme.test"], None),
    )
    .await;
    fake
}

fn json_of(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn groups_of(emails: &[&str], next: Option<&str>) -> Value {
    let group = |email: &&str| {
        json!({"kind": "admin#directory#group", "id": "01", "etag": "\"e\"", "email": email,
            "name": "A group", "directMembersCount": "3", "adminCreated": true})
    };
    let groups: Vec<_> = emails.iter().map(group).collect();
    let mut told = json!({"kind": "admin#directory#groups", "etag": "\"e\"", "groups": groups});
    if groups.is_empty() {
        told.as_object_mut().unwrap().remove("groups");
    }
    if let Some(next) = next {
        told["nextPageToken"] = json!(next);
    }
    told
}

/// What Google's console gives for a service account.
fn key_file(fake: &FakeUpstream) -> Value {
    let der = key().to_pkcs8().unwrap();
    let pem = BASE64.encode(der.reveal());
    json!({
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "k1",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"),
        "client_email": "insula@acme.iam.gserviceaccount.com",
        "client_id": "103",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": fake.url(TOKEN_OF_SERVICES),
    })
}

/// The settings that groups are asked with.
fn with_directory(fake: &FakeUpstream, more: &Value) -> Value {
    let directory = json!({
        "serviceAccountFilePath": key_file(fake).to_string(),
        "domainToAdminEmail": {"*": "admin@acme.test"},
    });
    merged(directory, more)
}

fn merged(mut one: Value, more: &Value) -> Value {
    let members = one.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    one
}

fn config(more: &Value) -> Value {
    let config = json!({"clientID": "us", "clientSecret": "s:cret", "redirectURI": CALLBACK});
    merged(config, more)
}

fn open(fake: &FakeUpstream, more: &Value) -> Result<Google, ConnectorError> {
    open_with(fake, more, |_| {})
}

fn open_with(
    fake: &FakeUpstream,
    more: &Value,
    change: impl FnOnce(&mut insula_connector_kit::OpenContext),
) -> Result<Google, ConnectorError> {
    let site = Site {
        issuer: fake.server.uri(),
        directory: fake.url(GROUPS).into(),
    };
    let mut ctx = an_open_context(&a_clock());
    change(&mut ctx);
    Google::at(site, &local_http(), &a_spec("google", config(more)), &ctx)
}

/// What an ID token of Elisa's says.
fn elisa(fake: &FakeUpstream, nonce: &str, more: &Value) -> Value {
    let claims = json!({
        "iss": fake.server.uri(), "azp": "us", "aud": "us", "sub": "110169484474386276334",
        "at_hash": null, "hd": "acme.test", "email": "elisa@acme.test", "email_verified": true,
        "iat": NOW.as_secs(), "exp": NOW.as_secs() + 3600, "nonce": nonce,
        "name": "Elisa Beckett", "picture": "https://lh3.googleusercontent.com/a-/e2718281828459045",
        "given_name": "Elisa", "family_name": "Beckett",
    });
    merged(claims, more)
}

/// A whole login of Elisa, of whom more is said, or something else.
async fn log_in_as(
    google: &Google,
    fake: &FakeUpstream,
    ctx: &LoginContext,
    more: &Value,
) -> Result<UpstreamIdentity, ConnectorError> {
    let Challenge::Redirect { to, memory } = google.begin(ctx).await? else {
        panic!("nobody is sent anywhere");
    };
    let url = Url::parse(&to).unwrap();
    let nonce = url.query_pairs().find(|(name, _)| name == "nonce").unwrap();
    let id_token = key().sign(Some("JWT"), &elisa(fake, &nonce.1, more));
    let tokens = json!({"access_token": "ya29.person", "expires_in": 3599, "token_type": "Bearer",
        "scope": "openid", "refresh_token": "1//rt", "id_token": id_token.unwrap()});
    fake.answer("POST", TOKEN, json_of(200, &tokens)).await;
    let reply = Reply::Query(Params::parse("code=4/P7q7W91&state=state1&hd=acme.test").unwrap());
    google.complete(ctx, &memory, reply).await
}

async fn log_in(google: &Google, fake: &FakeUpstream) -> Result<UpstreamIdentity, ConnectorError> {
    log_in_as(google, fake, &a_login(), &json!({})).await
}

fn with_groups() -> LoginContext {
    LoginContext {
        groups: true,
        ..a_login()
    }
}

async fn for_contract() -> (Google, FakeUpstream) {
    let fake = a_google().await;
    (open(&fake, &json!({})).unwrap(), fake)
}

connector_contract!(contract, for_contract().await, a_login());

#[test]
fn google_is_asked_where_google_is() {
    let site = Site::of_google();
    assert_eq!(site.issuer, "https://accounts.google.com");
    assert_eq!(
        site.directory,
        "https://admin.googleapis.com/admin/directory/v1/groups"
    );
}

#[tokio::test]
async fn an_id_token_tells_who_it_is_and_the_refresh_token_alone_is_kept() {
    let fake = a_google().await;
    let told = log_in(&open(&fake, &json!({})).unwrap(), &fake).await;
    let told = told.unwrap();
    // As dex keeps it, and finds it in a database that moved.
    assert_eq!(told.connector_data.as_deref(), Some(b"1//rt".as_slice()));
    let claims = told.claims;
    assert_eq!(claims.user_id.as_str(), "110169484474386276334");
    assert_eq!(claims.username, "Elisa Beckett");
    assert_eq!(claims.preferred_username, "");
    assert_eq!(claims.email, "elisa@acme.test");
    assert!(claims.email_verified);
    assert!(claims.groups.is_empty());
    assert_eq!(fake.calls(GROUPS).await.len(), 0);
    let redeemed = form(&fake.calls(TOKEN).await[0]);
    assert_eq!(redeemed["redirect_uri"], CALLBACK);
    assert!(redeemed.contains_key("code_verifier"));
}

#[tokio::test]
async fn a_name_and_an_address_are_not_needed_and_an_unverified_address_stays_so() {
    let fake = a_google().await;
    let google = open(&fake, &json!({"scopes": ["email"]})).unwrap();
    let bare = json!({"name": null, "email": null, "email_verified": null, "hd": null});
    let told = log_in_as(&google, &fake, &a_login(), &bare).await.unwrap();
    assert_eq!(
        (told.claims.username.as_str(), told.claims.email.as_str()),
        ("", "")
    );
    assert!(!told.claims.email_verified);
    let unverified = json!({"email_verified": false});
    let told = log_in_as(&google, &fake, &a_login(), &unverified)
        .await
        .unwrap();
    assert!(!told.claims.email_verified);
}

#[tokio::test]
async fn only_accounts_of_hosted_domains_are_let_in_whatever_the_request_asked_for() {
    let fake = a_google().await;
    let one = open(&fake, &json!({"hostedDomains": ["acme.test"]})).unwrap();
    let many = open(
        &fake,
        &json!({"hostedDomains": ["globex.test", "acme.test"]}),
    )
    .unwrap();
    assert_eq!(asked(&one, &a_login()).await["hd"], "acme.test");
    assert_eq!(asked(&many, &a_login()).await["hd"], "*");
    let anybody = open(&fake, &json!({})).unwrap();
    assert!(!asked(&anybody, &a_login()).await.contains_key("hd"));
    for google in [&one, &many] {
        assert!(log_in(google, &fake).await.is_ok());
        for hd in [
            Value::Null,
            json!("other.test"),
            json!("sub.acme.test"),
            json!("acme.test."),
            json!("*"),
        ] {
            let refused = log_in_as(google, &fake, &a_login(), &json!({ "hd": hd })).await;
            assert!(matches!(refused, Err(ConnectorError::Denied(_))), "{hd}");
        }
    }
    let odd = log_in_as(&one, &fake, &a_login(), &json!({"hd": {"acme.test": 1}})).await;
    assert!(matches!(odd, Err(ConnectorError::BadReply(_))));
}

#[tokio::test]
async fn consent_is_asked_for_where_a_refresh_token_is_wanted_and_another_account_where_proof_is() {
    let fake = a_google().await;
    let offline = LoginContext {
        offline_access: true,
        ..a_login()
    };
    let forced = LoginContext {
        force_login: true,
        ..offline.clone()
    };
    let prompts = |more: Value| {
        let google = open(&fake, &more).unwrap();
        let (offline, forced) = (offline.clone(), forced.clone());
        async move {
            let of =
                |asked: std::collections::HashMap<String, String>| asked.get("prompt").cloned();
            let plain = of(asked(&google, &a_login()).await);
            (
                plain,
                of(asked(&google, &offline).await),
                of(asked(&google, &forced).await),
            )
        }
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        prompts(json!({})).await,
        (None, some("consent"), some("select_account consent"))
    );
    assert_eq!(
        prompts(json!({"promptType": "none"})).await,
        (None, some("none"), some("select_account"))
    );
    assert_eq!(
        prompts(json!({"promptType": "select_account consent"})).await,
        (
            None,
            some("select_account consent"),
            some("select_account consent")
        )
    );
    assert_eq!(
        prompts(json!({"promptType": ""})).await,
        (None, None, some("select_account"))
    );
    let asked = asked(&open(&fake, &json!({})).unwrap(), &forced).await;
    assert_eq!(asked["access_type"], "offline");
    // Google refuses a request with a word it does not know.
    assert!(!asked.contains_key("max_age"));
    assert_eq!(asked["scope"], "openid profile email");
}

/// A refresh of Elisa, whose new ID token says this; `null` for none.
async fn refreshed(
    google: &Google,
    fake: &FakeUpstream,
    known: &UpstreamIdentity,
    more: Option<&Value>,
) -> Result<UpstreamIdentity, ConnectorError> {
    let mut tokens =
        json!({"access_token": "ya29.again", "expires_in": 3599, "token_type": "Bearer"});
    if let Some(more) = more {
        let claims = merged(elisa(fake, "", &json!({"nonce": null})), more);
        tokens["id_token"] = json!(key().sign(None, &claims).unwrap());
    }
    fake.answer("POST", TOKEN, json_of(200, &tokens)).await;
    google.refresh(&a_login(), known).await
}

#[tokio::test]
async fn a_refresh_keeps_the_token_and_the_name_where_google_sends_neither() {
    let fake = a_google().await;
    let google = open(&fake, &json!({"hostedDomains": ["acme.test"]})).unwrap();
    let known = log_in(&google, &fake).await.unwrap();
    let short = json!({"name": null, "email": "elisa.b@acme.test"});
    let told = refreshed(&google, &fake, &known, Some(&short))
        .await
        .unwrap();
    assert_eq!(told.claims.username, "Elisa Beckett");
    assert_eq!(told.claims.email, "elisa.b@acme.test");
    assert_eq!(told.connector_data.as_deref(), Some(b"1//rt".as_slice()));
    let calls = fake.calls(TOKEN).await;
    assert_eq!(form(calls.last().unwrap())["refresh_token"], "1//rt");

    let moved = refreshed(&google, &fake, &known, Some(&json!({"hd": "other.test"}))).await;
    assert!(matches!(moved, Err(ConnectorError::Denied(_))), "{moved:?}");
    let another = refreshed(&google, &fake, &known, Some(&json!({"sub": "7"}))).await;
    assert!(matches!(another, Err(ConnectorError::Denied(_))));

    let userinfo = json!({"sub": "110169484474386276334", "name": "Elisa Roe", "hd": "acme.test",
        "email": "elisa@acme.test", "email_verified": true});
    fake.serve(USERINFO, userinfo).await;
    let told = refreshed(&google, &fake, &known, None).await.unwrap();
    assert_eq!(told.claims.username, "Elisa Roe");
}

#[tokio::test]
async fn a_revoked_grant_ends_the_login_and_trouble_does_not() {
    let fake = a_google().await;
    let google = open(&fake, &json!({})).unwrap();
    let known = log_in(&google, &fake).await.unwrap();
    let revoked = json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
    fake.answer("POST", TOKEN, json_of(400, &revoked)).await;
    let ended = google.refresh(&a_login(), &known).await;
    assert!(matches!(ended, Err(ConnectorError::Denied(_))));
    fake.answer("POST", TOKEN, ResponseTemplate::new(503)).await;
    let failed = google.refresh(&a_login(), &known).await;
    assert!(matches!(failed, Err(ConnectorError::Upstream(_))));
    for connector_data in [None, Some(Vec::new())] {
        let nothing = UpstreamIdentity {
            connector_data,
            ..known.clone()
        };
        let said = google.refresh(&a_login(), &nothing).await.unwrap_err();
        assert!(said.to_string().contains("promptType"), "{said}");
    }
}
