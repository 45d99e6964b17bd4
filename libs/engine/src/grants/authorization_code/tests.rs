use insula_model::{ClientId, CodeGrant, GrantId, TenantSpec};
use insula_oauth::{CodeChallenge, CodeChallengeMethod, CodeVerifier, Scopes};
use insula_secret::Secret;
use insula_testkit::{NOW, VERIFIER, a_client, a_code_grant, a_connector, a_tenant, test_keys};

use super::*;
use crate::token_plan::Subject;

fn good() -> CodeRequest {
    CodeRequest {
        code: Some(Secret::new("code")),
        redirect_uri: Some("https://app.test/cb".to_owned()),
        code_verifier: Some(CodeVerifier::new(VERIFIER)),
        resources: Vec::new(),
    }
}

fn told(
    rules: &Rules,
    request: impl FnOnce(&mut CodeRequest),
    grant: impl FnOnce(&mut CodeGrant),
) -> Result<(), Refusal> {
    let (mut sent, mut stands) = (good(), a_code_grant());
    request(&mut sent);
    grant(&mut stands);
    authorization_code(&sent, &a_client().build(), &stands, rules)
}

fn family() -> GrantId {
    a_code_grant().grant_id
}

fn verifier(request: &mut CodeRequest, text: &str) {
    request.code_verifier = Some(CodeVerifier::new(text));
}

fn plain(grant: &mut CodeGrant, value: &str) {
    grant.code_challenge = Some(CodeChallenge {
        method: CodeChallengeMethod::Plain,
        value: value.to_owned(),
    });
}

const BOTH: [&Rules; 2] = [&Rules::STANDARD, &Rules::DEX];

#[test]
fn the_client_that_asked_gets_its_tokens() {
    for rules in BOTH {
        assert_eq!(told(rules, |_| (), |_| ()), Ok(()));
        let without_pkce = told(
            rules,
            |request| request.code_verifier = None,
            |grant| grant.code_challenge = None,
        );
        assert_eq!(without_pkce, Ok(()), "confidential clients may go without");
        let plain = told(rules, |_| (), |grant| plain(grant, VERIFIER));
        assert_eq!(plain, Ok(()), "RFC 7636 §4.6, plain");
    }
}

#[test]
fn rfc_9700_4_5_a_code_injected_by_another_client_is_refused() {
    for rules in BOTH {
        let other = |grant: &mut CodeGrant| grant.client_id = ClientId::parse("victim").unwrap();
        let refused = Refusal::CodeOfAnotherClient { grant: family() };
        assert_eq!(told(rules, |_| (), other), Err(refused));
    }
}

#[test]
fn rfc_6749_4_1_3_the_redirect_uri_must_be_the_same_text() {
    for rules in BOTH {
        for sent in [
            None,
            Some("https://app.test/cb/"),
            Some("https://APP.test/cb"),
        ] {
            let request = |request: &mut CodeRequest| {
                request.redirect_uri = sent.map(str::to_owned);
            };
            let refused = Refusal::RedirectUriChanged { grant: family() };
            assert_eq!(told(rules, request, |_| ()), Err(refused), "{sent:?}");
        }
    }
}

#[test]
fn rfc_7636_4_6_the_verifier_must_fit_the_challenge() {
    let wrong = "x".repeat(43);
    for rules in BOTH {
        let refused = Err(Refusal::PkceMismatch { grant: family() });
        assert_eq!(told(rules, |r| verifier(r, &wrong), |_| ()), refused);
        let missing = Err(Refusal::PkceVerifierMissing { grant: family() });
        assert_eq!(told(rules, |r| r.code_verifier = None, |_| ()), missing);
    }
}

#[test]
fn rfc_9700_4_8_2_pkce_downgrade_a_verifier_without_a_challenge_is_refused() {
    for rules in BOTH {
        let refused = Err(Refusal::PkceNotStarted { grant: family() });
        assert_eq!(told(rules, |_| (), |g| g.code_challenge = None), refused);
    }
}

#[test]
fn a_verifier_of_the_wrong_form_is_good_for_dex_alone() {
    let short = |rules| told(rules, |r| verifier(r, "short"), |g| plain(g, "short"));
    assert_eq!(short(&Rules::DEX), Ok(()));
    let refused = Refusal::PkceMismatch { grant: family() };
    assert_eq!(short(&Rules::STANDARD), Err(refused));
}

#[test]
fn dex_names_the_verifier_before_the_redirect_uri() {
    let told = told(
        &Rules::DEX,
        |request| {
            verifier(request, "wrong");
            request.redirect_uri = None;
        },
        |_| (),
    );
    assert_eq!(told, Err(Refusal::PkceMismatch { grant: family() }));
}

