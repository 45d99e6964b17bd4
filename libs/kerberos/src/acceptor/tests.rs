mod made;

use data_encoding::{BASE64, HEXLOWER};
use picky_asn1_x509::oids;

use self::made::{Made, NOW, mechanism, proven};
use super::*;

/// The keys of `HTTP/acme.localhost@ACME.TEST` in a realm of MIT Kerberos, as `kadmin.local` wrote them.
const KEYTAB: &str = "0502000000540002000941434d452e54455354000448545450000e61636d652e6c6f63616c686f7374000000016b0ace8d0200120020d58bcf222d4f10033ccec2ef8a4e2bf08fbc311e697ff5934055401ca26c49f000000002000000440002000941434d452e54455354000448545450000e61636d652e6c6f63616c686f7374000000016b0ace8d02001100109cb935bf62bb5722702ec93bc1d307ba00000002";

/// What curl 7.88 sent with a ticket of that realm for `jane@ACME.TEST`, and when.
const OF_CURL: &str = include_str!("tests/token.b64");
const SENT: Timestamp = Timestamp::from_secs(1_795_871_034);

fn keytab() -> Keytab {
    Keytab::parse(&HEXLOWER.decode(KEYTAB.as_bytes()).unwrap()).unwrap()
}

fn acceptor() -> Acceptor {
    Acceptor {
        keytab: keytab(),
        service: Principal::parse("HTTP/acme.localhost"),
        keys_of: None,
        realms: Realms::OfService,
        skew: Duration::from_mins(5),
    }
}

fn accept(made: &Made) -> Result<Accepted, Refused> {
    acceptor().accept(&made.token(), NOW)
}

fn of_curl() -> Vec<u8> {
    BASE64.decode(OF_CURL.trim().as_bytes()).unwrap()
}

#[test]
fn the_ticket_of_a_real_realm_and_client_is_taken_and_answered() {
    let accepted = acceptor().accept(&of_curl(), SENT).unwrap();
    assert_eq!(accepted.client.to_string(), "jane@ACME.TEST");
    assert!(accepted.authenticator.len() > 40);
    let answer = accepted.answer.unwrap();
    assert_eq!(mechanism(&answer).0, oids::krb5());
    let again = acceptor().accept(&of_curl(), SENT).unwrap();
    assert_eq!(again.authenticator, accepted.authenticator);
}

#[test]
fn a_token_is_taken_as_long_as_the_clocks_may_be_apart() {
    let skew = Duration::from_mins(5);
    let at = |time| acceptor().accept(&of_curl(), time);
    assert!(at(SENT + skew).is_ok() && at(SENT - skew).is_ok());
    for (time, apart) in [
        (SENT + Duration::from_secs(302), 302),
        (SENT - Duration::from_secs(301), 301),
    ] {
        let apart = Duration::from_secs(apart);
        let allowed = skew;
        assert_eq!(at(time), Err(Refused::Skew { apart, allowed }));
    }
}

#[test]
fn whoever_asks_for_it_is_shown_that_we_have_the_key() {
    for session_kind in [17, 18] {
        let made = Made {
            options: 0x2000_0000,
            session_kind,
            ..Made::default()
        };
        let answer = accept(&made).unwrap().answer.unwrap();
        let part = proven(&answer);
        assert_eq!(moment(&part.ctime.0), Ok(NOW));
        assert_eq!(number(&part.cusec.0), Some(1));
        assert_eq!(number(&part.seq_number.0.unwrap().0), Some(9));
    }
    let answer = accept(&Made::default()).unwrap().answer.unwrap();
    let answer: picky_krb::gss_api::NegTokenTarg1 = from_bytes(&answer).unwrap();
    assert_eq!(answer.0.response_token.0, None);
}

#[test]
fn kerberos_is_found_wherever_it_stands_in_the_list_and_by_its_older_name() {
    let (kerberos, older, ntlm) = (oids::krb5(), oids::ms_krb5(), oids::ntlm_ssp());
    for (list, taken) in [
        (vec![older.clone(), kerberos.clone(), ntlm.clone()], &older),
        (vec![ntlm.clone(), kerberos.clone()], &kerberos),
        (vec![kerberos.clone()], &kerberos),
    ] {
        let mechanisms = list.into_iter().map(Into::into).collect();
        let made = Made {
            mechanisms,
            ..Made::default()
        };
        let answer = accept(&made).unwrap().answer.unwrap();
        assert_eq!(mechanism(&answer).0, *taken);
    }
    let bare = acceptor().accept(&Made::default().bare(), NOW).unwrap();
    assert_eq!(bare.answer, None);
}

#[test]
fn ntlm_and_other_mechanisms_are_told_from_a_ticket() {
    let ntlm = b"NTLMSSP\0\x01\0\0\0".to_vec();
    let only = Made {
        mechanisms: vec![oids::ntlm_ssp().into()],
        ..Made::default()
    };
    let both = Made {
        mechanisms: vec![oids::ntlm_ssp().into(), oids::krb5().into()],
        ..Made::default()
    };
    for (token, why) in [
        (ntlm.clone(), Refused::Ntlm),
        (only.around(ntlm.clone()), Refused::Ntlm),
        (both.around(ntlm), Refused::Ntlm),
        (only.token(), Refused::NoTicket),
        (both.around(Vec::new()), Refused::NoTicket),
    ] {
        assert_eq!(acceptor().accept(&token, NOW), Err(why), "{token:x?}");
    }
}

