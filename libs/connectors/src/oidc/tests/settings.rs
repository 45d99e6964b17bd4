//! Every setting changes what is asked of the upstream, or what comes of its answers; or it is refused,
//! or said to have no effect.

use std::collections::BTreeSet;

use insula_connector_kit::{Challenge, Connector, LogoutContext};
use insula_model::Issuer;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::super::settings::{SETTINGS, Settings};
use super::lab::{Lab, begin, merged, query};
use crate::settings::paths;
use crate::testing::{CALLBACK, a_login, a_spec};

/// What becomes of a setting.
enum Effect {
    /// A login, a refresh or a logout goes another way.
    Changes,
    /// It cannot be had.
    Refused,
    /// It is said to do nothing.
    Told,
    /// The end-to-end test of this name shows it over TLS.
    ShownOverTls(&'static str),
}
use Effect::{Changes, Refused, ShownOverTls, Told};

/// The settings around one, itself, and what becomes of it.
fn rows() -> Vec<(&'static str, Value, Value, Effect)> {
    let groups = json!({"insecureEnableGroups": true});
    let with = |group: &str, inner: Value| json!({ group: inner });
    let overrides = |name: &str| {
        let url = json!({ name: "http://127.0.0.1:9/elsewhere" });
        with("providerDiscoveryOverrides", url)
    };
    let mapping = |name: &str, claim: &str| with("claimMapping", json!({ name: claim }));
    let modified = |inner: Value| with("claimModifications", inner);
    let new_group = |more: Value| {
        let one = merged(json!({"claims": ["team", "unit"]}), &more);
        modified(json!({ "newGroupFromClaims": [one] }))
    };
    let delimited = || new_group(json!({"delimiter": "-"}));
    let none = || json!({});
    vec![
        (
            "issuer",
            none(),
            json!({"issuer": "http://127.0.0.1:9"}),
            Changes,
        ),
        (
            "issuerAlias",
            none(),
            json!({"issuerAlias": "https://alias.test"}),
            Changes,
        ),
        ("clientID", none(), json!({"clientID": "other"}), Changes),
        (
            "clientSecret",
            none(),
            json!({"clientSecret": "other"}),
            Changes,
        ),
        (
            "redirectURI",
            none(),
            json!({"redirectURI": "https://other.test/cb"}),
            Changes,
        ),
        (
            "providerDiscoveryOverrides.tokenURL",
            none(),
            overrides("tokenURL"),
            Changes,
        ),
        (
            "providerDiscoveryOverrides.authURL",
            none(),
            overrides("authURL"),
            Changes,
        ),
        (
            "providerDiscoveryOverrides.jwksURL",
            none(),
            overrides("jwksURL"),
            Changes,
        ),
        (
            "providerDiscoveryOverrides.userInfoURL",
            json!({"getUserInfo": true}),
            overrides("userInfoURL"),
            Changes,
        ),
        (
            "providerDiscoveryOverrides.endSessionURL",
            none(),
            overrides("endSessionURL"),
            Changes,
        ),
        (
            "providerDiscoveryOverrides.deviceAuthURL",
            none(),
            overrides("deviceAuthURL"),
            Told,
        ),
        (
            "basicAuthUnsupported",
            none(),
            json!({"basicAuthUnsupported": true}),
            Changes,
        ),
        (
            "scopes",
            none(),
            json!({"scopes": ["openid", "email"]}),
            Changes,
        ),
        (
            "hostedDomains",
            none(),
            json!({"hostedDomains": ["idp.test"]}),
            Refused,
        ),
        (
            "rootCAs",
            none(),
            json!({"rootCAs": ["x"]}),
            ShownOverTls("an_upstream_is_trusted_by_the_authority_its_connector_names"),
        ),
        (
            "insecureSkipVerify",
            none(),
            json!({"insecureSkipVerify": true}),
            ShownOverTls("an_upstream_is_trusted_by_the_authority_its_connector_names"),
        ),
        (
            "insecureSkipEmailVerified",
            none(),
            json!({"insecureSkipEmailVerified": true}),
            Changes,
        ),
        ("insecureEnableGroups", none(), groups.clone(), Changes),
        (
            "allowedGroups",
            groups.clone(),
            json!({"allowedGroups": ["admins"]}),
            Changes,
        ),
        ("acrValues", none(), json!({"acrValues": ["mfa"]}), Changes),
        ("getUserInfo", none(), json!({"getUserInfo": true}), Changes),
        ("userIDKey", none(), json!({"userIDKey": "badge"}), Changes),
        (
            "userNameKey",
            none(),
            json!({"userNameKey": "badge"}),
            Changes,
        ),
        (
            "promptType",
            none(),
            json!({"promptType": "login"}),
            Changes,
        ),
        (
            "pkceChallenge",
            none(),
            json!({"pkceChallenge": "plain"}),
            Changes,
        ),
        (
            "upstreamLogout",
            none(),
            json!({"upstreamLogout": false}),
            Changes,
        ),
        (
            "overrideClaimMapping",
            mapping("preferred_username", "badge"),
            json!({"overrideClaimMapping": true}),
            Changes,
        ),
        (
            "claimMapping.preferred_username",
            json!({"overrideClaimMapping": true}),
            mapping("preferred_username", "badge"),
            Changes,
        ),
        (
            "claimMapping.email",
            json!({"overrideClaimMapping": true}),
            mapping("email", "mail"),
            Changes,
        ),
        (
            "claimMapping.groups",
            merged(groups.clone(), &json!({"overrideClaimMapping": true})),
            mapping("groups", "roles"),
            Changes,
        ),
        (
            "claimModifications.newGroupFromClaims.claims",
            groups.clone(),
            delimited(),
            Changes,
        ),
        (
            "claimModifications.newGroupFromClaims.delimiter",
            merged(groups.clone(), &delimited()),
            new_group(json!({"delimiter": "+"})),
            Changes,
        ),
        (
            "claimModifications.newGroupFromClaims.clearDelimiter",
            merged(groups.clone(), &delimited()),
            new_group(json!({"delimiter": "-", "clearDelimiter": true})),
            Changes,
        ),
        (
            "claimModifications.newGroupFromClaims.prefix",
            merged(groups.clone(), &delimited()),
            new_group(json!({"delimiter": "-", "prefix": "p"})),
            Changes,
        ),
        (
            "claimModifications.filterGroupClaims.groupsFilter",
            groups.clone(),
            modified(json!({"filterGroupClaims": {"groupsFilter": "^adm"}})),
            Changes,
        ),
        (
            "claimModifications.modifyGroupNames.prefix",
            groups.clone(),
            modified(json!({"modifyGroupNames": {"prefix": "up-"}})),
            Changes,
        ),
        (
            "claimModifications.modifyGroupNames.suffix",
            groups,
            modified(json!({"modifyGroupNames": {"suffix": "-up"}})),
            Changes,
        ),
    ]
}

/// All that can be seen of one login of Jane with offline access, and of her logout. The upstream
/// says of her address that it is verified, or nothing.
async fn seen(settings: &Value, is_verified: bool) -> Vec<String> {
    let end_session = "https://upstream.test/bye";
    let lab = Lab::with_metadata(json!({
        "code_challenge_methods_supported": ["S256"], "end_session_endpoint": end_session,
    }))
    .await;
    lab.serve_userinfo(json!({"sub": "jane-1", "name": "Jane of userinfo"}))
        .await;
    // Ports and what is drawn at random differ from one laboratory to the next.
    let blurred = |text: String| text.replace(&lab.server.uri(), "UPSTREAM");
    let mut seen = Vec::new();
    let oidc = match lab.try_open(settings) {
        Ok(oidc) => oidc,
        Err(cause) => return vec![blurred(cause.to_string())],
    };
    let mut ctx = a_login();
    ctx.offline_access = true;
    match oidc.begin(&ctx).await {
        Ok(Challenge::Redirect { to, .. }) => {
            let url = url::Url::parse(&to).unwrap();
            seen.push(blurred(url[..url::Position::AfterPath].to_owned()));
        }
        other => {
            seen.push(blurred(format!("{other:?}")));
            return seen;
        }
    }
    let (mut asked, memory) = begin(&oidc, &ctx).await;
    let nonce = asked.remove("nonce").unwrap();
    asked.remove("code_challenge");
    seen.push(format!(
        "{:?}",
        asked
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>()
    ));
    let claims = merged(
        lab.claims(&nonce),
        &json!({"email_verified": is_verified.then_some(true), "groups": ["admins", "staff"], "roles": ["r"], "badge": "7",
            "mail": "other@idp.test", "team": "te-am", "unit": "un-it"}),
    );
    let tokens = json!({"access_token": "at", "token_type": "Bearer", "refresh_token": "rt1",
        "id_token": lab.key.sign(None, &claims).unwrap()});
    lab.serve_tokens_once(ResponseTemplate::new(200).set_body_json(tokens))
        .await;
    let identity = oidc
        .complete(&ctx, &memory, query("code=c1&state=state1"))
        .await;
    // The claims of people are left out of what is printed for debugging.
    let claims = identity
        .as_ref()
        .map(|told| serde_json::to_string(&told.claims).unwrap());
    seen.push(blurred(format!("{claims:?}")));
    for call in lab.calls("/token").await {
        let form: std::collections::BTreeMap<_, _> = super::lab::form(&call).into_iter().collect();
        let form: Vec<_> = form
            .into_iter()
            .filter(|(name, _)| name != "code_verifier")
            .collect();
        seen.push(format!("{:?} {form:?}", call.headers.get("authorization")));
    }
    let logout = LogoutContext {
        return_url: "https://acme.test/logout/callback".to_owned(),
        state: "s".to_owned(),
        unless_told: true,
    };
    seen.push(format!("{:?}", oidc.logout_url(&logout).await));
    seen
}

fn problems(settings: &Value) -> String {
    let config = merged(
        json!({"issuer": "https://idp.test", "clientID": "us", "clientSecret": "s", "redirectURI": CALLBACK}),
        settings,
    );
    let issuer = Issuer::parse("https://acme.test").unwrap();
    super::super::check(&a_spec("oidc", config), &issuer).join("; ")
}

#[tokio::test]
async fn every_setting_changes_something_or_is_told_to_change_nothing() {
    let rows = rows();
    let told: BTreeSet<_> = rows.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(
        told,
        paths(SETTINGS),
        "every setting is in the table, and no other"
    );
    for (path, around, setting, effect) in rows {
        let with = merged(around.clone(), &setting);
        let is_verified = path != "insecureSkipEmailVerified";
        let name = path.split('.').next_back().unwrap();
        match effect {
            Changes => {
                let without = seen(&around, is_verified).await;
                assert_eq!(
                    without,
                    seen(&around, is_verified).await,
                    "{path}: one login is as another"
                );
                assert_ne!(
                    without,
                    seen(&with, is_verified).await,
                    "{path} changes nothing"
                );
            }
            Refused => {
                assert!(problems(&with).contains(path), "{path}");
                assert!(
                    seen(&with, is_verified).await.len() == 1,
                    "{path} is not refused"
                );
            }
            Told => {
                let settings = Settings::read(&with).usable(|_| Vec::new()).unwrap();
                assert!(settings.ignored().join(" ").contains(name), "{path}");
                assert_eq!(
                    seen(&around, is_verified).await,
                    seen(&with, is_verified).await,
                    "{path} does something"
                );
            }
            ShownOverTls(test) => {
                let tests = include_str!("../../../../../tests/it/tls/upstream.rs");
                assert!(
                    tests.contains(&format!("fn {test}(")),
                    "{path}: there is no such test"
                );
                assert!(tests.contains(name), "{path}");
            }
        }
    }
}
