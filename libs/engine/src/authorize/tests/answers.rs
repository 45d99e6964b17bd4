use insula_model::{Claim, RequestedClaims};

use super::*;

#[test]
fn what_would_fill_the_cache_is_refused_by_name() {
    let (standard, dex) = both(|t| t);
    for (parameter, most) in [
        ("state", 8192),
        ("scope", 4096),
        ("nonce", 1024),
        ("code_challenge", 1024),
        ("code_challenge_method", 64),
        ("response_type", 64),
        ("response_mode", 64),
        ("prompt", 128),
        ("login_hint", 1024),
        ("ui_locales", 1024),
        ("acr_values", 1024),
        ("claims", 4096),
    ] {
        let long = with(&format!("{parameter}={}", "a".repeat(most + 1)));
        for spec in [&standard, &dex] {
            let refusal = Refusal::TooLong { parameter, most };
            assert_eq!(refused(&long, spec), Some(refusal));
        }
    }
    let state = "a".repeat(8192);
    let good = validated(&with(&format!("state={state}")), &standard).unwrap();
    assert_eq!(good.state, Some(state));
}

#[test]
fn an_answer_travels_as_the_client_asked_and_in_dex_always_in_the_query() {
    let (standard, dex) = both(|t| t);
    // RFC 6749 §4.1.2.1, Multiple Response Types §2.1 and §5
    for (change, mode) in [
        ("", ResponseMode::Query),
        ("response_mode=query", ResponseMode::Query),
        ("response_mode=fragment", ResponseMode::Fragment),
        ("response_mode=form_post", ResponseMode::FormPost),
    ] {
        let good = validated(&with(change), &standard).unwrap();
        assert_eq!(good.response_mode, mode, "{change}");
        let good = validated(&with(change), &dex).unwrap();
        assert_eq!(good.response_mode, ResponseMode::Query, "{change}, dex");
    }
    for (change, mode) in [
        (
            "scope=shoes&response_mode=form_post",
            ResponseMode::FormPost,
        ),
        ("response_type=id_token", ResponseMode::Fragment),
        (
            "response_type=id_token&response_mode=query",
            ResponseMode::Fragment,
        ),
        ("response_type=magic", ResponseMode::Query),
        ("response_mode=magic", ResponseMode::Query),
    ] {
        let told = validated(&with(change), &standard).unwrap_err();
        assert_eq!(told.reply_to.unwrap().response_mode, mode, "{change}");
    }
    let told = validated(&with("response_type=id_token"), &dex).unwrap_err();
    let reply_to = told.reply_to.unwrap();
    assert_eq!(reply_to.response_mode, ResponseMode::Query);
    assert_eq!(reply_to.state.as_deref(), Some("xyz"));
    assert_eq!(reply_to.redirect_uri, "https://app.test/cb");
}

#[test]
fn a_good_request_keeps_what_was_asked() {
    let (standard, dex) = both(|t| t.with_connector(a_connector("other")));
    let query = with(
        "scope=openid+email+shoes+email&nonce=n&prompt=login+consent&max_age=60&login_hint=jane\
         &ui_locales=de+en&acr_values=a+b&connector_id=other&approval_prompt=force",
    );
    let good = validated(&query, &standard).unwrap();
    assert_eq!(good.scopes.to_string(), "openid email");
    assert_eq!(good.response_type, ResponseType::CODE);
    assert_eq!(good.state.as_deref(), Some("xyz"));
    assert_eq!(good.nonce.as_deref(), Some("n"));
    let prompts = Prompts {
        login: true,
        consent: true,
        ..Prompts::default()
    };
    assert_eq!(good.prompts, prompts);
    assert_eq!(good.max_age, Some(60));
    assert_eq!(good.login_hint.as_deref(), Some("jane"));
    assert_eq!(good.ui_locales, ["de", "en"]);
    assert_eq!(good.acr_values, ["a", "b"]);
    assert_eq!(good.connector_id.unwrap().as_str(), "other");
    assert!(good.force_approval && good.hinted_sub.is_none());

    let auto = with("scope=openid+email+email&approval_prompt=auto");
    let good = validated(&auto, &dex).unwrap();
    assert_eq!(
        good.scopes.to_string(),
        "openid email email",
        "dex §1.7 keeps duplicates"
    );
    assert!(!good.force_approval, "dex §12.63");
}

#[test]
fn the_claims_parameter_belongs_to_openid_connect_and_its_faults_go_back_as_asked() {
    let (standard, dex) = both(|t| t);
    let kept = |change: &str, spec| validated(&with(change), spec).unwrap().claims.released;
    let good = r#"claims={"userinfo":{"email":null},"id_token":{"name":{"essential":true}}}"#;
    let asked = kept(good, &standard);
    assert!(asked.userinfo.iter().eq([Claim::Email]));
    assert!(asked.id_token.iter().eq([Claim::Name]));
    let nothing = RequestedClaims::default();
    assert_eq!(kept(good, &dex), nothing, "dex does not know the parameter");
    let plain = format!("scope=email&{good}");
    assert_eq!(kept(&plain, &standard), nothing, "without openid");
    assert_eq!(kept("claims={", &dex), nothing);

    let bad = with("claims={&response_mode=form_post");
    let told = validated(&bad, &standard).unwrap_err();
    assert_eq!(told.refusal, Refusal::BadClaims { at: 1 });
    let reply_to = told.reply_to.unwrap();
    assert_eq!(reply_to.response_mode, ResponseMode::FormPost);
    assert_eq!(reply_to.state.as_deref(), Some("xyz"));
}

#[test]
fn a_hint_counts_by_signature_and_issuer_and_not_by_age_or_audience() {
    let (standard, dex) = both(|t| t);
    let hour_ago = (NOW - Duration::from_hours(1)).as_secs();
    let ours =
        json!({"iss": "https://acme.test", "sub": "jane", "aud": "another", "exp": hour_ago});
    let theirs = json!({"iss": "https://other.test", "sub": "jane", "exp": hour_ago});
    let nobody = json!({"iss": "https://acme.test", "exp": hour_ago});
    let bad = Err(Refusal::BadIdTokenHint);
    // OIDC Core §3.1.2.1
    let rows = [
        (
            "expired, for another client",
            &ours,
            None,
            Alg::ES256,
            "es256",
            Ok(Some("jane".to_owned())),
        ),
        (
            "another issuer",
            &theirs,
            None,
            Alg::ES256,
            "es256",
            bad.clone(),
        ),
        (
            "without sub",
            &nobody,
            None,
            Alg::ES256,
            "es256",
            bad.clone(),
        ),
        (
            "an access token",
            &ours,
            Some("at+jwt"),
            Alg::ES256,
            "es256",
            bad.clone(),
        ),
        (
            "an unknown key",
            &ours,
            None,
            Alg::ES256,
            "gone",
            bad.clone(),
        ),
        (
            "a key under another's name",
            &ours,
            None,
            Alg::EdDSA,
            "es256",
            bad,
        ),
    ];
    for (what, claims, typ, alg, kid, told) in rows {
        let token = test_key(alg, kid).sign(typ, claims).unwrap();
        for spec in [&standard, &dex] {
            let query = with(&format!("id_token_hint={token}"));
            let hinted = validated(&query, spec).map(|request| request.hinted_sub);
            assert_eq!(hinted.map_err(|r| r.refusal), told, "{what}");
        }
    }
}
