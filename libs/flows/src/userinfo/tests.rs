use std::time::Duration;

use insula_engine::{Evidence, Refusal};
use insula_model::{Claim, CodeGrant, GrantId, RequestedClaims, Revocation};
use insula_oauth::Scopes;
use insula_store::FACTS_GOOD_FOR;
use insula_testkit::{FakeConnector, a_client, a_code_grant, a_resource, a_tenant};

use super::answer;
use crate::TenantView;
use crate::family::revoke_family;
use crate::testing::{
    app, code_form, elsewhere, exchange, form, refusal, tokens, userinfo_of, view, with_code,
    with_connector, with_person,
};

fn names(claims: &serde_json::Map<String, serde_json::Value>) -> Vec<&str> {
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn our_userinfo_says_sub_and_what_the_scopes_release() {
    let (view, _) = view(a_tenant());
    let all = [
        "email",
        "email_verified",
        "groups",
        "name",
        "preferred_username",
        "sub",
    ];
    let rows = [
        ("openid email profile groups", &all[..]),
        ("openid email", &["email", "email_verified", "sub"]),
        ("openid", &["sub"]),
    ];
    for (at, (scopes, expected)) in rows.into_iter().enumerate() {
        let grant = CodeGrant {
            grant_id: GrantId::parse(format!("family{at}")).unwrap(),
            scopes: Scopes::parse(scopes),
            ..a_code_grant()
        };
        let code = format!("code{at}");
        with_person(&view, &grant).await;
        with_code(&view, &code, &grant).await;
        let tokens = exchange(&view, Some(&app()), &code_form(&code)).await;
        let claims = userinfo_of(&view, &tokens.unwrap().access_token).await;
        assert_eq!(names(&claims.unwrap()), expected, "{scopes}");
    }
}

#[tokio::test]
async fn dexs_userinfo_says_all_the_token_says_and_takes_id_tokens_too() {
    let (view, _) = view(a_tenant().dex());
    let tokens = tokens(&view).await;
    for token in [&tokens.access_token, tokens.id_token.as_ref().unwrap()] {
        let claims = userinfo_of(&view, token).await.unwrap();
        for name in ["iss", "sub", "aud", "exp", "nonce", "email"] {
            assert!(claims.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn rfc_9068_4_an_id_token_is_no_access_token() {
    let (view, _) = view(a_tenant());
    let id_token = tokens(&view).await.id_token;
    let told = userinfo_of(&view, &id_token.unwrap()).await;
    assert_eq!(refusal(told), Refusal::BearerInvalid);
}

#[tokio::test]
async fn a_token_that_is_missing_foreign_old_or_revoked_says_nothing() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, clock) = view(tenant);
        let good = tokens(&view).await.access_token;
        let empty = Evidence::of_form(form(&[("access_token", "")]));
        for missing in [Evidence::default(), empty] {
            let told = refusal(answer(&view, &missing).await);
            assert_eq!(told, Refusal::BearerMissing);
        }
        let (other, _) = crate::testing::view(a_tenant().at("globex", "https://globex.test"));
        let foreign = tokens_of(&other).await;
        let mut forged = good.clone();
        forged.replace_range(good.len() - 8.., "AAAAAAAA");
        for bad in ["garbage", "a.b.c", &foreign, &forged] {
            let told = refusal(userinfo_of(&view, bad).await);
            assert_eq!(told, Refusal::BearerInvalid);
        }
        assert!(userinfo_of(&view, &good).await.is_ok());
        clock.advance(Duration::from_hours(25));
        let told = refusal(userinfo_of(&view, &good).await);
        assert_eq!(told, Refusal::BearerInvalid, "expired");
    }
}

async fn tokens_of(view: &crate::TenantView) -> String {
    tokens(view).await.access_token
}

#[tokio::test]
async fn a_revoked_family_says_nothing_from_then_on() {
    for tenant in [a_tenant(), a_tenant().dex()] {
        let (view, _) = view(tenant);
        let token = tokens(&view).await.access_token;
        let grant = a_code_grant().grant_id;
        let client = a_client().build();
        let revoking = revoke_family(&view, &client, &grant, Revocation::Asked);
        revoking.await.unwrap();
        let told = refusal(userinfo_of(&view, &token).await);
        assert_eq!(told, Refusal::BearerInvalid);
    }
}

/// The access token of a login with `scopes`.
async fn token_with(view: &TenantView, scopes: &str) -> String {
    let grant = CodeGrant {
        scopes: Scopes::parse(scopes),
        ..a_code_grant()
    };
    with_code(view, "code", &grant).await;
    let tokens = exchange(view, Some(&app()), &code_form("code")).await;
    tokens.unwrap().access_token
}

#[tokio::test]
async fn claims_asked_of_userinfo_one_by_one_are_told_there() {
    let (view, _) = view(a_tenant());
    let grant = CodeGrant {
        scopes: Scopes::parse("openid"),
        claims: RequestedClaims {
            userinfo: [Claim::Name].into_iter().collect(),
            id_token: [Claim::Groups].into_iter().collect(),
        },
        ..a_code_grant()
    };
    with_person(&view, &grant).await;
    with_code(&view, "code", &grant).await;
    let tokens = exchange(&view, Some(&app()), &code_form("code")).await;
    let told = userinfo_of(&view, &tokens.unwrap().access_token).await;
    assert_eq!(names(&told.unwrap()), ["name", "sub"]);
}

#[tokio::test]
async fn who_is_known_no_more_is_told_nothing_of() {
    let (view, _) = view(a_tenant());
    let token = token_with(&view, "openid email").await;
    let told = userinfo_of(&view, &token).await;
    assert_eq!(refusal(told), Refusal::BearerInvalid);
    with_person(&view, &a_code_grant()).await;
    assert!(
        userinfo_of(&view, &token).await.is_ok(),
        "that nobody is known is not remembered"
    );
}

#[tokio::test]
async fn a_person_is_known_as_of_the_last_refresh_of_their_login() {
    let (view, clock) = view(a_tenant());
    with_person(&view, &a_code_grant()).await;
    let mut now = FakeConnector::identity();
    "jane.doe@example.test".clone_into(&mut now.claims.email);
    let upstream = FakeConnector::redirecting().on_refresh(Ok(now));
    let (view, _) = with_connector(&view, "mock", upstream);
    let first = tokens(&view).await;
    let email = async |token: &str| userinfo_of(&view, token).await.unwrap()["email"].clone();
    assert_eq!(email(&first.access_token).await, "jane@example.test");

    let refresh = first.refresh_token.unwrap();
    let request = form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    let second = exchange(&view, Some(&app()), &request).await.unwrap();
    for token in [&second.access_token, &first.access_token] {
        assert_eq!(email(token).await, "jane.doe@example.test", "at once");
    }
    let elsewhere = elsewhere(&view);
    let told = userinfo_of(&elsewhere, &second.access_token).await;
    assert_eq!(told.unwrap()["email"], "jane.doe@example.test");

    clock.advance(Duration::from_secs(3));
    let narrowed = form(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", &second.refresh_token.unwrap()),
        ("scope", "openid email"),
    ]);
    let third = exchange(&view, Some(&app()), &narrowed).await.unwrap();
    assert_eq!(email(&third.access_token).await, "jane.doe@example.test");
}

#[tokio::test]
async fn who_asks_again_in_a_moment_costs_the_database_nothing() {
    let (view, clock) = view(a_tenant());
    with_person(&view, &a_code_grant()).await;
    let token = tokens(&view).await.access_token;
    for _ in 0..5 {
        userinfo_of(&view, &token).await.unwrap();
    }
    let people = view.effects.facts.usage().people;
    assert_eq!((people.hits, people.misses, people.entries), (4, 1, 1));
    clock.advance(FACTS_GOOD_FOR);
    userinfo_of(&view, &token).await.unwrap();
    assert_eq!(view.effects.facts.usage().people.misses, 2);
}

#[tokio::test]
async fn rfc_9068_4_a_token_for_a_resource_alone_is_none_for_userinfo() {
    let client = a_client().with_scopes(&["openid", "api:use"]);
    let tenant = a_tenant().with_client(client);
    let (view, _) = view(tenant.with_resource(a_resource("https://api.test", &["api:use"])));
    with_person(&view, &a_code_grant()).await;
    let both = token_with(&view, "openid api:use").await;
    assert!(userinfo_of(&view, &both).await.is_ok());
    let grant = CodeGrant {
        scopes: Scopes::parse("openid api:use"),
        resources: vec!["https://api.test".to_owned()],
        ..a_code_grant()
    };
    with_code(&view, "other", &grant).await;
    let alone = exchange(&view, Some(&app()), &code_form("other"))
        .await
        .unwrap();
    let told = userinfo_of(&view, &alone.access_token).await;
    assert_eq!(refusal(told), Refusal::BearerOfAnotherAudience);
}

#[tokio::test]
async fn without_openid_there_is_no_userinfo() {
    let (view, _) = view(a_tenant());
    let grant = CodeGrant {
        scopes: Scopes::parse("email"),
        ..a_code_grant()
    };
    with_code(&view, "code", &grant).await;
    let tokens = exchange(&view, Some(&app()), &code_form("code")).await;
    let told = userinfo_of(&view, &tokens.unwrap().access_token).await;
    assert_eq!(refusal(told), Refusal::BearerLacksOpenId);
}
