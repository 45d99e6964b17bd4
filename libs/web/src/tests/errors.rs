use actix_web::test::TestRequest;
use insula_connector_kit::ConnectorError;
use insula_engine::Refusal;
use insula_flows::{Fault, FlowError};
use insula_model::{GrantId, RefusalForm};
use insula_oauth::{ClientAuthError, ErrorCode};
use insula_store::StoreError;

use super::world::{Answer, World};
use crate::respond::{Surface, fail, refuse};

fn grant() -> GrantId {
    GrantId::parse("family1").unwrap()
}

/// What strangers may write into a parameter that a refusal repeats.
const HOSTILE: &str = "\"\\<script>alert(1)</script>\r\nX-Evil: 1\u{e9}\u{202e}";

pub(super) fn every_refusal() -> Vec<Refusal> {
    let word = || HOSTILE.to_owned();
    let words = || vec![word(), "x".repeat(5000)];
    vec![
        Refusal::MissingClientId,
        Refusal::UnknownClient,
        Refusal::MissingRedirectUri,
        Refusal::RedirectUriMismatch,
        Refusal::DuplicateParameter(word()),
        Refusal::TooLong {
            parameter: "state",
            most: 2048,
        },
        Refusal::RequestObjectNotSupported,
        Refusal::BadRequestObject(word()),
        Refusal::RequestObjectMissing,
        Refusal::RequestUriNotSupported,
        Refusal::RegistrationNotSupported,
        Refusal::MissingResponseType,
        Refusal::UnknownResponseType(word()),
        Refusal::ResponseTypeNotServed(word()),
        Refusal::BadResponseMode(word()),
        Refusal::QueryForTokens,
        Refusal::TokenAlone,
        Refusal::TokensOutOfBand,
        Refusal::MissingNonce,
        Refusal::MissingOpenIdScope,
        Refusal::UnknownScope(words()),
        Refusal::UntrustedAudience(words()),
        Refusal::TooManyAudiences,
        Refusal::PkceMethodNotSupported(word()),
        Refusal::PkceRequired,
        Refusal::PkceMalformed,
        Refusal::BadPrompt(word()),
        Refusal::BadMaxAge,
        Refusal::BadClaims { at: 7 },
        Refusal::ClaimsOfTwoPeople,
        Refusal::UnmetAuthentication,
        Refusal::BadIdTokenHint,
        Refusal::UnknownConnector(word()),
        Refusal::ConnectorNotAllowed(word()),
        Refusal::NoConnectorForClient,
        Refusal::ConnectorUnavailable {
            connector: word(),
            why: word(),
        },
        Refusal::ConnectorRemoved { another: None },
        Refusal::GrantNotAllowed,
        Refusal::LoginRequired,
        Refusal::ConsentRequired,
        Refusal::WrongPerson,
        Refusal::ConsentDenied,
        Refusal::LoginUnknown,
        Refusal::LoginExpired,
        Refusal::WrongBrowser,
        Refusal::WrongStage,
        Refusal::BadProof,
        Refusal::WrongConnector,
        Refusal::UpstreamDenied(word()),
        Refusal::UpstreamDeclined { connector: word() },
        Refusal::UpstreamReply {
            connector: word(),
            why: word(),
        },
        Refusal::NotInGroup,
        Refusal::TicketRequired,
        Refusal::ClientAuth(ClientAuthError::MalformedBasic),
        Refusal::ClientAuth(ClientAuthError::TwoMethods),
        Refusal::ClientCredentials,
        Refusal::MissingGrantType,
        Refusal::UnsupportedGrantType(word()),
        Refusal::MissingCode,
        Refusal::CodeUnknown,
        Refusal::CodeOfAnotherClient { grant: grant() },
        Refusal::CodeReplayed { grant: grant() },
        Refusal::CodeTakenOver { grant: grant() },
        Refusal::RedirectUriChanged { grant: grant() },
        Refusal::PkceMismatch { grant: grant() },
        Refusal::PkceNotStarted { grant: grant() },
        Refusal::PkceVerifierMissing { grant: grant() },
        Refusal::MissingDeviceCode,
        Refusal::DeviceCodeUnknown,
        Refusal::DeviceCodeExpired,
        Refusal::DevicePending,
        Refusal::DevicePolledTooSoon,
        Refusal::DeviceDenied,
        Refusal::NoDeviceGrant,
        Refusal::MissingUserCode,
        Refusal::UserCodeUnknown,
        Refusal::DeviceAnswerIncomplete,
        Refusal::DeviceAnswerRefused,
        Refusal::DeviceAnswerCodeUnknown,
        Refusal::DeviceAnswerLate,
        Refusal::NoSuchResource,
        Refusal::MissingRefreshToken,
        Refusal::RefreshUnknown,
        Refusal::RefreshOfAnotherClient { grant: grant() },
        Refusal::RefreshExpired { grant: grant() },
        Refusal::RefreshReused { grant: grant() },
        Refusal::RefreshObsolete { grant: grant() },
        Refusal::RefreshScopeBeyond(words()),
        Refusal::RefreshConnectorGone { grant: grant() },
        Refusal::RefreshNotOfConnector { grant: grant() },
        Refusal::RefreshDenied { grant: grant() },
        Refusal::BearerMissing,
        Refusal::BearerTwice,
        Refusal::BearerMalformed,
        Refusal::BearerInvalid,
        Refusal::BearerLacksOpenId,
        Refusal::BearerOfAnotherAudience,
        Refusal::ScopeNotAllowed(words()),
        Refusal::ScopeOfAnotherResource(words()),
        Refusal::ScopesOfSeveralResources,
        Refusal::ResourceNotAllowed(word()),
        Refusal::ResourceNotGranted(word()),
        Refusal::ResourceMissing,
        Refusal::TooManyResources,
        Refusal::ScopeOfPeople(words()),
        Refusal::PublicClientHasNoCredentials,
        Refusal::ClientIsCalledAsPerson,
        Refusal::MissingToken,
        Refusal::IntrospectionByMethod(word()),
        Refusal::IntrospectionOfNothing,
        Refusal::UnsupportedTokenType,
        Refusal::TokenOfAnotherClient,
        Refusal::BadLogoutHint,
        Refusal::LogoutRedirectNeedsHint,
        Refusal::LogoutRedirectUnregistered,
        Refusal::MethodNotAllowed(word()),
        Refusal::MalformedBody(word()),
        Refusal::TooManyRequests { retry_after_s: 7 },
        Refusal::Overloaded { retry_after_s: 7 },
    ]
}

