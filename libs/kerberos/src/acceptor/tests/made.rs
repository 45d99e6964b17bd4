//! Tokens as clients make them, with anything in them that they could write.

use data_encoding::HEXLOWER;
use insula_ambient::Timestamp;
use picky_asn1::bit_string::BitString;
use picky_asn1::date::GeneralizedTime;
use picky_asn1::restricted_string::Ia5String;
use picky_asn1::wrapper::{
    Asn1SequenceOf, BitStringAsn1, ExplicitContextTag4, ExplicitContextTag5, ExplicitContextTag6,
    ExplicitContextTag7, ObjectIdentifierAsn1,
};
use picky_asn1_x509::oids;
use picky_krb::constants::gss_api::AP_REQ_TOKEN_ID;
use picky_krb::crypto::CipherSuite;
use picky_krb::data_types::{
    Checksum, EncryptionKey, KerberosStringAsn1, PrincipalName, Ticket, TransitedEncoding,
};
use picky_krb::gss_api::{ApplicationTag0, GssApiNegInit, KrbMessage, MechType, NegTokenInit};
use picky_krb::messages::{ApReq, ApReqInner};

use super::*;

/// When the tokens are shown.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_795_824_000);

const SESSION_KEY: [u8; 32] = [7; 32];

/// What a token says; changed by tests.
pub(super) struct Made {
    pub(super) client: &'static [&'static str],
    pub(super) client_realm: &'static str,
    /// Who shows it.
    pub(super) shown_by: &'static [&'static str],
    pub(super) service: &'static [&'static str],
    pub(super) service_realm: &'static str,
    pub(super) shown: Timestamp,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) flags: u32,
    pub(super) options: u32,
    pub(super) kind: u8,
    pub(super) version: u8,
    pub(super) key: Vec<u8>,
    pub(super) session_kind: u8,
    pub(super) checksum: Vec<u8>,
    pub(super) mechanisms: Vec<MechType>,
}

impl Default for Made {
    fn default() -> Self {
        let hours = |count: u64| Duration::from_hours(count);
        Self {
            client: &["jane"],
            client_realm: "ACME.TEST",
            shown_by: &["jane"],
            service: &["HTTP", "acme.localhost"],
            service_realm: "ACME.TEST",
            shown: NOW,
            start: NOW - hours(1),
            end: NOW + hours(1),
            flags: 0,
            options: 0,
            kind: 18,
            version: 2,
            key: HEXLOWER
                .decode(b"d58bcf222d4f10033ccec2ef8a4e2bf08fbc311e697ff5934055401ca26c49f0")
                .unwrap(),
            session_kind: 18,
            checksum: AUTHENTICATOR_CHECKSUM_TYPE.to_vec(),
            mechanisms: vec![oids::krb5().into()],
        }
    }
}

impl Made {
    /// Wrapped in a list of mechanisms.
    pub(super) fn token(&self) -> Vec<u8> {
        self.around(self.bare())
    }

    /// A list of mechanisms around any token.
    pub(super) fn around(&self, token: Vec<u8>) -> Vec<u8> {
        let list = Asn1SequenceOf::from(self.mechanisms.clone());
        let token = OctetStringAsn1::from(token);
        to_vec(&ApplicationTag0(GssApiNegInit {
            oid: ObjectIdentifierAsn1::from(oids::spnego()),
            neg_token_init: ExplicitContextTag0::from(NegTokenInit {
                mech_types: Optional::from(Some(ExplicitContextTag0::from(list))),
                req_flags: Optional::from(None),
                mech_token: Optional::from(Some(ExplicitContextTag2::from(token))),
                mech_list_mic: Optional::from(None),
            }),
        }))
        .unwrap()
    }

    /// As it is.
    pub(super) fn bare(&self) -> Vec<u8> {
        to_vec(&ApplicationTag0(KrbMessage {
            krb5_oid: ObjectIdentifierAsn1::from(oids::krb5()),
            krb5_token_id: AP_REQ_TOKEN_ID,
            krb_msg: self.request(),
        }))
        .unwrap()
    }

    fn request(&self) -> ApReq {
        ApReq::from(ApReqInner {
            pvno: ExplicitContextTag0::from(small(5)),
            msg_type: ExplicitContextTag1::from(small(14)),
            ap_options: ExplicitContextTag2::from(bits(self.options)),
            ticket: ExplicitContextTag3::from(Ticket::from(TicketInner {
                tkt_vno: ExplicitContextTag0::from(small(5)),
                realm: ExplicitContextTag1::from(text(self.service_realm)),
                sname: ExplicitContextTag2::from(name(self.service)),
                enc_part: ExplicitContextTag3::from(EncryptedData {
                    kvno: Optional::from(Some(ExplicitContextTag1::from(small(self.version)))),
                    ..encrypted(self.kind, &self.key, TICKET_REP, &self.part())
                }),
            })),
            authenticator: ExplicitContextTag4::from(encrypted(
                self.session_kind,
                session_key(self.session_kind),
                AP_REQ_AUTHENTICATOR,
                &self.authenticator(),
            )),
        })
    }

