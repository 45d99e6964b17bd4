use super::*;

#[test]
fn a_signed_response_a_signed_assertion_and_both_say_the_same() {
    let read_of = |name| read(&usual(), &response(name)).unwrap();
    let told = read_of("response-signed");
    assert_eq!(told, read_of("assertion-signed"));
    assert_eq!(told, read_of("both-signed"));
    assert_eq!(told.name_id, "jane");
    let format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    assert_eq!(told.name_format.as_deref(), Some(format));
    let context = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    assert_eq!(told.context.as_deref(), Some(context));
    let mail = "urn:oid:0.9.2342.19200300.100.1.3";
    assert_eq!(told.values(mail), Some(vec!["jane@acme.test"]));
    assert_eq!(told.values("groups"), Some(vec!["staff", "night, shift"]));
    assert_eq!(told.values("empty"), Some(vec![]));
    assert_eq!(told.values("mail"), None, "a FriendlyName is no name");
}

#[test]
fn signatures_of_every_key_in_the_settings_count() {
    let both = trusting(&["idp.crt", "idp-next.crt"]);
    for name in ["response-signed", "next-key"] {
        assert!(read(&both, &response(name)).is_ok(), "{name}");
    }
    assert_eq!(why(&usual(), &response("next-key")), Why::SignatureWrong);
}

#[test]
fn every_algorithm_of_the_sha_2_family_is_taken() {
    let provider = trusting(&["idp.crt", "idp-ec.crt"]);
    for name in ["ecdsa", "rsa-sha512", "rsa-pss", "prefix-list"] {
        let told = read(&provider, &response(name));
        assert_eq!(
            told.map(|told| told.name_id),
            Ok("jane".to_owned()),
            "{name}"
        );
    }
}

#[test]
fn nothing_is_believed_that_is_not_signed_in_a_way_that_counts() {
    for (name, reason) in [
        ("unsigned", Why::Unsigned),
        ("rsa-sha1", Why::Algorithm),
        ("digest-sha1", Why::Algorithm),
        ("hmac-with-certificate", Why::Algorithm),
        ("foreign-key", Why::SignatureWrong),
        ("small-key", Why::SignatureWrong),
        ("both-signed-one-foreign", Why::SignatureWrong),
        ("xpath-transform", Why::SignatureOdd),
        ("two-references", Why::SignatureOdd),
        ("whole-document", Why::SignatureOdd),
    ] {
        assert_eq!(why(&usual(), &response(name)), reason, "{name}");
    }
    let small = trusting(&["small.crt"]);
    let reason = why(&small, &response("small-key"));
    assert_eq!(reason, Why::SignatureWrong, "1024 bits are too few");
}

#[test]
fn a_key_that_the_response_brings_along_counts_for_nothing() {
    let foreign = response("foreign-key");
    let certificate = between(&foreign, "<ds:X509Certificate>", "</ds:X509Certificate>");
    let usual_one = response("response-signed");
    let trusted = between(&usual_one, "<ds:X509Certificate>", "</ds:X509Certificate>");
    let disguised = with(&foreign, certificate, trusted);
    assert_eq!(why(&usual(), &disguised), Why::SignatureWrong);
    let bare = with(
        &usual_one,
        between(&usual_one, "<ds:KeyInfo>", "</ds:KeyInfo>"),
        "",
    );
    assert!(read(&usual(), &bare).is_ok(), "none is needed either");
    let misled = with(&usual_one, trusted, certificate);
    let told = read(&usual(), &misled);
    assert!(
        told.is_ok(),
        "it is the key of the settings that verifies: {told:?}"
    );
}

#[test]
fn whoever_ignores_signatures_believes_everybody() {
    let provider = ServiceProvider {
        signatures: Signatures::Ignored,
        decryption: Vec::new(),
    };
    for name in ["unsigned", "foreign-key", "rsa-sha1"] {
        assert!(read(&provider, &response(name)).is_ok(), "{name}");
    }
}

#[test]
fn certificates_that_cannot_be_used_are_told() {
    let told = |pem: &str| TrustedKeys::of_certificates(pem).err().unwrap();
    assert_eq!(told(""), "there is no certificate in it");
    assert!(told(&fixture("idp-NOT-SECRET.pem")).contains("no certificate"));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(told(broken).contains("cannot be used"), "{}", told(broken));
}
