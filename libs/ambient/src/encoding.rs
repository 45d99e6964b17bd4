use data_encoding::{BASE32_NOPAD, BASE64_NOPAD};

/// Base32 (RFC 4648 §6) in lower case and without padding, the alphabet of dex's ids.
pub fn base32_lower(bytes: &[u8]) -> String {
    let mut text = BASE32_NOPAD.encode(bytes);
    text.make_ascii_lowercase();
    text
}

/// Reads base64 (RFC 4648 §4), which must be padded at its end, have nothing but its letters and
/// leave no bits over. The library alone would take several padded texts in a row for one.
pub fn read_base64(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    let padding = text.len() - bare.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    BASE64_NOPAD.decode(bare.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_follows_the_vectors_of_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(base32_lower(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn base64_follows_the_vectors_of_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(read_base64(coded).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn base64_with_wrong_padding_letters_or_bits_left_over_is_not_read() {
        for (text, why) in [
            ("Zg", "no padding"),
            ("Zg=", "too little padding"),
            ("Zg======", "too much padding"),
            ("Zm9v====", "padding of nothing"),
            ("====", "padding alone"),
            ("Zg==Zg==", "two texts in a row"),
            ("Zm8=Zm9v", "two texts in a row"),
            ("Z===", "one letter"),
            ("Zh==", "bits left over"),
            ("Zm9=", "bits left over"),
            ("Zm9v\n", "a line end"),
            (" Zm9v", "a blank"),
            ("Zm-_", "the alphabet of URLs"),
            ("Zm9é", "a letter that is not ASCII"),
        ] {
            assert_eq!(read_base64(text), None, "{why}: {text:?}");
        }
    }
}
