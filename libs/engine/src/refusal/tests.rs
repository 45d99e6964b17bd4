use insula_oauth::ErrorCode as E;

use super::*;
use Refusal as R;

const STANDARD: RefusalForm = RefusalForm::Rfc;
const DEX: RefusalForm = RefusalForm::Dex;

/// What a stranger might send for us to repeat.
const NASTY: &str = "\"\\<script>\r\nSet-Cookie: ü\u{202e}";

fn nasty() -> String {
    NASTY.repeat(100)
}

/// The word, and whether the client hears it.
type Told = (E, bool);

/// Every refusal of the authorization endpoint: the word and whether the client hears it, in our
/// dialect and in dex's.
fn of_the_authorization_endpoint() -> Vec<(R, Told, Told)> {
    let text = nasty;
    let words = || vec![nasty(), nasty()];
    let told = |code| ((code, true), (code, false));
    let both = |code| ((code, true), (code, true));
    let page = |code| ((code, false), (code, false));
    let rows = vec![
        (R::DuplicateParameter(text()), told(E::InvalidRequest)),
        (
            R::TooLong {
                parameter: "state",
                most: 1,
            },
            told(E::InvalidRequest),
        ),
        (R::RequestObjectNotSupported, told(E::RequestNotSupported)),
        (R::BadRequestObject(text()), told(E::InvalidRequestObject)),
        (R::RequestObjectMissing, told(E::InvalidRequest)),
        (R::RequestUriNotSupported, told(E::RequestUriNotSupported)),
        (
            R::RegistrationNotSupported,
            told(E::RegistrationNotSupported),
        ),
        (R::MissingResponseType, told(E::InvalidRequest)),
        (
            R::UnknownResponseType(text()),
            (
                (E::UnsupportedResponseType, true),
                (E::InvalidRequest, false),
            ),
        ),
        (
            R::ResponseTypeNotServed(text()),
            told(E::UnsupportedResponseType),
        ),
        (R::BadResponseMode(text()), told(E::InvalidRequest)),
        (R::QueryForTokens, told(E::InvalidRequest)),
        (R::TokenAlone, told(E::InvalidRequest)),
        (R::TokensOutOfBand, told(E::InvalidRequest)),
        (R::MissingNonce, told(E::InvalidRequest)),
        (R::MissingOpenIdScope, told(E::InvalidScope)),
        (R::UnknownScope(words()), told(E::InvalidScope)),
        (R::UntrustedAudience(words()), told(E::InvalidScope)),
        (R::TooManyAudiences, told(E::InvalidScope)),
        (R::ScopeNotAllowed(words()), told(E::InvalidScope)),
        (R::ScopeOfAnotherResource(words()), told(E::InvalidScope)),
        (R::ScopesOfSeveralResources, told(E::InvalidScope)),
        (R::ResourceNotAllowed(text()), told(E::InvalidTarget)),
        (R::TooManyResources, told(E::InvalidTarget)),
        (R::PkceMethodNotSupported(text()), told(E::InvalidRequest)),
        (R::PkceRequired, told(E::InvalidRequest)),
        (R::PkceMalformed, told(E::InvalidRequest)),
        (R::BadPrompt(text()), told(E::InvalidRequest)),
        (R::BadMaxAge, told(E::InvalidRequest)),
        (R::BadClaims { at: 7 }, told(E::InvalidRequest)),
        (R::ClaimsOfTwoPeople, told(E::InvalidRequest)),
        (
            R::UnmetAuthentication,
            told(E::UnmetAuthenticationRequirements),
        ),
        (R::BadIdTokenHint, told(E::InvalidRequest)),
        (R::UnknownConnector(text()), told(E::InvalidRequest)),
        (R::ConnectorNotAllowed(text()), told(E::InvalidRequest)),
        (R::NoConnectorForClient, told(E::InvalidRequest)),
        (R::GrantNotAllowed, told(E::UnauthorizedClient)),
        (R::ConsentDenied, told(E::AccessDenied)),
        (R::UpstreamDenied(text()), told(E::AccessDenied)),
        (
            R::UpstreamDeclined { connector: text() },
            told(E::AccessDenied),
        ),
        (R::LoginRequired, both(E::LoginRequired)),
        (R::WrongPerson, both(E::LoginRequired)),
        (
            R::ConsentRequired,
            ((E::ConsentRequired, true), (E::InteractionRequired, true)),
        ),
        (R::UnknownClient, page(E::InvalidClient)),
        (
            R::ConnectorUnavailable {
                connector: text(),
                why: text(),
            },
            page(E::TemporarilyUnavailable),
        ),
        (
            R::ConnectorRemoved { another: None },
            page(E::InvalidRequest),
        ),
        (
            R::TooManyRequests { retry_after_s: 1 },
            page(E::TemporarilyUnavailable),
        ),
        (
            R::Overloaded { retry_after_s: 1 },
            page(E::TemporarilyUnavailable),
        ),
        (R::NotInGroup, page(E::AccessDenied)),
        (R::TicketRequired, page(E::AccessDenied)),
        (
            R::UpstreamReply {
                connector: text(),
                why: text(),
            },
            page(E::InvalidRequest),
        ),
        (R::LoginUnknown, page(E::InvalidRequest)),
        (R::LoginExpired, page(E::InvalidRequest)),
        (R::WrongBrowser, page(E::InvalidRequest)),
        (R::WrongStage, page(E::InvalidRequest)),
        (R::WrongConnector, page(E::InvalidRequest)),
        (R::BadProof, page(E::InvalidRequest)),
    ];
    rows.into_iter()
        .map(|(refusal, (standard, dex))| (refusal, standard, dex))
        .collect()
}