#[test]
fn a_used_code_is_remembered_as_long_as_its_tokens_may_live() {
    let minutes = Duration::from_mins;
    let life = |life| a_tenant().with(|t| t.expiry.access_tokens = life).build();
    assert_eq!(remember_code_for(&life(minutes(1))), minutes(10));
    assert_eq!(remember_code_for(&life(minutes(90))), minutes(90));
    assert_eq!(
        remember_code_for(&a_tenant().dex().build()),
        minutes(24 * 60)
    );
}

/// What is for whom, and for how many seconds.
type For = (String, u64);

/// The access token, the ID token, and whether a refresh grant begins.
type Planned = (For, Option<For>, bool);

/// The plan of the code of `grant`, summed up.
fn planned(spec: &TenantSpec, grant: &CodeGrant, begins_refresh: bool) -> Result<Planned, Refusal> {
    let facts = CodeFacts {
        spec,
        keys: &test_keys(),
        grant,
        asker: Asker {
            client: &a_client().build(),
            peers: &spec.clients.values().cloned().collect(),
            resources: &[],
        },
        begins_refresh,
    };
    let plan = code_plan(Some("the-code"), facts, NOW)?;
    assert_eq!(plan.client_id, &grant.client_id);
    assert_eq!(plan.grant_id, &grant.grant_id);
    assert_eq!(plan.subject, Subject::Person(&grant.login));
    assert_eq!(plan.scopes, &grant.scopes);
    assert_eq!(plan.claims, grant.claims);
    assert_eq!(plan.nonce, grant.nonce.as_deref());
    assert_eq!(plan.actor, None);
    if let Some(begun) = &plan.refresh {
        assert!(matches!(begun, Cow::Owned(_)), "it is to be stored first");
        assert_eq!((begun.generation, begun.created_at), (0, NOW));
        assert_eq!(begun.grant_id, grant.grant_id);
    }
    let text = |audience| serde_json::to_string(audience).unwrap();
    let id_token = plan.id_token.as_ref().map(|id_token| {
        assert_eq!(id_token.code, Some("the-code"));
        (text(&id_token.audience), id_token.lifetime.as_secs())
    });
    let access_token = (text(&plan.audience), plan.lifetime.as_secs());
    Ok((access_token, id_token, plan.refresh.is_some()))
}

#[test]
fn a_code_is_good_for_its_client_the_peers_it_names_and_what_it_was_settled_to_begin() {
    let peer = "openid audience:server:client_id:api";
    let of = |audience: &str, life| Some((audience.to_owned(), life));
    let (app, two, issuer) = (r#""app""#, r#"["api","app"]"#, r#""https://acme.test""#);
    // scopes, whether a refresh grant begins; in our dialect: audience, ID token; in dex's: audience
    for (scopes, begins, ours, id_token, dexs) in [
        ("openid", false, issuer, of(app, 3600), app),
        ("email", false, issuer, None, app),
        (peer, false, issuer, of(two, 3600), two),
        ("openid offline_access", true, issuer, of(app, 3600), app),
        ("openid offline_access", false, issuer, of(app, 3600), app),
    ] {
        let grant = CodeGrant {
            scopes: Scopes::parse(scopes),
            ..a_code_grant()
        };
        let api = a_client().named("api").trusting("app");
        let tenant = a_tenant().with_client(api);
        let told = planned(&tenant.clone().build(), &grant, begins);
        let expected = ((ours.to_owned(), 600), id_token, begins);
        assert_eq!(told, Ok(expected), "{scopes}");
        let told = planned(&tenant.dex().build(), &grant, begins);
        let expected = ((dexs.to_owned(), 86_400), of(dexs, 86_400), begins);
        assert_eq!(told, Ok(expected), "{scopes}, dex");
    }
}

#[test]
fn no_code_becomes_an_id_token_with_a_sub_that_is_too_long() {
    let mut grant = a_code_grant();
    grant.login.claims.user_id = insula_model::UserId::parse("u".repeat(255)).unwrap();
    let told = |spec: &TenantSpec, grant: &CodeGrant| planned(spec, grant, false).err();
    let (ours, dexs) = (a_tenant().build(), a_tenant().dex().build());
    let refused = told(&ours, &grant);
    assert!(
        matches!(refused, Some(Refusal::UpstreamReply { .. })),
        "OpenID Connect Core §2: {refused:?}"
    );
    assert_eq!(told(&dexs, &grant), None, "as dex");
    grant.scopes = Scopes::parse("email");
    assert_eq!(told(&ours, &grant), None, "an access token has room");
}

#[test]
fn a_code_of_somebody_who_was_taken_out_of_the_configuration_is_good_for_nothing() {
    let mut local = a_connector("mock");
    "local".clone_into(&mut local.kind);
    let tenant = a_tenant().without_connectors().with_connector(local);
    for spec in [tenant.clone().build(), tenant.dex().build()] {
        let told = planned(&spec, &a_code_grant(), true);
        assert_eq!(told, Err(Refusal::CodeUnknown));
    }
}
