use super::*;
use crate::authorize::answer_mode;

const IMPLICIT: [GrantType; 2] = [GrantType::AuthorizationCode, GrantType::Implicit];

/// A tenant in both dialects that serves these response types, whose client names these grants.
fn serving(types: &[&str], grants: &[GrantType]) -> (TenantSpec, TenantSpec) {
    both(|tenant| {
        let types = types.iter().map(|text| ResponseType::parse(text).unwrap());
        let types = types.collect();
        tenant
            .with(|spec| spec.oauth2.response_types = types)
            .with_client(a_client().with_grants(grants))
    })
}

fn asking(response_type: &str) -> String {
    let words = response_type.replace(' ', "+");
    with(&format!("response_type={words}&nonce=n"))
}

#[test]
fn a_response_type_is_served_where_it_is_configured_for_clients_with_implicit() {
    let all = [
        "code",
        "id_token",
        "token",
        "id_token token",
        "code id_token",
        "code token",
        "code id_token token",
    ];
    for asked in all {
        let (standard, _) = serving(&[asked], &IMPLICIT);
        let good = validated(&asking(asked), &standard).unwrap();
        assert_eq!(good.response_type.to_string(), asked);
        let is_code = asked == "code";
        let mode = if is_code {
            ResponseMode::Query
        } else {
            ResponseMode::Fragment
        };
        assert_eq!(good.response_mode, mode, "{asked}");
        for other in all.iter().filter(|other| **other != asked) {
            let refusal = Refusal::ResponseTypeNotServed((*other).to_owned());
            assert_eq!(refused(&asking(other), &standard), Some(refusal), "{asked}");
        }
        // RFC 7591 §2.1: by name, and for hybrid types both.
        for (grants, may) in [
            (&[][..], is_code),
            (
                &[GrantType::Implicit],
                !is_code && !asked.starts_with("code"),
            ),
            (&[GrantType::AuthorizationCode], is_code),
        ] {
            let (standard, _) = serving(&[asked], grants);
            let told = refused(&asking(asked), &standard);
            let expected = (!may).then_some(Refusal::GrantNotAllowed);
            assert_eq!(told, expected, "{asked} for {grants:?}");
        }
    }
}

#[test]
fn dex_serves_a_response_type_if_each_of_its_words_is_configured() {
    for (types, asked, served) in [
        (&["code", "id_token"][..], "code id_token", true),
        (&["code", "id_token"], "id_token code", true),
        (&["code id_token"], "code id_token", false),
        (&["code id_token"], "code", false),
        (&["id_token", "token"], "id_token token", true),
        (&["code", "id_token"], "code token", false),
    ] {
        let (_, dex) = serving(types, &[]);
        let told = refused(&asking(asked), &dex);
        let refusal = Refusal::ResponseTypeNotServed(asked.to_owned());
        assert_eq!(told, (!served).then_some(refusal), "{types:?} {asked}");
    }
}

#[test]
fn a_nonce_comes_with_every_id_token_and_in_dex_with_those_that_no_code_stands_beside() {
    let all = ["code", "id_token", "token"];
    let whole = [
        "id_token",
        "id_token token",
        "code id_token",
        "code token",
        "token",
        "code",
    ];
    let (standard, _) = serving(&whole, &IMPLICIT);
    let (_, dex) = serving(&all, &[]);
    let needs = Some(Refusal::MissingNonce);
    // OpenID Connect Core §3.2.2.1, §3.3.2.11; dex §1.7.15
    for (asked, ours, dexs) in [
        ("id_token", &needs, &needs),
        ("id_token token", &needs, &needs),
        ("code id_token", &needs, &None),
        ("code token", &None, &None),
        ("code", &None, &None),
        ("token", &None, &Some(Refusal::TokenAlone)),
    ] {
        let query = with(&format!("response_type={}", asked.replace(' ', "+")));
        assert_eq!(&refused(&query, &standard), ours, "{asked}");
        assert_eq!(&refused(&query, &dex), dexs, "{asked}, dex");
    }
}