const FORMS: [(&str, RefusalForm); 2] = [("acme", RefusalForm::Rfc), ("globex", RefusalForm::Dex)];

async fn told(world: &World, tenant: &str, surface: Surface, refusal: &Refusal) -> Answer {
    let ctx = world
        .context(tenant, TestRequest::get().uri("/callback"))
        .await;
    Answer::of(refuse(&ctx, surface, refusal, None)).await
}

#[actix_web::test]
async fn a_program_hears_every_refusal_with_the_status_the_rfcs_and_dex_give_it() {
    let world = World::usual().await;
    let encoding = Refusal::ClientAuth(ClientAuthError::ClientIdEncoding);
    for (refusal, ours, of_dex) in [
        // RFC 6749 §5.2
        (Refusal::MissingGrantType, 400, 400),
        (Refusal::UnsupportedGrantType("x".into()), 400, 400),
        (Refusal::MissingCode, 400, 400),
        (Refusal::CodeUnknown, 400, 400),
        (Refusal::CodeReplayed { grant: grant() }, 400, 400),
        (Refusal::CodeTakenOver { grant: grant() }, 400, 400),
        (Refusal::RefreshObsolete { grant: grant() }, 400, 400),
        (Refusal::PkceMismatch { grant: grant() }, 400, 400),
        (Refusal::RefreshUnknown, 400, 400),
        (Refusal::RefreshDenied { grant: grant() }, 400, 500),
        (Refusal::RefreshConnectorGone { grant: grant() }, 400, 400),
        (Refusal::RefreshNotOfConnector { grant: grant() }, 400, 400),
        (Refusal::ConnectorNotOfClient("x".into()), 400, 400),
        (Refusal::GrantNotAllowed, 400, 400),
        (Refusal::ClientCredentials, 401, 401),
        (Refusal::UnknownClient, 401, 401),
        (Refusal::ClientAuth(ClientAuthError::Missing), 401, 401),
        (Refusal::ClientAuth(ClientAuthError::TwoMethods), 400, 400),
        (encoding, 401, 400),
        (Refusal::DuplicateParameter("code".into()), 400, 400),
        // RFC 7009 §2.2.1
        (Refusal::UnsupportedTokenType, 400, 400),
        (Refusal::MissingToken, 400, 400),
        // everywhere
        (Refusal::MethodNotAllowed("GET".into()), 405, 400),
        (Refusal::IntrospectionByMethod("GET".into()), 405, 400),
        (Refusal::IntrospectionOfNothing, 400, 400),
        (Refusal::MalformedBody("x".into()), 400, 400),
        (Refusal::TooManyRequests { retry_after_s: 7 }, 429, 429),
        (Refusal::Overloaded { retry_after_s: 7 }, 503, 503),
    ] {
        for ((tenant, form), status) in FORMS.into_iter().zip([ours, of_dex]) {
            let answer = told(&world, tenant, Surface::Program, &refusal).await;
            assert_eq!(answer.status, status, "{refusal:?} {form:?}");
            let code = refusal.code(form);
            assert_eq!(answer.json()["error"], code.as_str(), "{refusal:?}");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.header("pragma"), "no-cache");
            let challenge = match (status, form) {
                (401, RefusalForm::Rfc) => "Basic realm=\"https://acme.test\"",
                _ => "",
            };
            assert_eq!(answer.header("www-authenticate"), challenge, "{refusal:?}");
        }
    }
}

