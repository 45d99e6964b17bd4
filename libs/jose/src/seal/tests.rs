use insula_ambient::SeededEntropy;
use proptest::prelude::*;

use super::*;

fn key(seed: u64) -> MasterKey {
    MasterKey::generate(&SeededEntropy::new(seed))
}

fn sealed() -> Vec<u8> {
    key(1).seal("acme/state", b"a small secret", &SeededEntropy::new(9))
}

#[test]
fn what_was_sealed_opens_for_the_same_key_and_context() {
    assert_eq!(
        key(1).open("acme/state", &sealed()).unwrap(),
        b"a small secret"
    );
    assert_eq!(sealed().len(), b"a small secret".len() + 29);
    let empty = key(1).seal("", b"", &SeededEntropy::new(9));
    assert_eq!(key(1).open("", &empty).unwrap(), b"");
}

#[test]
fn another_key_or_context_is_refused() {
    assert_eq!(
        key(2).open("acme/state", &sealed()),
        Err(SealError::Refused)
    );
    for context in ["globex/state", "acme/stat", "acme/state ", ""] {
        assert_eq!(
            key(1).open(context, &sealed()),
            Err(SealError::Refused),
            "{context}"
        );
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for at in 0..sealed().len() {
        for bit in 0..8 {
            let mut altered = sealed();
            altered[at] ^= 1 << bit;
            let refused = key(1).open("acme/state", &altered).unwrap_err();
            let form = matches!(refused, SealError::UnknownForm { .. });
            assert_eq!((form, refused == SealError::Refused), (at == 0, at != 0));
        }
    }
}

#[test]
fn every_truncation_is_noticed() {
    for length in 0..sealed().len() {
        let refused = key(1).open("acme/state", &sealed()[..length]).unwrap_err();
        let expected = if length < 29 {
            SealError::TooShort { bytes: length }
        } else {
            SealError::Refused
        };
        assert_eq!(refused, expected);
    }
}

#[test]
fn the_same_text_is_never_sealed_the_same_way_twice() {
    let entropy = SeededEntropy::new(9);
    let seal = || key(1).seal("c", b"text", &entropy);
    assert_ne!(seal(), seal());
}

#[test]
fn refusals_say_what_may_be_wrong() {
    let refused = key(2)
        .open("acme/state", &sealed())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("another master key, another tenant or purpose"),
        "{refused}"
    );
    let newer = key(1).open("acme/state", &[7; 40]).unwrap_err().to_string();
    assert!(newer.contains("unknown form 7"), "{newer}");
}

#[test]
fn a_master_key_is_read_from_base64_of_either_alphabet_and_from_hex() {
    let bytes: Vec<u8> = (0..32).map(|n| n * 8 + 3).collect();
    let key = MasterKey::from_bytes(<[u8; 32]>::try_from(bytes.clone()).unwrap());
    let standard = key.to_text().reveal().to_owned();
    let unpadded = standard.trim_end_matches('=').to_owned();
    let url = unpadded.replace('+', "-").replace('/', "_");
    let hex = HEXLOWER.encode(&bytes);
    for text in [
        &standard,
        &unpadded,
        &url,
        &hex,
        &hex.to_uppercase(),
        &format!(" {standard}\n"),
    ] {
        assert_eq!(
            MasterKey::parse(text).unwrap().0.reveal().as_slice(),
            bytes,
            "{text}"
        );
    }
}

#[test]
fn a_text_that_is_no_master_key_is_refused_without_being_quoted() {
    for text in [
        "",
        "short",
        "AAAA",
        &"A".repeat(42),
        &"A".repeat(44),
        &"é".repeat(32),
    ] {
        let refused = MasterKey::parse(text).unwrap_err().to_string();
        assert!(text.is_empty() || !refused.contains(text), "{refused}");
    }
    assert!(MasterKey::parse(&"zz".repeat(32)).is_err());
    assert_eq!(format!("{:?}", key(1)), "MasterKey");
}

proptest! {
    #[test]
    fn no_bytes_make_opening_or_parsing_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        text in ".{0,80}",
    ) {
        prop_assert!(key(1).open("c", &bytes).is_err());
        let _ = MasterKey::parse(&text);
    }
}

#[test]
fn a_fingerprint_names_its_key_and_no_other() {
    assert_eq!(key(1).fingerprint(), key(1).fingerprint());
    assert_ne!(key(1).fingerprint(), key(2).fingerprint());
    assert_eq!(key(1).fingerprint().len(), 32);
}
