use super::*;
use crate::tree::Tree;
use crate::{AuthnRequest, Metadata, certificates};

fn request() -> AuthnRequest<'static> {
    AuthnRequest {
        id: "_id",
        sso_url: "https://idp.test/sso?a=b&c=\"d\"",
        acs_url: ACS,
        issuer: Some("https://acme.test/<us>"),
        name_format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        force: false,
        now: NOW,
    }
}

fn decoded(request: AuthnRequest<'_>) -> String {
    let bytes = BASE64.decode(request.encoded().as_bytes()).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_request_says_who_asks_and_where_the_answer_goes() {
    let xml = decoded(request());
    let expected = "<samlp:AuthnRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
        xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_id\" Version=\"2.0\" \
        IssueInstant=\"2023-11-14T22:13:20Z\" Destination=\"https://idp.test/sso?a=b&amp;c=&quot;d&quot;\" \
        AssertionConsumerServiceURL=\"https://acme.test/callback\" \
        ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\">\
        <saml:Issuer>https://acme.test/&lt;us&gt;</saml:Issuer>\
        <samlp:NameIDPolicy Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\" \
        AllowCreate=\"true\"/></samlp:AuthnRequest>";
    assert_eq!(xml, expected);
    assert!(Tree::parse(&xml).is_ok());
}

#[test]
fn a_request_names_no_issuer_it_does_not_have_and_forces_a_login_when_asked() {
    let request = AuthnRequest {
        issuer: None,
        force: true,
        ..request()
    };
    let xml = decoded(request);
    assert!(!xml.contains("Issuer"), "{xml}");
    assert!(xml.contains(" ForceAuthn=\"true\""), "{xml}");
}

#[test]
fn metadata_says_what_is_so() {
    let certificates = certificates(&fixture("sp.crt")).unwrap();
    let metadata = Metadata {
        entity_id: "https://acme.test/a?b&c",
        acs_url: ACS,
        name_format: "urn:x",
        encryption: &certificates,
    };
    let xml = metadata.xml();
    assert!(Tree::parse(&xml).is_ok(), "{xml}");
    let body = fixture("sp.crt").replace('\n', "");
    let body = between(&body, "-----BEGIN CERTIFICATE-----", "-----END");
    let body = body
        .trim_start_matches("-----BEGIN CERTIFICATE-----")
        .trim_end_matches("-----END");
    for part in [
        "entityID=\"https://acme.test/a?b&amp;c\"",
        "AuthnRequestsSigned=\"false\"",
        "use=\"encryption\"",
        &format!("<ds:X509Certificate>{body}</ds:X509Certificate>"),
        "<md:NameIDFormat>urn:x</md:NameIDFormat>",
        "Location=\"https://acme.test/callback\"",
    ] {
        assert!(xml.contains(part), "{part} is not in {xml}");
    }
    let without = Metadata {
        encryption: &[],
        ..metadata
    };
    assert!(!without.xml().contains("KeyDescriptor"));
}
