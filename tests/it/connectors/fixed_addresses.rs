//! Vendors whose addresses no setting changes, reached through an egress proxy. Their documents are those
//! of GitHub's "REST API" (Get the authenticated user, List email addresses, List organizations and List
//! teams for the authenticated user), LinkedIn's "Sign In with LinkedIn using OpenID Connect",
//! Bitbucket Cloud's "REST API" (Get current user, List email addresses, List workspaces for the
//! current user) and Google's discovery document and "OpenID Connect", but that its ID tokens are
//! signed by ES256 here.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use insula_tests::{Agent, Back, Deployment, Tokens};
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use rcgen::KeyPair;
use serde_json::{Value, json};
use url::Url;

use super::both_dialects::{app, building};
use super::internet::Internet;
use super::vendor::CLIENT;

fn behind(internet: &Internet, kind: &str, more: &str) -> Deployment {
    let authority = internet.authority();
    building(kind, more)
        .variable("INSULA_OUTBOUND_PROXY", &internet.proxy)
        .variable("SSL_CERT_FILE", authority.to_str().unwrap())
        .done()
}

/// Logs somebody in at a tenant by `up`: the test is the vendor's page, which sends them back at once.
async fn logged_in(
    deployment: &Deployment,
    tenant: &str,
    page: &str,
    agrees: impl Fn(&BTreeMap<String, String>),
) -> Tokens {
    let app = app(deployment, tenant);
    let agent = Agent::new();
    let login = app.begin_with(&[("connector_id", "up")]);
    let mut answer = agent.get(&login.url).await;
    let back = loop {
        let mut to = answer.location();
        if to.as_str().starts_with(page) {
            let asked: BTreeMap<_, _> = to.query_pairs().into_owned().collect();
            assert_eq!(asked["client_id"], CLIENT);
            agrees(&asked);
            to = Url::parse(&asked["redirect_uri"]).unwrap();
            to.query_pairs_mut()
                .append_pair("code", "code-of-the-vendor")
                .append_pair("state", &asked["state"]);
        }
        if to.host_str() == Some("app.example") {
            break Back::of(to, Vec::new());
        }
        answer = agent.get(to).await;
    };
    app.tokens(&login, &back).await
}

/// Fails unless people of both dialects are told so, at the login and at a refresh.
async fn tells(
    internet: &Internet,
    deployment: &Deployment,
    page: &str,
    gives: impl Fn(&str) -> Value,
    expected: &Value,
) {
    let _process = deployment.open().await;
    for tenant in ["ours", "dexs"] {
        let agrees = |asked: &BTreeMap<String, String>| {
            internet.gives(gives(asked.get("nonce").map_or("", String::as_str)));
        };
        let tokens = logged_in(deployment, tenant, page, agrees).await;
        let app = app(deployment, tenant);
        let again = app.refresh(tokens.refresh(), &[]).await.expect(200);
        let again = app.read(&again).await;
        for told in [&tokens.id().claims, &again.id().claims] {
            for (claim, value) in expected.as_object().unwrap() {
                assert_eq!(&told[claim], value, "{tenant}: {claim} in {told}");
            }
        }
    }
}

#[tokio::test]
async fn people_log_in_at_github() {
    let acme = json!({"login": "acme", "id": 1});
    let internet = Internet::of(
        &["github.com", "api.github.com"],
        "github.com/login/oauth/access_token",
        json!({
            "api.github.com/user": {"login": "octocat", "id": 1, "name": "monalisa octocat", "email": null},
            "api.github.com/user/emails":
                [{"email": "octocat@github.com", "verified": true, "primary": true, "visibility": "public"}],
            "api.github.com/user/orgs": [acme],
            "api.github.com/user/teams": [{"id": 1, "name": "Justice", "slug": "justice", "organization": acme}],
        }),
    );
    let deployment = behind(&internet, "github", "loadAllGroups: true");
    let expected = json!({"name": "monalisa octocat", "email": "octocat@github.com",
        "email_verified": true, "groups": ["acme", "acme:Justice"]});
    let page = "https://github.com/login/oauth/authorize?";
    tells(&internet, &deployment, page, |_| json!({}), &expected).await;
}

