use std::time::Duration;

use insula_ambient::Timestamp;
use insula_secret::Secret;
use picky_asn1::wrapper::{
    ExplicitContextTag0, ExplicitContextTag1, ExplicitContextTag2, ExplicitContextTag3,
    GeneralizedTimeAsn1, IntegerAsn1, OctetStringAsn1, Optional,
};
use picky_asn1_der::{from_bytes, to_vec};
use picky_krb::constants::gss_api::AUTHENTICATOR_CHECKSUM_TYPE;
use picky_krb::constants::key_usages::{AP_REP_ENC, AP_REQ_AUTHENTICATOR, TICKET_REP};
use picky_krb::constants::types::AP_REP_MSG_TYPE;
use picky_krb::data_types::{
    Authenticator, AuthenticatorInner, EncApRepPart, EncApRepPartInner, EncTicketPart,
    EncTicketPartInner, EncryptedData, KerberosFlags, TicketInner,
};
use picky_krb::messages::{ApRep, ApRepInner};
use time::OffsetDateTime;

use crate::keytab::Key;
use crate::negotiation::{self, number};
use crate::{Keytab, Principal, Refused, sealed};

/// Bits of `ap-options` (RFC 4120 §5.5.1), counted from the first.
const USE_SESSION_KEY: usize = 1;
const MUTUAL_REQUIRED: usize = 2;
/// The bit of a ticket (§5.3) that no service may believe.
const INVALID: usize = 7;

/// Longer names are nobody's.
const LONGEST_NAME: usize = 255;

/// Whose people are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Realms {
    /// Those of the realm whose ticket it is: nobody of a realm that it trusts.
    OfService,
    /// Those of these.
    OneOf(Vec<String>),
    /// Anybody's whom the realm of the service gave a ticket.
    Any,
}

/// What takes tickets.
#[derive(Debug, Clone)]
pub struct Acceptor {
    /// The keys that open tickets.
    pub keytab: Keytab,
    /// For whom a ticket must be; `None` for anybody in the keytab. What is written there is not
    /// protected by the ticket's key: services that share a key cannot be told apart by it.
    pub service: Option<Principal>,
    /// Whose keys open it, where they have another name in the keytab.
    pub keys_of: Option<Principal>,
    /// Whose people are let in.
    pub realms: Realms,
    /// How far clocks may be apart.
    pub skew: Duration,
}

/// Who proved themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// They.
    pub client: Principal,
    /// What no other token has: one that is shown twice within twice the allowed skew is a replay,
    /// and proves nobody (RFC 4120 §3.2.3).
    pub authenticator: Vec<u8>,
    /// What the browser is to hear.
    pub answer: Option<Vec<u8>>,
}

impl Acceptor {
    /// Who shows this token now.
    pub fn accept(&self, token: &[u8], now: Timestamp) -> Result<Accepted, Refused> {
        let offer = negotiation::read(token)?;
        let options = &offer.request.ap_options.0;
        if has(options, USE_SESSION_KEY) {
            return Err(Refused::UserToUser);
        }
        let ticket = &offer.request.ticket.0.0;
        let service = Principal::of(&ticket.sname.0, &ticket.realm.0);
        let part = self.open(ticket, &service)?;
        let key = Secret::from(part.key.0.key_value.0.0.clone());
        let kind = number(&part.key.0.key_type.0).unwrap_or_default();
        let shown = &offer.request.authenticator.0;
        let authenticator = authenticator(&key, kind, shown)?;
        self.judge(&part, &authenticator, now)?;
        let client = Principal::of(&part.cname.0, &part.crealm.0);
        self.judge_name(&part, &client, &service)?;
        let proof = if has(options, MUTUAL_REQUIRED) {
            Some(proof(&key, kind, &authenticator)?)
        } else {
            None
        };
        Ok(Accepted {
            client,
            authenticator: shown.cipher.0.0.clone(),
            answer: offer.answered(proof),
        })
    }

    /// Opens a ticket by the key it says, else by any other of the same kind: tools write versions
    /// that the realm does not have.
    fn open(
        &self,
        ticket: &TicketInner,
        service: &Principal,
    ) -> Result<EncTicketPartInner, Refused> {
        if let Some(taken) = self.service.as_ref().filter(|taken| !taken.names(service)) {
            return Err(Refused::OtherService {
                ticket: service.clone(),
                taken: taken.clone(),
            });
        }
        let sealed = &ticket.enc_part.0;
        let kind = sealed::kind(sealed);
        if !sealed::is_read(kind) {
            return Err(Refused::EncryptionType(kind));
        }
        let named = |key: &&Key| match &self.keys_of {
            Some(of) => of.names(&key.of),
            None => key.of.names(service),
        };
        let named: Vec<_> = self.keytab.keys.iter().filter(named).collect();
        if named.is_empty() {
            let of = self.keys_of.as_ref().unwrap_or(service);
            return Err(Refused::NoKey(of.clone()));
        }
        let version = sealed.kvno.0.as_ref().and_then(|kvno| number(&kvno.0));
        let shown = version.map_or_else(|| "unknown".to_owned(), |version| version.to_string());
        let mut keys: Vec<_> = named.iter().filter(|key| key.kind == kind).collect();
        if keys.is_empty() {
            return Err(Refused::NoKeyOfType {
                service: service.clone(),
                wanted: kind,
                version: shown,
            });
        }
        keys.sort_by_key(|key| version != Some(key.version));
        let opened = keys
            .iter()
            .find_map(|key| sealed::opened(&key.value, TICKET_REP, sealed));
        let opened = opened.ok_or_else(|| {
            let mut present: Vec<_> = keys.iter().map(|key| key.version).collect();
            present.sort_unstable();
            present.dedup();
            let present: Vec<_> = present.iter().map(u32::to_string).collect();
            Refused::WrongKey {
                service: service.clone(),
                wanted: shown,
                present: present.join(", "),
            }
        })?;
        let part: EncTicketPart = from_bytes(opened.reveal())
            .map_err(|_| Refused::Unreadable("what the ticket holds makes no sense"))?;
        Ok(part.0)
    }

