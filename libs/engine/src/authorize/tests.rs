mod answers;
mod copies;
mod request_object;
mod response_types;
mod signed_request_object;

use std::time::Duration;

use insula_jose::Alg;
use insula_model::{AuthorizationRequest, Rules, TenantSpec};
use insula_oauth::{
    AuthorizeRequest, CodeChallengeMethod, GrantType, Params, Prompts, ResponseMode, ResponseType,
};
use insula_testkit::{
    CHALLENGE, NOW, TenantBuilder, VERIFIER, a_client, a_connector, a_tenant, test_key, test_keys,
};
use serde_json::json;

use super::{Rejection, validate};
use crate::Refusal;

const GOOD: &str =
    "client_id=app&redirect_uri=https://app.test/cb&response_type=code&scope=openid&state=xyz";

fn validated(query: &str, spec: &TenantSpec) -> Result<AuthorizationRequest, Rejection> {
    let params = Params::parse(query).unwrap();
    let request = AuthorizeRequest::from_params(&params);
    let client = request.client_id.and_then(|id| spec.client(id));
    let peers = spec.clients.values().cloned().collect();
    validate(&request, client, &peers, spec, &test_keys(), NOW)
}

/// [`GOOD`], with parameters in the place of those of the same name, or added.
fn with(changes: &str) -> String {
    let changed = Params::parse(changes).unwrap();
    let base = Params::parse(GOOD).unwrap();
    let kept = base
        .pairs()
        .filter(|(name, _)| changed.pairs().all(|(other, _)| other != *name));
    insula_oauth::encode_pairs(kept.chain(changed.pairs()))
}

fn refused(query: &str, spec: &TenantSpec) -> Option<Refusal> {
    validated(query, spec).err().map(|rejection| {
        assert!(rejection.reply_to.is_some(), "{query}");
        rejection.refusal
    })
}

/// A tenant in both dialects.
fn both(change: impl Fn(TenantBuilder) -> TenantBuilder) -> (TenantSpec, TenantSpec) {
    let dex = change(a_tenant()).build();
    (
        change(a_tenant()).build(),
        TenantSpec {
            rules: Rules::DEX,
            ..dex
        },
    )
}

#[test]
fn without_a_proven_redirect_uri_no_answer_leaves_this_server() {
    let (standard, dex) = both(|t| t);
    let rows = [
        (
            "RFC 6749 §4.1.1 client_id",
            "redirect_uri=https://app.test/cb",
            Refusal::MissingClientId,
        ),
        (
            "unknown client",
            "client_id=nobody&redirect_uri=https://app.test/cb",
            Refusal::UnknownClient,
        ),
        (
            "RFC 9700 §2.1 redirect_uri",
            "client_id=app&response_type=code",
            Refusal::MissingRedirectUri,
        ),
        (
            "an empty one is missing",
            "client_id=app&redirect_uri=",
            Refusal::MissingRedirectUri,
        ),
        (
            "not the client's",
            "client_id=app&redirect_uri=https://evil.test/cb",
            Refusal::RedirectUriMismatch,
        ),
        (
            "RFC 6749 §3.1 twice",
            "client_id=app&client_id=b",
            Refusal::DuplicateParameter("client_id".into()),
        ),
        (
            "twice, one of them good",
            "client_id=app&redirect_uri=https://app.test/cb&redirect_uri=https://evil.test",
            Refusal::DuplicateParameter("redirect_uri".into()),
        ),
    ];
    for (clause, query, refusal) in rows {
        for spec in [&standard, &dex] {
            let rejection = validated(query, spec).unwrap_err();
            assert_eq!(rejection.refusal, refusal, "{clause}");
            assert_eq!(rejection.reply_to, None, "{clause}");
        }
    }
}

