//! How browsers wrap a ticket, and how they are answered.

use picky_asn1::wrapper::{
    ExplicitContextTag0, ExplicitContextTag1, ExplicitContextTag2, IntegerAsn1,
    ObjectIdentifierAsn1, OctetStringAsn1, Optional,
};
use picky_asn1_der::{Asn1RawDer, from_bytes, to_vec};
use picky_asn1_x509::oids;
use picky_krb::constants::gss_api::{ACCEPT_COMPLETE, AP_REP_TOKEN_ID, AP_REQ_TOKEN_ID};
use picky_krb::gss_api::{ApplicationTag0, GssApiNegInit, KrbMessage, NegTokenTarg, NegTokenTarg1};
use picky_krb::messages::{ApRep, ApReq, ApReqInner};

use crate::Refused;

/// The first byte of a token that begins a conversation (RFC 2743 §3.1).
const BEGINS: u8 = 0x60;
/// The tag of a sequence.
const SEQUENCE: u8 = 0x30;

/// What NTLM's messages begin with.
const NTLM: &[u8] = b"NTLMSSP\0";

/// A ticket as it came.
pub(crate) struct Offer {
    pub(crate) request: ApReqInner,
    wrapping: Wrapping,
}

/// How it was wrapped.
enum Wrapping {
    /// Not at all.
    None,
    /// In a list of mechanisms, of which this one is taken.
    Negotiated(ObjectIdentifierAsn1),
}

/// Finds the ticket in a token: wrapped in a list of mechanisms, wherever Kerberos stands in it, or as
/// it is.
pub(crate) fn read(token: &[u8]) -> Result<Offer, Refused> {
    if token.starts_with(NTLM) {
        return Err(Refused::Ntlm);
    }
    if token.first() == Some(&BEGINS) {
        return begun(token);
    }
    // We never ask anybody to go on with a negotiation.
    Err(Refused::Unreadable("it begins no negotiation"))
}

fn begun(token: &[u8]) -> Result<Offer, Refused> {
    let Some(init) = init(token) else {
        return Ok(Offer {
            request: ticket(token)?,
            wrapping: Wrapping::None,
        });
    };
    let init = init.neg_token_init.0;
    let offered = init.mech_types.0.map(|list| list.0.0).unwrap_or_default();
    let inner = init.mech_token.0.map(|token| token.0.0).unwrap_or_default();
    // Whoever offers the older name of Kerberos first is answered by it.
    let taken = offered.into_iter().find(is_kerberos);
    if inner.starts_with(NTLM) {
        return Err(Refused::Ntlm);
    }
    let taken = taken.ok_or(Refused::NoTicket)?;
    if inner.is_empty() {
        return Err(Refused::NoTicket);
    }
    Ok(Offer {
        request: ticket(&inner)?,
        wrapping: Wrapping::Negotiated(taken),
    })
}

/// The library reads this as well, but panics over what is no list.
fn init(token: &[u8]) -> Option<GssApiNegInit> {
    let (_, rest) = token.split_first()?;
    let sequence = [&[SEQUENCE], rest].concat();
    let init: GssApiNegInit = from_bytes(&sequence).ok()?;
    (init.oid.0 == oids::spnego()).then_some(init)
}

fn is_kerberos(mechanism: &ObjectIdentifierAsn1) -> bool {
    mechanism.0 == oids::krb5() || mechanism.0 == oids::ms_krb5()
}

/// The request to be believed (RFC 4121 §4.1).
fn ticket(token: &[u8]) -> Result<ApReqInner, Refused> {
    let message = KrbMessage::<ApReq>::decode_application_krb_message(token);
    let message = message.map_err(|_| Refused::Unreadable("there is no ticket in it"))?;
    let message = message.0;
    if !is_kerberos(&message.krb5_oid) || message.krb5_token_id != AP_REQ_TOKEN_ID {
        return Err(Refused::NoTicket);
    }
    let request = message.krb_msg.0;
    let is_request = number(&request.pvno.0) == Some(5) && number(&request.msg_type.0) == Some(14);
    is_request
        .then_some(request)
        .ok_or(Refused::Unreadable("it is of another version"))
}

impl Offer {
    /// What the browser hears: that it is believed, and the proof of who we are that it asked for.
    pub(crate) fn answered(&self, proof: Option<ApRep>) -> Option<Vec<u8>> {
        let proof = proof.map(|krb_msg| {
            to_vec(&ApplicationTag0(KrbMessage {
                krb5_oid: oids::krb5().into(),
                krb5_token_id: AP_REP_TOKEN_ID,
                krb_msg,
            }))
        });
        let proof = proof.transpose().ok()?;
        let Wrapping::Negotiated(mechanism) = &self.wrapping else {
            return proof;
        };
        let wrapped = |token| ExplicitContextTag2::from(OctetStringAsn1::from(token));
        let completed = Asn1RawDer(ACCEPT_COMPLETE.to_vec());
        let answer = NegTokenTarg1::from(NegTokenTarg {
            neg_result: Optional::from(Some(ExplicitContextTag0::from(completed))),
            supported_mech: Optional::from(Some(ExplicitContextTag1::from(mechanism.clone()))),
            response_token: Optional::from(proof.map(wrapped)),
            mech_list_mic: Optional::from(None),
        });
        to_vec(&answer).ok()
    }
}

/// A small number.
pub(crate) fn number(of: &IntegerAsn1) -> Option<u32> {
    let bytes = of.as_unsigned_bytes_be();
    if of.0.is_empty() || bytes.len() > 4 || of.is_negative() {
        return None;
    }
    Some(
        bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u32::from(*byte)),
    )
}
