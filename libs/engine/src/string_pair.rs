use data_encoding::BASE64URL_NOPAD;

/// Tag of a length-delimited field: the number, shifted past the wire type 2.
const FIRST: u8 = 1 << 3 | 2;
const SECOND: u8 = 2 << 3 | 2;

/// Two strings as dex writes its subjects and refresh tokens: base64url without padding of the
/// protobuf message `{ string first = 1; string second = 2; }`, empty fields left out (proto3).
pub(crate) fn encode(first: &str, second: &str) -> String {
    let mut message = Vec::with_capacity(first.len() + second.len() + 8);
    for (tag, text) in [(FIRST, first), (SECOND, second)] {
        if text.is_empty() {
            continue;
        }
        message.push(tag);
        push_varint(&mut message, text.len());
        message.extend_from_slice(text.as_bytes());
    }
    BASE64URL_NOPAD.encode(&message)
}

/// Reads [`encode`]. Fields of other numbers are skipped and the last of a repeated field counts,
/// as protobuf demands of a reader.
pub(crate) fn decode(text: &str) -> Option<(String, String)> {
    let message = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (mut first, mut second) = (String::new(), String::new());
    let mut rest = message.as_slice();
    while !rest.is_empty() {
        let tag = take_varint(&mut rest)?;
        if tag >> 3 == 0 {
            return None;
        }
        match (tag >> 3, tag & 7) {
            (1, 2) => first = take_text(&mut rest)?,
            (2, 2) => second = take_text(&mut rest)?,
            // A known number in another form is not the message we know.
            (1 | 2, _) => return None,
            (_, 0) => drop(take_varint(&mut rest)?),
            (_, 1) => drop(take_bytes(&mut rest, 8)?),
            (_, 2) => {
                let length = usize::try_from(take_varint(&mut rest)?).ok()?;
                take_bytes(&mut rest, length)?;
            }
            (_, 5) => drop(take_bytes(&mut rest, 4)?),
            _ => return None,
        }
    }
    Some((first, second))
}

fn push_varint(message: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        message.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    message.push(u8::try_from(value).unwrap_or(0));
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for at in 0..10_u32 {
        let byte = *take_bytes(rest, 1)?.first()?;
        value |= u64::from(byte & 0x7f).checked_shl(7 * at)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take_varint(rest)?).ok()?;
    String::from_utf8(take_bytes(rest, length)?.to_vec()).ok()
}

fn take_bytes<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_read_back_what_was_written_also_beyond_one_byte_of_length() {
        let long = "x".repeat(300);
        for (first, second) in [("a", "b"), ("", ""), ("a", ""), ("", "b"), (&long, "ü")] {
            let decoded = decode(&encode(first, second));
            assert_eq!(decoded, Some((first.to_owned(), second.to_owned())));
        }
    }

    #[test]
    fn bytes_of_strangers_are_refused_without_a_panic() {
        for text in [
            "a",            // no base64
            "Cg",           // a tag without a length
            "CgUx",         // a length beyond the end
            "CAE",          // field 1 as a number
            "AA",           // field number zero
            "Cv____8P",     // a length of four gigabytes
            "____________", // a varint without end
            "CgH_",         // not UTF-8
            "====",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let message = [&[0x18, 1][..], b"\x0a\x01u", &[0x22, 1, 9], b"\x12\x01c"].concat();
        let text = BASE64URL_NOPAD.encode(&message);
        assert_eq!(decode(&text), Some(("u".to_owned(), "c".to_owned())));
    }
}