#[test]
fn every_other_refusal_answers_to_the_proven_redirect_uri() {
    use Refusal as R;
    let words = |text: &str| vec![text.to_owned()];
    let (standard, dex) = both(|tenant| {
        tenant
            .with_client(a_client().named("peer").trusting("app"))
            .with_client(a_client().named("stranger"))
            .with_connector(a_connector("other"))
    });
    let untrusted = "audience:server:client_id:stranger";
    let unknown = "audience:server:client_id:nobody";
    // clause, what is changed, the refusal in our dialect, in dex's
    let rows = [
        ("nothing is wrong", "", None, None),
        (
            "RFC 6749 §3.1 twice",
            "state=a&state=b",
            Some(R::DuplicateParameter("state".into())),
            None,
        ),
        (
            "no response_type",
            "response_type=",
            Some(R::MissingResponseType),
            Some(R::MissingResponseType),
        ),
        (
            "blank response_type",
            "response_type=+",
            Some(R::MissingResponseType),
            Some(R::MissingResponseType),
        ),
        (
            "dex §1.7.11 unknown word",
            "response_type=code+magic",
            Some(R::UnknownResponseType("magic".into())),
            Some(R::UnknownResponseType("magic".into())),
        ),
        (
            "dex §1.7.12 not served",
            "response_type=code+id_token",
            Some(R::ResponseTypeNotServed("code id_token".into())),
            Some(R::ResponseTypeNotServed("code id_token".into())),
        ),
        (
            "dex §12.64 words in any number",
            "response_type=code+code",
            None,
            None,
        ),
        (
            "Multiple Response Types §2.1 mode",
            "response_mode=form_post",
            None,
            None,
        ),
        (
            "unknown mode",
            "response_mode=query.jwt",
            Some(R::BadResponseMode("query.jwt".into())),
            None,
        ),
        (
            "OIDC Core §6.1",
            "request=e30.e30.",
            Some(R::RequestObjectNotSupported),
            Some(R::RequestObjectNotSupported),
        ),
        (
            "OIDC Core §6.2",
            "request_uri=https://app.test/r",
            Some(R::RequestUriNotSupported),
            None,
        ),
        (
            "OIDC Core §7.2.1",
            "registration={}",
            Some(R::RegistrationNotSupported),
            None,
        ),
        (
            "dex §1.7.8 openid",
            "scope=email",
            None,
            Some(R::MissingOpenIdScope),
        ),
        (
            "no scope at all",
            "scope=",
            Some(R::MissingOpenIdScope),
            Some(R::MissingOpenIdScope),
        ),
        (
            "OIDC Core §3.1.2.1 unknown scope",
            "scope=openid+shoes",
            None,
            Some(R::UnknownScope(words("shoes"))),
        ),
        (
            "OIDC Core §5.4 scopes that dex does not know",
            "scope=openid+phone+address",
            None,
            Some(R::UnknownScope(vec![
                "phone".to_owned(),
                "address".to_owned(),
            ])),
        ),
        (
            "nothing but unknown scopes",
            "scope=shoes",
            Some(R::MissingOpenIdScope),
            Some(R::MissingOpenIdScope),
        ),
        (
            "dex §2.4 trusted peer",
            "scope=openid+audience:server:client_id:peer",
            None,
            None,
        ),
        (
            "dex §2.4 itself",
            "scope=openid+audience:server:client_id:app",
            None,
            None,
        ),
        (
            "dex §1.7.10 untrusting peer",
            "scope=openid+audience:server:client_id:stranger",
            Some(R::UntrustedAudience(words(untrusted))),
            Some(R::UntrustedAudience(words(untrusted))),
        ),
        (
            "dex §1.7.10 unknown peer",
            "scope=openid+audience:server:client_id:nobody",
            Some(R::UntrustedAudience(words(unknown))),
            Some(R::UntrustedAudience(words(unknown))),
        ),
        (
            "OIDC Core §3.1.2.1 prompt",
            "prompt=none+login",
            Some(R::BadPrompt(
                "prompt none cannot be combined with another value".into(),
            )),
            Some(R::BadPrompt(
                "prompt none cannot be combined with another value".into(),
            )),
        ),
        (
            "unknown prompt",
            "prompt=create",
            Some(R::BadPrompt(r#"unknown prompt value "create""#.into())),
            Some(R::BadPrompt(r#"unknown prompt value "create""#.into())),
        ),
        ("two prompts", "prompt=login+consent", None, None),
        (
            "dex §1.7.18 max_age",
            "max_age=-1",
            Some(R::BadMaxAge),
            Some(R::BadMaxAge),
        ),
        (
            "max_age with a sign",
            "max_age=%2B5",
            Some(R::BadMaxAge),
            Some(R::BadMaxAge),
        ),
        (
            "max_age with a fraction",
            "max_age=1.5",
            Some(R::BadMaxAge),
            Some(R::BadMaxAge),
        ),
        (
            "max_age beyond all numbers",
            "max_age=99999999999999999999",
            Some(R::BadMaxAge),
            Some(R::BadMaxAge),
        ),
        ("max_age of nothing", "max_age=0", None, None),
        (
            "dex §1.7.19 hint",
            "id_token_hint=e30.e30.e30",
            Some(R::BadIdTokenHint),
            Some(R::BadIdTokenHint),
        ),
        (
            "dex §1.7.4 unknown connector",
            "connector_id=nobody",
            Some(R::UnknownConnector("nobody".into())),
            Some(R::UnknownConnector("nobody".into())),
        ),
        ("a known connector", "connector_id=other", None, None),
        ("dex §1.6 ignored", "display=popup&claims={}", None, None),
        (
            "RFC 8707 §2 one the client may not have",
            "resource=https://a.test",
            Some(R::ResourceNotAllowed("https://a.test".into())),
            None,
        ),
    ];
    for (clause, change, in_standard, in_dex) in rows {
        assert_eq!(refused(&with(change), &standard), in_standard, "{clause}");
        assert_eq!(refused(&with(change), &dex), in_dex, "{clause}, dex");
    }
}

#[test]
fn a_client_gets_no_further_than_its_registration() {
    let (standard, dex) = both(|tenant| {
        tenant
            .with_connector(a_connector("other"))
            .with_client(a_client().allowing("mock"))
    });
    let refusal = Refusal::ConnectorNotAllowed("other".into());
    for spec in [&standard, &dex] {
        let query = with("connector_id=other");
        assert_eq!(refused(&query, spec), Some(refusal.clone()));
    }
    let (standard, dex) = both(|tenant| {
        let grants = [GrantType::RefreshToken];
        tenant.with_client(a_client().with_grants(&grants))
    });
    for spec in [&standard, &dex] {
        assert_eq!(refused(GOOD, spec), Some(Refusal::GrantNotAllowed));
    }
}

#[test]
fn pkce_is_as_strict_as_the_dialect() {
    use Refusal as R;
    let s256 = format!("code_challenge={CHALLENGE}&code_challenge_method=S256");
    let plain = format!("code_challenge={VERIFIER}&code_challenge_method=plain");
    let unnamed = format!("code_challenge={VERIFIER}");
    let lower = format!("code_challenge={CHALLENGE}&code_challenge_method=s256");
    let padded = format!("code_challenge={CHALLENGE}%3D&code_challenge_method=S256");
    let confidential = a_client;
    let public = || a_client().public();
    let unsupported = |m: &str| Some(R::PkceMethodNotSupported(m.into()));
    let required = || Some(R::PkceRequired);
    // clause, client, tenant enforces, parameters, in our dialect, in dex's
    let rows = [
        (
            "RFC 9700 §2.1.1 public without",
            public(),
            false,
            "",
            required(),
            None,
        ),
        (
            "confidential without",
            confidential(),
            false,
            "",
            None,
            None,
        ),
        (
            "confidential that must",
            confidential().requiring_pkce(),
            false,
            "",
            required(),
            required(),
        ),
        (
            "dex §1.7.7 enforced",
            confidential(),
            true,
            "",
            required(),
            required(),
        ),
        (
            "RFC 7636 §4.2 S256",
            public(),
            true,
            s256.as_str(),
            None,
            None,
        ),
        (
            "RFC 7636 §4.2 plain",
            public(),
            true,
            plain.as_str(),
            None,
            None,
        ),
        (
            "RFC 7636 §4.3 no method is plain",
            public(),
            true,
            unnamed.as_str(),
            None,
            None,
        ),
        (
            "an unknown method",
            public(),
            false,
            lower.as_str(),
            unsupported("s256"),
            unsupported("s256"),
        ),
        (
            "RFC 7636 §4.2 too short",
            confidential(),
            false,
            "code_challenge=short",
            Some(R::PkceMalformed),
            None,
        ),
        (
            "RFC 7636 §4.2 padded",
            confidential(),
            false,
            padded.as_str(),
            Some(R::PkceMalformed),
            None,
        ),
        (
            "a method without a challenge",
            confidential(),
            false,
            "code_challenge_method=S256",
            required(),
            None,
        ),
        (
            "an empty challenge",
            public(),
            false,
            "code_challenge=&code_challenge_method=S256",
            required(),
            None,
        ),
    ];
    for (clause, client, enforce, change, in_standard, in_dex) in rows {
        let (standard, dex) = both(|tenant| {
            tenant
                .with_client(client.clone())
                .with(|spec| spec.oauth2.pkce_enforce = enforce)
        });
        assert_eq!(refused(&with(change), &standard), in_standard, "{clause}");
        assert_eq!(refused(&with(change), &dex), in_dex, "{clause}, dex");
    }
}

#[test]
fn a_method_the_tenant_does_not_take_is_refused_also_by_default() {
    let (standard, dex) =
        both(|t| t.with(|spec| spec.oauth2.pkce_methods = vec![CodeChallengeMethod::S256]));
    let query = with(&format!("code_challenge={VERIFIER}"));
    let refusal = Refusal::PkceMethodNotSupported("plain".into());
    assert_eq!(refused(&query, &standard), Some(refusal.clone()));
    assert_eq!(refused(&query, &dex), Some(refusal));
}