    /// What RFC 4120 §3.2.3 has a service look at, but for replays.
    fn judge(
        &self,
        part: &EncTicketPartInner,
        authenticator: &AuthenticatorInner,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let (crealm, cname) = (&authenticator.crealm.0, &authenticator.cname.0);
        if part.crealm.0 != *crealm || part.cname.0.name_string != cname.name_string {
            return Err(Refused::Mismatch);
        }
        // A request of another protocol is none of ours (RFC 4121 §4.1.1).
        let checksum = authenticator.cksum.0.as_ref();
        let kind = checksum.map(|checksum| checksum.0.cksumtype.0.0.as_slice());
        if kind != Some(AUTHENTICATOR_CHECKSUM_TYPE.as_slice()) {
            return Err(Refused::Unreadable("it was not made for this protocol"));
        }
        let shown = moment(&authenticator.ctime.0)?;
        let apart = if shown > now {
            shown.since(now)
        } else {
            now.since(shown)
        };
        if apart > self.skew {
            let allowed = self.skew;
            return Err(Refused::Skew { apart, allowed });
        }
        let start = part.starttime.0.as_ref().map(|start| &start.0);
        let start = moment(start.unwrap_or(&part.auth_time.0))?;
        if has(&part.flags.0, INVALID) || start > now + self.skew {
            return Err(Refused::NotYet);
        }
        if now > moment(&part.endtime.0)? + self.skew {
            return Err(Refused::Expired);
        }
        Ok(())
    }

    /// A name that its realm or its form tells to be another's must not be looked up.
    fn judge_name(
        &self,
        part: &EncTicketPartInner,
        client: &Principal,
        service: &Principal,
    ) -> Result<(), Refused> {
        let is_expected = match &self.realms {
            Realms::Any => true,
            Realms::OfService => client.realm == service.realm,
            Realms::OneOf(realms) => realms
                .iter()
                .any(|realm| realm.eq_ignore_ascii_case(&client.realm)),
        };
        if !is_expected {
            return Err(Refused::OtherRealm(client.clone()));
        }
        let parts = &part.cname.0.name_string.0.0;
        let is_odd = |c: char| c.is_control() || c == '@';
        // `jane/admin` is another one than `jane`.
        if parts.len() != 1
            || client.name.is_empty()
            || client.name.len() > LONGEST_NAME
            || client.name.contains(is_odd)
            || client.name.contains('/')
        {
            return Err(Refused::OddName(client.clone()));
        }
        Ok(())
    }
}

fn authenticator(
    key: &Secret<[u8]>,
    kind: u32,
    shown: &EncryptedData,
) -> Result<AuthenticatorInner, Refused> {
    if !sealed::is_read(kind) {
        return Err(Refused::EncryptionType(kind));
    }
    if sealed::kind(shown) != kind {
        return Err(Refused::Mismatch);
    }
    let opened = sealed::opened(key, AP_REQ_AUTHENTICATOR, shown).ok_or(Refused::Mismatch)?;
    let authenticator: Authenticator = from_bytes(opened.reveal())
        .map_err(|_| Refused::Unreadable("what comes with the ticket makes no sense"))?;
    Ok(authenticator.0)
}

/// The proof that we have the key (RFC 4120 §3.2.4).
fn proof(
    key: &Secret<[u8]>,
    kind: u32,
    authenticator: &AuthenticatorInner,
) -> Result<ApRep, Refused> {
    let unmade = || Refused::Unreadable("it cannot be answered");
    let sequence = authenticator.seq_number.0.as_ref();
    let part = EncApRepPart::from(EncApRepPartInner {
        ctime: ExplicitContextTag0::from(authenticator.ctime.0.clone()),
        cusec: ExplicitContextTag1::from(authenticator.cusec.0.clone()),
        subkey: Optional::from(None),
        seq_number: Optional::from(
            sequence.map(|number| ExplicitContextTag3::from(number.0.clone())),
        ),
    });
    let plain = to_vec(&part).map_err(|_| unmade())?;
    let cipher = sealed::closed(key, kind, AP_REP_ENC, &plain).ok_or_else(unmade)?;
    let small = |number: u8| IntegerAsn1::from(vec![number]);
    let kind = u8::try_from(kind).map_err(|_| unmade())?;
    Ok(ApRep::from(ApRepInner {
        pvno: ExplicitContextTag0::from(small(5)),
        msg_type: ExplicitContextTag1::from(small(AP_REP_MSG_TYPE)),
        enc_part: ExplicitContextTag2::from(EncryptedData {
            etype: ExplicitContextTag0::from(small(kind)),
            kvno: Optional::from(None),
            cipher: ExplicitContextTag2::from(OctetStringAsn1::from(cipher)),
        }),
    }))
}

/// Whether a flag is set. The first byte says how many bits of the last are unused.
fn has(flags: &KerberosFlags, bit: usize) -> bool {
    let byte = flags.0.as_bytes().get(1 + bit / 8);
    byte.is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
}

fn moment(time: &GeneralizedTimeAsn1) -> Result<Timestamp, Refused> {
    let time = OffsetDateTime::try_from(time.0.clone());
    let time = time.map_err(|_| Refused::Unreadable("a time in it is none"))?;
    Ok(Timestamp::from_secs(time.unix_timestamp()))
}

#[cfg(test)]
mod tests;