#[test]
fn a_ticket_is_judged_as_rfc_4120_has_it() {
    let hours = |count: u64| Duration::from_hours(count);
    let made = Made::default;
    let other = Principal::parse("HTTP/other.localhost@ACME.TEST").unwrap();
    let taken = Principal::parse("HTTP/acme.localhost").unwrap();
    let service = Principal::parse("HTTP/acme.localhost@ACME.TEST").unwrap();
    let stranger = Principal {
        name: "jane".to_owned(),
        realm: "OTHER.TEST".to_owned(),
    };
    let odd = |name: &str| {
        Refused::OddName(Principal {
            name: name.to_owned(),
            realm: "ACME.TEST".to_owned(),
        })
    };
    let both = |parts| Made {
        client: parts,
        shown_by: parts,
        ..made()
    };
    for (made, why) in [
        (
            Made {
                end: NOW - hours(1),
                ..made()
            },
            Refused::Expired,
        ),
        (
            Made {
                start: NOW + hours(1),
                ..made()
            },
            Refused::NotYet,
        ),
        (
            Made {
                flags: 0x0100_0000,
                ..made()
            },
            Refused::NotYet,
        ),
        (
            Made {
                options: 0x4000_0000,
                ..made()
            },
            Refused::UserToUser,
        ),
        (
            Made {
                shown_by: &["john"],
                ..made()
            },
            Refused::Mismatch,
        ),
        (
            Made {
                checksum: vec![16],
                ..made()
            },
            Refused::Unreadable("it was not made for this protocol"),
        ),
        (
            Made {
                service: &["HTTP", "other.localhost"],
                ..made()
            },
            Refused::OtherService {
                ticket: other,
                taken,
            },
        ),
        (Made { kind: 23, ..made() }, Refused::EncryptionType(23)),
        (
            Made {
                session_kind: 23,
                ..made()
            },
            Refused::EncryptionType(23),
        ),
        (
            Made {
                key: vec![1; 32],
                version: 3,
                ..made()
            },
            Refused::WrongKey {
                service: service.clone(),
                wanted: "3".to_owned(),
                present: "2".to_owned(),
            },
        ),
        (
            Made {
                client_realm: "OTHER.TEST",
                ..made()
            },
            Refused::OtherRealm(stranger),
        ),
        (both(&["jane", "admin"]), odd("jane/admin")),
        (both(&["jane/admin"]), odd("jane/admin")),
        (both(&["admin@other"]), odd("admin@other")),
        (both(&[""]), odd("")),
        (both(&["ja\u{1}ne"]), odd("ja\u{1}ne")),
    ] {
        assert_eq!(accept(&made), Err(why));
    }
}

#[test]
fn a_version_that_the_realm_does_not_have_hinders_no_key_that_fits() {
    let newer = Made {
        version: 9,
        ..Made::default()
    };
    assert!(accept(&newer).is_ok());
    let mut acceptor = acceptor();
    acceptor.keytab.keys.retain(|key| key.kind == 17);
    let Err(Refused::NoKeyOfType {
        wanted, version, ..
    }) = acceptor.accept(&newer.token(), NOW)
    else {
        panic!("a ticket is opened by a key of another kind");
    };
    assert_eq!((wanted, version.as_str()), (18, "9"));
    acceptor.service = None;
    let other = Made {
        service: &["HTTP", "other"],
        ..Made::default()
    };
    let none = acceptor.accept(&other.token(), NOW);
    assert!(matches!(none, Err(Refused::NoKey(_))), "{none:?}");
}

#[test]
fn keys_may_stand_under_the_name_of_an_account() {
    let mut acceptor = acceptor();
    for key in &mut acceptor.keytab.keys {
        key.of = Principal::parse("svc-insula@ACME.TEST").unwrap();
    }
    let token = Made::default().token();
    assert!(matches!(
        acceptor.accept(&token, NOW),
        Err(Refused::NoKey(_))
    ));
    acceptor.keys_of = Principal::parse("svc-insula");
    assert!(acceptor.accept(&token, NOW).is_ok());
}

#[test]
fn people_of_other_realms_come_in_where_they_are_expected() {
    let stranger = Made {
        client_realm: "OTHER.TEST",
        ..Made::default()
    }
    .token();
    let jane = Made::default().token();
    let taken = |realms: Realms| {
        let acceptor = Acceptor {
            realms,
            ..acceptor()
        };
        [&stranger, &jane].map(|token| acceptor.accept(token, NOW).is_ok())
    };
    let only = |realm: &str| Realms::OneOf(vec![realm.to_owned()]);
    assert_eq!(taken(Realms::OfService), [false, true]);
    assert_eq!(taken(Realms::Any), [true, true]);
    assert_eq!(taken(only("other.test")), [true, false]);
    assert_eq!(taken(only("ACME.TEST")), [false, true]);
}

/// Every bit is changed, and every end cut off: none is taken, but for those that are not protected and
/// change nothing, and none panics, which a panic of the library would.
#[test]
fn a_token_that_was_changed_proves_nobody_else() {
    let whole = of_curl();
    for end in 0..whole.len() {
        assert!(acceptor().accept(&whole[..end], SENT).is_err(), "{end}");
    }
    for at in 0..whole.len() {
        for change in [0x01_u8, 0x20, 0x80, 0xff] {
            let mut token = whole.clone();
            token[at] ^= change;
            if let Ok(accepted) = acceptor().accept(&token, SENT) {
                assert_eq!(accepted.client.to_string(), "jane@ACME.TEST");
            }
        }
    }
    for junk in [
        &b""[..],
        b"\x60",
        b"\xa1",
        b"\x60\x84\xff\xff\xff\xff",
        b"\xa1\x03\x30\x01\x00",
    ] {
        assert!(acceptor().accept(junk, SENT).is_err(), "{junk:x?}");
    }
}
