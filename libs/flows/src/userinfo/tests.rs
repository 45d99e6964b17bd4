use std::time::Duration;

use insula_engine::{Evidence, Refusal};
use insula_model::{CodeGrant, GrantId, Revocation};
use insula_oauth::Scopes;
use insula_testkit::{a_client, a_code_grant, a_tenant};

use super::answer;
use crate::family::revoke_family;
use crate::testing::{
    app, code_form, exchange, form, refusal, tokens, userinfo_of, view, with_code,
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
