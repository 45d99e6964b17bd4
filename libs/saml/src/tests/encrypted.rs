use super::*;

#[test]
fn an_encrypted_assertion_is_read_where_a_signature_holds_it() {
    let plain = read(&usual(), &response("response-signed")).unwrap();
    for name in [
        "encrypted-gcm-signed-inside",
        "encrypted-oaep-sha256",
        "encrypted-cbc-signed-outside",
    ] {
        assert_eq!(
            read(&decrypting(), &response(name)),
            Ok(plain.clone()),
            "{name}"
        );
    }
}

#[test]
fn what_is_encrypted_is_no_better_than_its_signature() {
    for (name, reason) in [
        ("encrypted-gcm-unsigned", Why::Unsigned),
        ("encrypted-cbc-signed-inside", Why::CipherUnsigned),
        ("encrypted-pkcs1", Why::NotDecrypted),
    ] {
        assert_eq!(why(&decrypting(), &response(name)), reason, "{name}");
    }
    let outside = response("encrypted-cbc-signed-outside");
    let value = between(&outside, "<xenc:CipherValue>", "</xenc:CipherValue>");
    let changed = with(&outside, value, &value.replacen('A', "B", 1));
    assert_eq!(why(&decrypting(), &changed), Why::SignatureWrong);
}

#[test]
fn without_its_key_nobody_reads_an_encrypted_assertion() {
    let name = "encrypted-gcm-signed-inside";
    assert_eq!(why(&usual(), &response(name)), Why::Encrypted);
    let other = Secret::new(fixture("foreign-NOT-SECRET.pem"));
    let mut provider = ServiceProvider {
        decryption: vec![DecryptionKey::of_pem(&other).unwrap()],
        ..usual()
    };
    assert_eq!(why(&provider, &response(name)), Why::NotDecrypted);
    let ours = Secret::new(fixture("sp-NOT-SECRET.pem"));
    provider
        .decryption
        .push(DecryptionKey::of_pem(&ours).unwrap());
    assert!(
        read(&provider, &response(name)).is_ok(),
        "an older key still opens"
    );
}

#[test]
fn only_a_private_rsa_key_decrypts() {
    for name in ["idp.crt", "idp-ec-NOT-SECRET.pem", "make.py"] {
        let told = DecryptionKey::of_pem(&Secret::new(fixture(name)));
        assert!(told.is_err(), "{name}");
    }
}