#[test]
fn each_refusal_has_its_word_and_its_listener_in_each_dialect() {
    for (refusal, standard, dex) in of_the_authorization_endpoint() {
        let told = |rules: Rules| (refusal.code(rules.refusals), refusal.is_for_client(&rules));
        assert_eq!(told(Rules::STANDARD), standard, "{refusal:?}");
        assert_eq!(told(Rules::DEX), dex, "{refusal:?}, dex");
    }
}

#[test]
fn what_a_client_hears_is_a_word_of_the_authorization_endpoint() {
    // RFC 6749 §4.1.2.1, RFC 8707 §2, OpenID Connect Core §3.1.2.6, and its Error Code
    // unmet_authentication_requirements §3
    let registered = [
        E::InvalidRequest,
        E::UnauthorizedClient,
        E::AccessDenied,
        E::UnsupportedResponseType,
        E::InvalidScope,
        E::InvalidTarget,
        E::ServerError,
        E::TemporarilyUnavailable,
        E::InteractionRequired,
        E::LoginRequired,
        E::AccountSelectionRequired,
        E::UnmetAuthenticationRequirements,
        E::ConsentRequired,
        E::RequestNotSupported,
        E::RequestUriNotSupported,
        E::InvalidRequestObject,
        E::RegistrationNotSupported,
    ];
    for (refusal, (standard, _), (dex, _)) in of_the_authorization_endpoint() {
        if refusal != R::UnknownClient {
            assert!(registered.contains(&standard), "{refusal:?}");
            assert!(registered.contains(&dex), "{refusal:?}");
        }
    }
}

#[test]
fn a_description_is_of_the_characters_an_error_description_may_have() {
    let mut refusals: Vec<_> = of_the_authorization_endpoint()
        .into_iter()
        .map(|(refusal, ..)| refusal)
        .collect();
    refusals.extend([
        R::MissingClientId,
        R::MissingRedirectUri,
        R::RedirectUriMismatch,
        R::MethodNotAllowed(nasty()),
        R::MalformedBody(nasty()),
        R::RefreshScopeBeyond(vec![nasty()]),
        R::ResourceNotGranted(nasty()),
        R::ResourceMissing,
        R::ScopeOfPeople(vec![nasty()]),
        R::PublicClientHasNoCredentials,
        R::ClientIsCalledAsPerson,
        R::BearerOfAnotherAudience,
        R::LogoutRedirectNeedsHint,
        R::LogoutRedirectUnregistered,
        R::BadLogoutHint,
        R::BearerTwice,
        R::BearerMalformed,
        R::MissingDeviceCode,
        R::DeviceCodeUnknown,
        R::DeviceCodeExpired,
        R::DevicePending,
        R::DevicePolledTooSoon,
        R::DeviceDenied,
        R::NoDeviceGrant,
        R::MissingUserCode,
        R::UserCodeUnknown,
        R::DeviceAnswerIncomplete,
        R::DeviceAnswerRefused,
        R::DeviceAnswerCodeUnknown,
        R::DeviceAnswerLate,
        R::NoSuchResource,
    ]);
    for refusal in refusals {
        let text = refusal.description(STANDARD);
        // RFC 6749 §4.1.2.1: %x20-21 / %x23-5B / %x5D-7E
        let allowed = |b: u8| (0x20..=0x7e).contains(&b) && b != b'"' && b != b'\\';
        assert!(text.bytes().all(allowed), "{text}");
        assert!((5..=200).contains(&text.len()), "{text}");
        let broken = |c: char| c.is_control();
        assert!(!refusal.description(DEX).contains(broken), "{refusal:?}");
    }
}

