use super::*;

fn metadata(announces_iss: bool) -> Metadata {
    serde_json::from_value(serde_json::json!({
        "issuer": "https://idp.example",
        "authorization_endpoint": "https://idp.example/auth",
        "jwks_uri": "https://idp.example/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "EdDSA"],
        "end_session_endpoint": "https://idp.example/logout",
        "authorization_response_iss_parameter_supported": announces_iss,
    }))
    .unwrap()
}

fn relying_party() -> RelyingParty {
    let _ = rustls::crypto::ring::default_provider().install_default();
    RelyingParty::new(
        vec!["https://idp.example".to_owned()],
        "example-app".to_owned(),
        "NOT-SECRET".to_owned(),
        &Url::parse("http://127.0.0.1:5555").unwrap(),
        Outgoing::new().unwrap(),
    )
    .unwrap()
}

#[test]
fn an_answer_from_another_issuer_is_refused() {
    let refused = expect_issuer(
        Some("https://attacker.example"),
        "https://idp.example",
        &metadata(true),
    );
    assert!(
        refused
            .unwrap_err()
            .description
            .contains("attacker.example")
    );
}

#[test]
fn an_issuer_that_announces_iss_must_send_it() {
    assert!(expect_issuer(None, "https://idp.example", &metadata(true)).is_err());
    assert!(expect_issuer(None, "https://idp.example", &metadata(false)).is_ok());
    let told = Some("https://idp.example");
    assert!(expect_issuer(told, "https://idp.example", &metadata(true)).is_ok());
}

#[test]
fn the_addresses_it_is_registered_with_follow_from_its_own() {
    let relying_party = relying_party();
    assert_eq!(
        relying_party.redirect_uri.as_str(),
        "http://127.0.0.1:5555/callback"
    );
    assert_eq!(
        relying_party.post_logout_redirect_uri.as_str(),
        "http://127.0.0.1:5555/"
    );
}

#[tokio::test]
async fn a_foreign_state_is_refused_before_anything_is_sent() {
    let pending = Pending {
        issuer: "https://idp.example".to_owned(),
        state: CsrfToken::new("ours".to_owned()),
        nonce: Nonce::new("n".to_owned()),
        code_verifier: "v".to_owned(),
    };
    let callback = Callback {
        code: Some("c".to_owned()),
        state: Some("theirs".to_owned()),
        ..Callback::default()
    };
    let refused = relying_party()
        .complete(pending, callback)
        .await
        .unwrap_err();
    assert!(
        refused.description.starts_with("state is not"),
        "{}",
        refused.description
    );
}

#[tokio::test]
async fn an_issuer_that_is_not_offered_is_not_asked() {
    let refused = relying_party()
        .begin("http://169.254.0.1", Vec::new())
        .await
        .unwrap_err();
    assert!(
        refused.description.contains("does not offer"),
        "{}",
        refused.description
    );
}
