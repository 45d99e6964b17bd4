use data_encoding::HEXLOWER;

use super::*;

/// Written by `kadmin.local -q "ktadd … HTTP/acme.localhost"` of MIT Kerberos 1.20: two keys of one
/// version.
const OF_MIT: &str = "0502000000540002000941434d452e54455354000448545450000e61636d652e6c6f63616c686f7374000000016b0ace8d0200120020d58bcf222d4f10033ccec2ef8a4e2bf08fbc311e697ff5934055401ca26c49f000000002000000440002000941434d452e54455354000448545450000e61636d652e6c6f63616c686f7374000000016b0ace8d02001100109cb935bf62bb5722702ec93bc1d307ba00000002";

fn of_mit() -> Vec<u8> {
    HEXLOWER.decode(OF_MIT.as_bytes()).unwrap()
}

#[test]
fn a_keytab_of_mit_kerberos_is_read() {
    let keytab = Keytab::parse(&of_mit()).unwrap();
    let told: Vec<_> = keytab
        .keys
        .iter()
        .map(|key| (key.version, key.kind, key.value.reveal().len()))
        .collect();
    assert_eq!(told, [(2, 18, 32), (2, 17, 16)]);
    assert_eq!(keytab.principals(), ["HTTP/acme.localhost@ACME.TEST"]);
    assert!(!format!("{keytab:?}").contains("213, 139"));
}

#[test]
fn a_key_that_was_taken_out_leaves_a_place_that_is_passed_over() {
    let mut bytes = of_mit();
    let first = 2..6;
    let length = i32::from_be_bytes(bytes[first.clone()].try_into().unwrap());
    bytes[first].copy_from_slice(&(-length).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 1, 2, 3]);
    let keytab = Keytab::parse(&bytes).unwrap();
    assert_eq!(keytab.keys.len(), 1);
    assert_eq!(keytab.keys[0].kind, 17);
}

#[test]
fn an_entry_without_a_long_version_has_the_short_one() {
    let whole = of_mit();
    let mut bytes = whole[..2 + 4 + 0x54 - 4].to_vec();
    bytes[5] = 0x50;
    assert_eq!(Keytab::parse(&bytes).unwrap().keys[0].version, 2);
    let mut long = whole;
    let version = 2 + 4 + 0x54 - 4;
    long[version..version + 4].copy_from_slice(&300_u32.to_be_bytes());
    assert_eq!(Keytab::parse(&long).unwrap().keys[0].version, 300);
}

#[test]
fn whatever_is_no_keytab_is_told_and_nothing_panics() {
    let whole = of_mit();
    for (bytes, why) in [
        (&b""[..], KeytabError::Other),
        (b"\x05\x01\0\0", KeytabError::Other),
        (b"-----BEGIN", KeytabError::Other),
        (b"\x05\x02", KeytabError::Empty),
        (b"\x05\x02\0\0\0\0", KeytabError::Empty),
        (b"\x05\x02\x80\0\0\0", KeytabError::Broken),
        (b"\x05\x02\x7f\xff\xff\xff", KeytabError::Broken),
        (b"\x05\x02\0\0\0\x01\0", KeytabError::Broken),
    ] {
        assert_eq!(Keytab::parse(bytes).unwrap_err(), why, "{bytes:?}");
    }
    for end in 3..whole.len() {
        let is_between_keys = end == 2 + 4 + 0x54;
        assert_eq!(
            Keytab::parse(&whole[..end]).is_ok(),
            is_between_keys,
            "{end}"
        );
    }
    for at in 2..whole.len() {
        for change in [0_u8, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = change;
            let _ = Keytab::parse(&bytes);
        }
    }
    let one = &whole[2..2 + 4 + 0x54];
    let many = [&MAGIC[..], &one.repeat(MOST_KEYS + 1)].concat();
    assert_eq!(Keytab::parse(&many).unwrap_err(), KeytabError::TooMany);
}