#[test]
fn tokens_are_never_asked_for_in_the_query_and_dex_answers_in_the_fragment_by_itself() {
    let types = ["code", "id_token", "token", "code id_token"];
    let (standard, dex) = serving(&types, &IMPLICIT);
    for (mode, expected) in [
        ("query", Err(Refusal::QueryForTokens)),
        ("fragment", Ok(ResponseMode::Fragment)),
        ("form_post", Ok(ResponseMode::FormPost)),
    ] {
        let query = format!("{}&response_mode={mode}", asking("code id_token"));
        let told = validated(&query, &standard);
        let answered = told.map(|request| answer_mode(&request, &standard.rules));
        let answered = answered.map_err(|rejection| {
            let reply_to = rejection.reply_to.unwrap();
            assert_eq!(reply_to.response_mode, ResponseMode::Fragment);
            rejection.refusal
        });
        assert_eq!(answered, expected, "{mode}");
        let good = validated(&query, &dex).unwrap();
        assert_eq!(answer_mode(&good, &dex.rules), ResponseMode::Fragment);
        let for_errors = good.response_mode;
        assert_eq!(for_errors, ResponseMode::Query, "dex §1.7");
    }
    let good = validated(GOOD, &dex).unwrap();
    assert_eq!(answer_mode(&good, &dex.rules), ResponseMode::Query);
}

#[test]
fn what_belongs_to_a_code_is_asked_of_no_request_without_one() {
    let grants = [GrantType::Implicit];
    let public = |tenant: TenantBuilder| {
        let types = ["id_token", "code id_token"];
        let types = types
            .map(|text| ResponseType::parse(text).unwrap())
            .to_vec();
        tenant
            .with(|spec| spec.oauth2.response_types = types)
            .with_client(a_client().public().with_grants(&grants))
    };
    let (standard, _) = both(public);
    let query = format!("{}&scope=openid+offline_access", asking("id_token"));
    let query = query.replace("scope=openid&", "");
    let good = validated(&query, &standard).unwrap();
    assert_eq!(good.scopes.to_string(), "openid", "OpenID Connect Core §11");
    assert_eq!(good.code_challenge, None, "PKCE protects a code");
    let hybrid = refused(&asking("code id_token"), &standard);
    assert_eq!(hybrid, Some(Refusal::PkceRequired));
    // dex §1.7.7 asks it of every request where the tenant does.
    let (ours, dex) = both(|tenant| public(tenant).with(|spec| spec.oauth2.pkce_enforce = true));
    let dex = TenantSpec {
        oauth2: insula_model::OAuth2Policy {
            response_types: vec![ResponseType::parse("id_token").unwrap()],
            ..dex.oauth2.clone()
        },
        ..dex
    };
    assert_eq!(refused(&asking("id_token"), &ours), None);
    assert_eq!(
        refused(&asking("id_token"), &dex),
        Some(Refusal::PkceRequired)
    );
}

#[test]
fn an_id_token_needs_openid_and_no_token_is_shown_to_be_copied() {
    let (standard, _) = serving(&["id_token", "token"], &IMPLICIT);
    let without = asking("id_token").replace("scope=openid", "scope=email");
    assert_eq!(
        refused(&without, &standard),
        Some(Refusal::MissingOpenIdScope)
    );
    let plain = asking("token").replace("scope=openid", "scope=email");
    assert_eq!(
        refused(&plain, &standard),
        None,
        "RFC 6749 §4.2 is plain OAuth"
    );
    let (_, dex) = both(|tenant| {
        let types = ["code", "id_token"].map(|text| ResponseType::parse(text).unwrap());
        tenant
            .with(|spec| spec.oauth2.response_types = types.to_vec())
            .with_client(a_client().public().without_redirects())
    });
    let out_of_band = "urn:ietf:wg:oauth:2.0:oob";
    let asked = asking("id_token").replace("https%3A%2F%2Fapp.test%2Fcb", out_of_band);
    assert_eq!(refused(&asked, &dex), Some(Refusal::TokensOutOfBand));
}

#[test]
fn a_connector_that_serves_no_implicit_lets_nobody_in_for_a_token() {
    let (standard, _) = both(|tenant| {
        let mut code_only = a_connector("code-only");
        code_only.grant_types = vec![GrantType::AuthorizationCode];
        let types = ["code", "id_token"].map(|text| ResponseType::parse(text).unwrap());
        tenant
            .with(|spec| spec.oauth2.response_types = types.to_vec())
            .with_connector(code_only)
            .with_client(a_client().with_grants(&IMPLICIT))
    });
    let named = |asked: &str| format!("{}&connector_id=code-only", asking(asked));
    assert_eq!(refused(&named("code"), &standard), None);
    let refusal = Refusal::ConnectorNotAllowed("code-only".into());
    assert_eq!(refused(&named("id_token"), &standard), Some(refusal));
}