    fn part(&self) -> Vec<u8> {
        let key = session_key(self.session_kind).to_vec();
        to_vec(&EncTicketPart::from(EncTicketPartInner {
            flags: ExplicitContextTag0::from(bits(self.flags)),
            key: ExplicitContextTag1::from(EncryptionKey {
                key_type: ExplicitContextTag0::from(small(self.session_kind)),
                key_value: ExplicitContextTag1::from(OctetStringAsn1::from(key)),
            }),
            crealm: ExplicitContextTag2::from(text(self.client_realm)),
            cname: ExplicitContextTag3::from(name(self.client)),
            transited: ExplicitContextTag4::from(TransitedEncoding {
                tr_type: ExplicitContextTag0::from(small(1)),
                contents: ExplicitContextTag1::from(OctetStringAsn1::from(Vec::new())),
            }),
            auth_time: ExplicitContextTag5::from(time(self.start)),
            starttime: Optional::from(Some(ExplicitContextTag6::from(time(self.start)))),
            endtime: ExplicitContextTag7::from(time(self.end)),
            renew_till: Optional::from(None),
            caddr: Optional::from(None),
            authorization_data: Optional::from(None),
        }))
        .unwrap()
    }

    fn authenticator(&self) -> Vec<u8> {
        to_vec(&Authenticator::from(AuthenticatorInner {
            authenticator_vno: ExplicitContextTag0::from(small(5)),
            crealm: ExplicitContextTag1::from(text(self.client_realm)),
            cname: ExplicitContextTag2::from(name(self.shown_by)),
            cksum: Optional::from(Some(ExplicitContextTag3::from(Checksum {
                cksumtype: ExplicitContextTag0::from(IntegerAsn1::from(self.checksum.clone())),
                checksum: ExplicitContextTag1::from(OctetStringAsn1::from(vec![0; 24])),
            }))),
            cusec: ExplicitContextTag4::from(small(1)),
            ctime: ExplicitContextTag5::from(time(self.shown)),
            subkey: Optional::from(None),
            seq_number: Optional::from(Some(ExplicitContextTag7::from(small(9)))),
            authorization_data: Optional::from(None),
        }))
        .unwrap()
    }
}

/// The proof of the service in an answer: what the client hears back of its own time.
pub(super) fn proven(answer: &[u8]) -> EncApRepPartInner {
    let wrapped: picky_krb::gss_api::NegTokenTarg1 = from_bytes(answer).unwrap();
    let token = wrapped.0.response_token.0.unwrap().0.0;
    let message = KrbMessage::<ApRep>::decode_application_krb_message(&token).unwrap();
    let sealed = message.0.krb_msg.0.enc_part.0;
    let key = Secret::from(session_key(sealed.etype.0.0[0]).to_vec());
    let opened = sealed::opened(&key, AP_REP_ENC, &sealed).unwrap();
    let part: EncApRepPart = from_bytes(opened.reveal()).unwrap();
    part.0
}

/// The mechanism of an answer.
pub(super) fn mechanism(answer: &[u8]) -> MechType {
    let wrapped: picky_krb::gss_api::NegTokenTarg1 = from_bytes(answer).unwrap();
    wrapped.0.supported_mech.0.unwrap().0
}

fn session_key(kind: u8) -> &'static [u8] {
    &SESSION_KEY[..if kind == 17 { 16 } else { 32 }]
}

fn encrypted(kind: u8, key: &[u8], usage: i32, plain: &[u8]) -> EncryptedData {
    let cipher = CipherSuite::try_from(usize::from(kind));
    let sealed = match cipher {
        Ok(cipher) => cipher.cipher().encrypt(key, usage, plain).unwrap(),
        Err(_) => vec![0; 64],
    };
    EncryptedData {
        etype: ExplicitContextTag0::from(small(kind)),
        kvno: Optional::from(None),
        cipher: ExplicitContextTag2::from(OctetStringAsn1::from(sealed)),
    }
}

fn small(number: u8) -> IntegerAsn1 {
    IntegerAsn1::from(vec![number])
}

fn text(of: &str) -> KerberosStringAsn1 {
    KerberosStringAsn1::from(Ia5String::from_string(of.to_owned()).unwrap())
}

fn name(parts: &[&str]) -> PrincipalName {
    let parts: Vec<_> = parts.iter().map(|part| text(part)).collect();
    PrincipalName {
        name_type: ExplicitContextTag0::from(small(1)),
        name_string: ExplicitContextTag1::from(Asn1SequenceOf::from(parts)),
    }
}

fn bits(of: u32) -> BitStringAsn1 {
    BitStringAsn1::from(BitString::with_bytes(of.to_be_bytes().to_vec()))
}

fn time(of: Timestamp) -> GeneralizedTimeAsn1 {
    let time = OffsetDateTime::from_unix_timestamp(of.as_secs()).unwrap();
    GeneralizedTimeAsn1::from(GeneralizedTime::from(time))
}