#[tokio::test]
async fn people_log_in_at_linkedin() {
    let internet = Internet::of(
        &["www.linkedin.com", "api.linkedin.com"],
        "www.linkedin.com/oauth/v2/accessToken",
        json!({
            "api.linkedin.com/v2/userinfo": {"sub": "782bbtaQ", "name": "John Doe", "given_name": "John",
                "family_name": "Doe", "locale": "en-US", "email": "doe@email.com", "email_verified": true},
        }),
    );
    let deployment = behind(&internet, "linkedin", "");
    let expected = json!({"name": "John Doe", "email": "doe@email.com", "email_verified": true});
    let page = "https://www.linkedin.com/oauth/v2/authorization?";
    tells(&internet, &deployment, page, |_| json!({}), &expected).await;
}

#[tokio::test]
async fn people_log_in_at_bitbucket() {
    let email = json!({"type": "email", "email": "evzijst@acme.test", "is_primary": true,
        "is_confirmed": true});
    let workspace = json!({"administrator": false, "workspace": {"slug": "acme", "uuid": "{w}"}});
    let internet = Internet::of(
        &["bitbucket.org", "api.bitbucket.org"],
        "bitbucket.org/site/oauth2/access_token",
        json!({
            "api.bitbucket.org/2.0/user": {"type": "user", "uuid": "{d301aafa-d676-4ee0-88be-962be7417567}",
                "username": "evzijst", "display_name": "Erik"},
            "api.bitbucket.org/2.0/user/emails": {"values": [email], "pagelen": 10, "page": 1},
            "api.bitbucket.org/2.0/user/workspaces": {"values": [workspace], "pagelen": 100, "page": 1},
        }),
    );
    let deployment = behind(&internet, "bitbucket-cloud", "teams: [acme]");
    let expected = json!({"name": "evzijst", "email": "evzijst@acme.test", "groups": ["acme"]});
    let page = "https://bitbucket.org/site/oauth2/authorize?";
    tells(&internet, &deployment, page, |_| json!({}), &expected).await;
}

#[tokio::test]
async fn people_log_in_at_google() {
    let key = KeyPair::generate().unwrap();
    let (x, y) = key.public_key_raw()[1..].split_at(32);
    let encoded = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    let jwk = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1",
        "x": encoded(x), "y": encoded(y)});
    let internet = Internet::of(
        &[
            "accounts.google.com",
            "oauth2.googleapis.com",
            "www.googleapis.com",
        ],
        "oauth2.googleapis.com/token",
        json!({
            "accounts.google.com/.well-known/openid-configuration": {
                "open": true,
                "issuer": "https://accounts.google.com",
                "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
                "token_endpoint": "https://oauth2.googleapis.com/token",
                "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
                "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "code_challenge_methods_supported": ["plain", "S256"],
            },
            "www.googleapis.com/oauth2/v3/certs": {"open": true, "keys": [jwk]},
        }),
    );
    let deployment = behind(&internet, "google", "hostedDomains: [acme.test]");
    let gives = |nonce: &str| {
        let now = get_current_timestamp();
        let claims = json!({"iss": "https://accounts.google.com", "azp": CLIENT, "aud": CLIENT,
            "sub": "110169484474386276334", "hd": "acme.test", "email": "elisa@acme.test",
            "email_verified": true, "name": "Elisa Beckett", "nonce": nonce, "iat": now, "exp": now + 3600});
        let header = Header {
            kid: Some("k1".to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        let signer = EncodingKey::from_ec_der(&key.serialize_der());
        let id_token = jsonwebtoken::encode(&header, &claims, &signer).unwrap();
        json!({"id_token": id_token, "refresh_token": "1//rt"})
    };
    let expected =
        json!({"name": "Elisa Beckett", "email": "elisa@acme.test", "email_verified": true});
    let page = "https://accounts.google.com/o/oauth2/v2/auth?";
    tells(&internet, &deployment, page, gives, &expected).await;
}