#[actix_web::test]
async fn a_bearer_is_challenged_in_the_forms_of_rfc_6750() {
    let world = World::usual().await;
    let realm = "Bearer realm=\"https://acme.test\"";
    for (refusal, status, code, challenge) in [
        (
            Refusal::BearerMissing,
            401,
            "invalid_request",
            realm.to_owned(),
        ),
        (
            Refusal::BearerTwice,
            400,
            "invalid_request",
            format!(
                "{realm}, error=\"invalid_request\", \
                 error_description=\"the access token came in more than one place\""
            ),
        ),
        (
            Refusal::BearerMalformed,
            400,
            "invalid_request",
            format!(
                "{realm}, error=\"invalid_request\", \
                 error_description=\"Authorization must be the word Bearer and one access token\""
            ),
        ),
        (
            Refusal::BearerInvalid,
            401,
            "invalid_token",
            format!(
                "{realm}, error=\"invalid_token\", \
                 error_description=\"the access token is malformed, expired or revoked\""
            ),
        ),
        (
            Refusal::BearerOfAnotherAudience,
            401,
            "invalid_token",
            format!(
                "{realm}, error=\"invalid_token\", \
                 error_description=\"the access token is not meant for userinfo\""
            ),
        ),
        (
            Refusal::BearerLacksOpenId,
            403,
            "insufficient_scope",
            format!(
                "{realm}, error=\"insufficient_scope\", \
                 error_description=\"the access token was not granted the openid scope\""
            ),
        ),
    ] {
        let answer = told(&world, "acme", Surface::Bearer, &refusal).await;
        assert_eq!(answer.status, status, "{refusal:?}");
        assert_eq!(answer.json()["error"], code);
        assert_eq!(answer.header("www-authenticate"), challenge);
    }
    for (refusal, status, challenge) in [
        (Refusal::BearerMissing, 401, "Bearer"),
        (Refusal::BearerInvalid, 403, ""),
    ] {
        let answer = told(&world, "globex", Surface::Bearer, &refusal).await;
        assert_eq!(answer.status, status, "{refusal:?}");
        assert_eq!(answer.json()["error"], "access_denied");
        assert_eq!(answer.json()["error_description"], "Invalid bearer token.");
        assert_eq!(answer.header("www-authenticate"), challenge);
    }
}