#[test]
fn a_repeated_word_stays_readable() {
    assert_eq!(
        R::UnknownResponseType("magic".into()).description(STANDARD),
        "response_type 'magic' is not known"
    );
    assert_eq!(
        R::BadPrompt(r#"unknown prompt value "create""#.into()).description(STANDARD),
        "unknown prompt value 'create'"
    );
}

#[test]
fn an_answer_that_cannot_be_used_is_told_with_its_upstream_and_its_cause() {
    let reply = R::UpstreamReply {
        connector: "work".into(),
        why: r#"its ID token has no "sub""#.into(),
    };
    for form in [STANDARD, DEX] {
        assert_eq!(
            reply.description(form),
            "the answer of connector 'work' cannot be used: its ID token has no 'sub'"
        );
    }
}

#[test]
fn dex_says_it_in_its_own_words() {
    let a_and_b = || vec!["a".to_owned(), "b".to_owned()];
    let rows = [
        ("§1.7.1", R::UnknownClient, "Invalid client_id."),
        (
            "§1.7.3",
            R::RedirectUriMismatch,
            "Unregistered redirect_uri.",
        ),
        (
            "§1.7.4",
            R::UnknownConnector("x".into()),
            "Invalid ConnectorID",
        ),
        (
            "§1.7.4",
            R::ConnectorNotAllowed("x".into()),
            "Connector not allowed for this client",
        ),
        (
            "§1.7.5",
            R::RequestObjectNotSupported,
            "Server does not support request parameter.",
        ),
        (
            "§1.7.6",
            R::PkceMethodNotSupported("x".into()),
            r#"Unsupported PKCE challenge method ("x")."#,
        ),
        (
            "§1.7.8",
            R::MissingOpenIdScope,
            r#"Missing required scope(s) ["openid"]."#,
        ),
        (
            "§1.7.9",
            R::UnknownScope(a_and_b()),
            r#"Unrecognized scope(s) ["a" "b"]"#,
        ),
        (
            "§1.7.10",
            R::UntrustedAudience(a_and_b()),
            r#"Client can't request scope(s) ["a" "b"]"#,
        ),
        (
            "§1.7.11",
            R::UnknownResponseType("x".into()),
            r#"Invalid response type "x""#,
        ),
        (
            "§1.7.13",
            R::MissingResponseType,
            "No response_type provided",
        ),
        ("§1.7.19", R::BadIdTokenHint, "Invalid id_token_hint."),
        (
            "§1.13",
            R::LogoutRedirectNeedsHint,
            "post_logout_redirect_uri requires id_token_hint.",
        ),
        (
            "§1.13",
            R::LogoutRedirectUnregistered,
            "Unregistered post_logout_redirect_uri.",
        ),
    ];
    for (clause, refusal, words) in rows {
        assert_eq!(refusal.description(DEX), words, "dex {clause}");
    }
}

#[test]
fn dex_spells_a_wrong_refresh_token_as_an_invalid_request() {
    assert_eq!(R::RefreshUnknown.code(STANDARD), E::InvalidGrant);
    assert_eq!(R::RefreshUnknown.code(DEX), E::InvalidRequest);
}

#[test]
fn only_replay_and_reuse_condemn_a_family() {
    let grant = GrantId::parse("g").unwrap();
    let replayed = R::CodeReplayed {
        grant: grant.clone(),
    };
    let reused = R::RefreshReused {
        grant: grant.clone(),
    };
    assert_eq!(replayed.condemns(), Some(&grant));
    assert_eq!(reused.condemns(), Some(&grant));
    assert_eq!(R::CodeUnknown.condemns(), None);
    let taken_over = R::CodeTakenOver {
        grant: grant.clone(),
    };
    let obsolete = R::RefreshObsolete {
        grant: grant.clone(),
    };
    assert_eq!(taken_over.condemns(), None);
    assert_eq!(obsolete.condemns(), None);
    assert_eq!(R::PkceMismatch { grant }.condemns(), None);
}

#[test]
fn a_device_that_polls_hears_the_words_of_rfc_8628_3_5_and_dex_s_descriptions() {
    for (refusal, ours, dexs, said) in [
        (
            R::DevicePending,
            E::AuthorizationPending,
            E::AuthorizationPending,
            "",
        ),
        (R::DevicePolledTooSoon, E::SlowDown, E::SlowDown, ""),
        (R::DeviceCodeExpired, E::ExpiredToken, E::ExpiredToken, ""),
        (
            R::DeviceCodeUnknown,
            E::InvalidGrant,
            E::InvalidRequest,
            "Invalid Device code.",
        ),
        (
            R::MissingDeviceCode,
            E::InvalidRequest,
            E::InvalidRequest,
            "No device code received",
        ),
        (R::NoDeviceGrant, E::InvalidGrant, E::InvalidGrant, ""),
    ] {
        assert_eq!(
            (refusal.code(STANDARD), refusal.code(DEX)),
            (ours, dexs),
            "{refusal:?}"
        );
        assert_eq!(refusal.description(DEX), said);
        let waits = matches!(refusal, R::DevicePending | R::DevicePolledTooSoon);
        assert_eq!(refusal.is_to_wait(), waits);
    }
    assert_eq!(R::DeviceDenied.code(STANDARD), E::AccessDenied);
}

#[test]
fn the_pages_of_a_device_s_login_say_it_in_dex_s_words() {
    for (refusal, said) in [
        (R::MissingUserCode, "No user code received"),
        (R::DeviceAnswerIncomplete, "Request was missing parameters"),
        (
            R::DeviceAnswerRefused,
            "Authorization failed. Please try again.",
        ),
        (R::DeviceAnswerCodeUnknown, "Invalid or expired auth code."),
        (R::UserCodeUnknown, "Invalid or expired user code."),
        (R::DeviceAnswerLate, "Invalid or expired device code."),
        (R::NoSuchResource, "Requested resource does not exist."),
    ] {
        assert_eq!(refusal.description(DEX), said);
    }
}
