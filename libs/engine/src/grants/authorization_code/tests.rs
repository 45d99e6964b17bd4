use insula_model::{ClientId, CodeGrant, GrantId};
use insula_oauth::{CodeChallenge, CodeChallengeMethod, CodeVerifier};
use insula_testkit::{VERIFIER, a_client, a_code_grant, a_tenant};

use super::*;

fn good() -> CodeRequest {
    CodeRequest {
        code: Some("code".to_owned()),
        redirect_uri: Some("https://app.test/cb".to_owned()),
        code_verifier: Some(CodeVerifier::new(VERIFIER)),
    }
}

fn told(
    dialect: Dialect,
    request: impl FnOnce(&mut CodeRequest),
    grant: impl FnOnce(&mut CodeGrant),
) -> Result<(), Refusal> {
    let (mut sent, mut stands) = (good(), a_code_grant());
    request(&mut sent);
    grant(&mut stands);
    authorization_code(&sent, &a_client().build(), &stands, dialect)
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

const BOTH: [Dialect; 2] = [Dialect::Standard, Dialect::Dex];

#[test]
fn the_client_that_asked_gets_its_tokens() {
    for dialect in BOTH {
        assert_eq!(told(dialect, |_| (), |_| ()), Ok(()));
        let without_pkce = told(
            dialect,
            |request| request.code_verifier = None,
            |grant| grant.code_challenge = None,
        );
        assert_eq!(without_pkce, Ok(()), "confidential clients may go without");
        let plain = told(dialect, |_| (), |grant| plain(grant, VERIFIER));
        assert_eq!(plain, Ok(()), "RFC 7636 §4.6, plain");
    }
}

#[test]
fn rfc_9700_4_5_a_code_injected_by_another_client_is_refused() {
    for dialect in BOTH {
        let other = |grant: &mut CodeGrant| grant.client_id = ClientId::parse("victim").unwrap();
        let refused = Refusal::CodeOfAnotherClient { grant: family() };
        assert_eq!(told(dialect, |_| (), other), Err(refused));
    }
}

#[test]
fn rfc_6749_4_1_3_the_redirect_uri_must_be_the_same_text() {
    for dialect in BOTH {
        for sent in [
            None,
            Some("https://app.test/cb/"),
            Some("https://APP.test/cb"),
        ] {
            let request = |request: &mut CodeRequest| {
                request.redirect_uri = sent.map(str::to_owned);
            };
            let refused = Refusal::RedirectUriChanged { grant: family() };
            assert_eq!(told(dialect, request, |_| ()), Err(refused), "{sent:?}");
        }
    }
}

#[test]
fn rfc_7636_4_6_the_verifier_must_fit_the_challenge() {
    let wrong = "x".repeat(43);
    for dialect in BOTH {
        let refused = Err(Refusal::PkceMismatch { grant: family() });
        assert_eq!(told(dialect, |r| verifier(r, &wrong), |_| ()), refused);
        let missing = Err(Refusal::PkceVerifierMissing { grant: family() });
        assert_eq!(told(dialect, |r| r.code_verifier = None, |_| ()), missing);
    }
}

#[test]
fn rfc_9700_4_8_2_pkce_downgrade_a_verifier_without_a_challenge_is_refused() {
    for dialect in BOTH {
        let refused = Err(Refusal::PkceNotStarted { grant: family() });
        assert_eq!(told(dialect, |_| (), |g| g.code_challenge = None), refused);
    }
}

#[test]
fn a_verifier_of_the_wrong_form_is_good_for_dex_alone() {
    let short = |dialect| told(dialect, |r| verifier(r, "short"), |g| plain(g, "short"));
    assert_eq!(short(Dialect::Dex), Ok(()));
    let refused = Refusal::PkceMismatch { grant: family() };
    assert_eq!(short(Dialect::Standard), Err(refused));
}

#[test]
fn dex_names_the_verifier_before_the_redirect_uri() {
    let told = told(
        Dialect::Dex,
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