#[actix_web::test]
async fn a_person_sees_every_refusal_on_a_page_with_its_status() {
    let world = World::usual().await;
    for (refusal, ours, of_dex) in [
        (Refusal::UnknownClient, 400, 404),
        (Refusal::RedirectUriMismatch, 400, 400),
        (Refusal::LoginUnknown, 400, 400),
        (Refusal::LoginExpired, 400, 400),
        (Refusal::WrongBrowser, 400, 400),
        (Refusal::BadProof, 400, 401),
        (Refusal::NotInGroup, 403, 403),
        (Refusal::TicketRequired, 401, 401),
        (Refusal::UpstreamDenied("no".into()), 403, 500),
        (
            Refusal::UpstreamDeclined {
                connector: "mock".into(),
            },
            403,
            500,
        ),
        (a_reply("mock"), 400, 500),
        (Refusal::ConsentDenied, 403, 500),
        (not_opened("mock"), 503, 503),
        (Refusal::MethodNotAllowed("PUT".into()), 405, 400),
        (Refusal::TooManyRequests { retry_after_s: 7 }, 429, 429),
        (Refusal::Overloaded { retry_after_s: 7 }, 503, 503),
    ] {
        for ((tenant, form), status) in FORMS.into_iter().zip([ours, of_dex]) {
            let answer = told(&world, tenant, Surface::Browser, &refusal).await;
            assert_eq!(answer.status, status, "{refusal:?} {form:?}");
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            let scheme = match refusal {
                Refusal::TicketRequired => "Negotiate",
                _ => "",
            };
            assert_eq!(answer.header("www-authenticate"), scheme, "{refusal:?}");
        }
    }
}

fn a_reply(connector: &str) -> Refusal {
    Refusal::UpstreamReply {
        connector: connector.to_owned(),
        why: r#"its ID token has no "sub""#.to_owned(),
    }
}

fn not_opened(connector: &str) -> Refusal {
    Refusal::ConnectorUnavailable {
        connector: connector.to_owned(),
        why: "hunter2".to_owned(),
    }
}

#[actix_web::test]
async fn a_page_blames_whose_fault_it_is() {
    let world = World::usual().await;
    let declined = Refusal::UpstreamDeclined {
        connector: "mock".into(),
    };
    for (tenant, _) in FORMS {
        for (refusal, says) in [
            (
                a_reply("mock"),
                &[
                    "We can’t use",
                    "For whoever manages",
                    "has no &#39;sub&#39;",
                ][..],
            ),
            (not_opened("mock"), &["isn’t set up right"]),
            (declined.clone(), &["You declined to sign in"]),
            (Refusal::ConsentDenied, &["You didn’t allow the app"]),
            (Refusal::NotInGroup, &["Your account doesn’t have access"]),
        ] {
            let answer = told(&world, tenant, Surface::Browser, &refusal).await;
            let text = answer.text();
            for says in says {
                assert!(text.contains(says), "{refusal:?}: {says}: {text}");
            }
            for blames in ["The app that sent you here", "isn’t answering", "hunter2"] {
                assert!(!text.contains(blames), "{refusal:?}: {text}");
            }
        }
    }
}

