use data_encoding::BASE64URL_NOPAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::verify_alg::VerifyAlg;
use crate::{Claims, TypRule, VerifyError};

/// No token of ours or of an upstream comes near; more is an attempt to keep us busy.
const LONGEST_TOKEN: usize = 64 * 1024;

/// A compact JWS (RFC 7515 §7.1), taken apart but not believed.
///
/// `jwk`, `jku`, `x5u` and `x5c` in the header are not even read: a token may not bring or name
/// the key that vouches for it.
pub(crate) struct CompactJws<'a> {
    pub(crate) alg: VerifyAlg,
    pub(crate) kid: Option<String>,
    typ: Option<String>,
    /// Header and payload, as the signature covers them.
    pub(crate) signed: &'a [u8],
    pub(crate) signature: Vec<u8>,
    payload: &'a str,
}

/// Repeated names fail to deserialize, as RFC 7515 §4 allows us to demand.
#[derive(Deserialize)]
struct WireHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, rename = "crit", deserialize_with = "present")]
    has_crit: bool,
    #[serde(default, rename = "b64", deserialize_with = "present")]
    has_b64: bool,
}

impl<'a> CompactJws<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, VerifyError> {
        if token.len() > LONGEST_TOKEN {
            return Err(VerifyError::Malformed("it is too long"));
        }
        let three = VerifyError::Malformed("it does not have three parts");
        let (signed, signature) = token.rsplit_once('.').ok_or(three)?;
        let (header, payload) = signed.split_once('.').ok_or(three)?;
        if payload.contains('.') {
            return Err(three);
        }
        let not_json = VerifyError::Malformed("its header is not a JSON object");
        let header = base64url(header)?;
        if header.first() != Some(&b'{') {
            return Err(not_json);
        }
        let header: WireHeader = serde_json::from_slice(&header).map_err(|_| not_json)?;
        if header.has_crit || header.has_b64 {
            return Err(VerifyError::CriticalHeader);
        }
        let told = |member: Option<String>| member.filter(|text| !text.is_empty());
        Ok(Self {
            alg: VerifyAlg::named(&header.alg).ok_or(VerifyError::UnsupportedAlg)?,
            kid: told(header.kid),
            typ: told(header.typ),
            signed: signed.as_bytes(),
            signature: base64url(signature)?,
            payload,
        })
    }

    pub(crate) fn check_typ(&self, rule: TypRule<'_>) -> Result<(), VerifyError> {
        if rule.accepts(self.typ.as_deref()) {
            Ok(())
        } else {
            Err(VerifyError::WrongTyp)
        }
    }

    /// Call only after the signature was verified.
    pub(crate) fn claims(&self) -> Result<Claims, VerifyError> {
        let payload = base64url(self.payload)?;
        serde_json::from_slice(&payload)
            .map(Claims::new)
            .map_err(|_| VerifyError::Malformed("its payload is not a JSON object"))
    }
}

/// Strict: no padding, no foreign characters, no stray bits at the end.
fn base64url(part: &str) -> Result<Vec<u8>, VerifyError> {
    BASE64URL_NOPAD
        .decode(part.as_bytes())
        .map_err(|_| VerifyError::Malformed("a part of it is not base64url"))
}

fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}