#[actix_web::test]
async fn a_connectors_failure_is_told_by_its_kind_and_without_addresses() {
    let world = World::usual().await;
    for (cause, says) in [
        (
            ConnectorError::Upstream("its discovery document has no \"issuer\"".into()),
            "its discovery document has no &#39;issuer&#39;",
        ),
        (
            ConnectorError::BadReply("<b>its</b> userinfo".into()),
            "&lt;b&gt;its",
        ),
        (
            ConnectorError::Unreachable("10.0.0.1 hunter2".into()),
            "isn’t answering",
        ),
        (
            ConnectorError::Settings("10.0.0.1 hunter2".into()),
            "isn’t set up right",
        ),
    ] {
        for ((tenant, _), status) in FORMS.into_iter().zip([502, 500]) {
            let ctx = world
                .context(tenant, TestRequest::get().uri("/callback"))
                .await;
            let fault = Fault::Connector {
                connector: "mock".to_owned(),
                cause: cause.clone(),
            };
            let answer = Answer::of(fail(&ctx, Surface::Browser, fault.into())).await;
            assert_eq!(answer.status, status, "{cause:?}");
            let text = answer.text();
            assert!(text.contains(says) && text.contains("incident-1"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}

#[actix_web::test]
async fn whatever_strangers_send_comes_back_harmless() {
    let world = World::usual().await;
    let allowed = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    for (tenant, form) in FORMS {
        for refusal in every_refusal() {
            if form == RefusalForm::Rfc {
                let text = refusal.description(form);
                assert!(text.chars().all(allowed), "{text}");
                assert!(text.len() <= 300, "{} bytes", text.len());
            }
            for surface in [Surface::Browser, Surface::Program, Surface::Bearer] {
                let answer = told(&world, tenant, surface, &refusal).await;
                assert_eq!(answer.header("x-evil"), "");
                assert_eq!(answer.header("x-content-type-options"), "nosniff");
                if surface == Surface::Browser {
                    let text = answer.text();
                    assert!(!text.contains("<script>alert"), "{refusal:?}: {text}");
                } else {
                    let told = answer.json();
                    assert!(told["error"].is_string());
                    let challenge = answer.header("www-authenticate");
                    assert_eq!(challenge.matches('"').count() % 2, 0, "{challenge}");
                    assert!(challenge.bytes().all(|b| (b' '..=b'~').contains(&b)));
                }
            }
        }
    }
}

#[actix_web::test]
async fn a_refusal_for_now_says_when_to_come_back() {
    let world = World::usual().await;
    let busy = Refusal::TooManyRequests { retry_after_s: 7 };
    for surface in [Surface::Browser, Surface::Program, Surface::Bearer] {
        let answer = told(&world, "acme", surface, &busy).await;
        assert_eq!(answer.header("retry-after"), "7", "{surface:?}");
        assert_eq!(answer.header("www-authenticate"), "", "{surface:?}");
    }
}

#[actix_web::test]
async fn our_own_failing_is_told_by_its_incident_alone() {
    let world = World::usual().await;
    let store = || StoreError::Unavailable {
        backend: "postgres",
        cause: "no route to host hunter2".to_owned(),
    };
    let corrupt = || StoreError::Corrupt {
        what: "hunter2",
        cause: "hunter2".to_owned(),
    };
    for (fault, status, code) in [
        (
            Fault::Store(store()),
            503,
            ErrorCode::TemporarilyUnavailable,
        ),
        (Fault::KeysStale, 503, ErrorCode::TemporarilyUnavailable),
        (
            Fault::Signing("hunter2".into()),
            500,
            ErrorCode::ServerError,
        ),
        (Fault::Store(corrupt()), 500, ErrorCode::ServerError),
    ] {
        let ctx = world.context("acme", TestRequest::get()).await;
        for surface in [Surface::Browser, Surface::Program, Surface::Bearer] {
            let failure = FlowError::from(fault.clone());
            let answer = Answer::of(fail(&ctx, surface, failure)).await;
            assert_eq!(answer.status, status, "{fault:?} {surface:?}");
            let retry_after = if status == 503 { "1" } else { "" };
            assert_eq!(answer.header("retry-after"), retry_after, "{fault:?}");
            let text = answer.text();
            assert!(text.contains("incident-1"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
            if surface != Surface::Browser {
                assert_eq!(answer.json()["error"], code.as_str());
            }
        }
    }
}
