use data_encoding::BASE64URL_NOPAD;
use insula_ambient::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::verify_alg::VerifyAlg;
use crate::{Claims, Expected, TypRule, VerifyError};

/// The name of no signature at all (RFC 7518 §3.6).
pub const UNSIGNED: &str = "none";

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

/// The three parts of a token whose header is one we would read on.
struct Parts<'a> {
    header: WireHeader,
    signed: &'a str,
    signature: &'a str,
    payload: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, VerifyError> {
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
        Ok(Self {
            header,
            signed,
            signature,
            payload,
        })
    }
}

/// The `alg` that a token names in its header. Nothing is verified.
pub fn named_alg(token: &str) -> Result<String, VerifyError> {
    Ok(Parts::split(token)?.header.alg)
}

/// The claims of a token that says it is unsigned: `alg` is `none` and the signature empty
/// ([RFC 7515, appendix A.5](https://www.rfc-editor.org/rfc/rfc7515#appendix-A.5)). Its times are
/// judged, and nobody vouches for it: only for what its sender could say without a token as well.
pub fn read_unsigned(
    token: &str,
    now: Timestamp,
    expected: &Expected<'_>,
) -> Result<Claims, VerifyError> {
    let parts = Parts::split(token)?;
    if parts.header.alg != UNSIGNED {
        return Err(VerifyError::UnsupportedAlg);
    }
    if !parts.signature.is_empty() {
        return Err(VerifyError::BadSignature);
    }
    let typ = told(parts.header.typ);
    if !expected.typ.accepts(typ.as_deref()) {
        return Err(VerifyError::WrongTyp);
    }
    let claims = claims_in(parts.payload)?.without_the_empty();
    claims.check(expected, now)?;
    Ok(claims)
}

fn told(member: Option<String>) -> Option<String> {
    member.filter(|text| !text.is_empty())
}

impl<'a> CompactJws<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, VerifyError> {
        let parts = Parts::split(token)?;
        Ok(Self {
            alg: VerifyAlg::named(&parts.header.alg).ok_or(VerifyError::UnsupportedAlg)?,
            kid: told(parts.header.kid),
            typ: told(parts.header.typ),
            signed: parts.signed.as_bytes(),
            signature: base64url(parts.signature)?,
            payload: parts.payload,
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
        claims_in(self.payload)
    }
}

fn claims_in(payload: &str) -> Result<Claims, VerifyError> {
    serde_json::from_slice(&base64url(payload)?)
        .map(Claims::new)
        .map_err(|_| VerifyError::Malformed("its payload is not a JSON object"))
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn token(header: &str, payload: &str, signature: &str) -> String {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}.{signature}", part(header), part(payload))
    }

    #[test]
    fn only_what_says_it_is_unsigned_and_is_so_is_read_unsigned() {
        let expected = Expected::from_any_issuer().even_expired();
        let none = r#"{"alg":"none"}"#;
        for (token, told) in [
            (token(none, r#"{"state":"s"}"#, ""), Ok(())),
            (token(none, "{}", "c2ln"), Err(VerifyError::BadSignature)),
            (
                token(r#"{"alg":"None"}"#, "{}", ""),
                Err(VerifyError::UnsupportedAlg),
            ),
            (
                token(r#"{"alg":"HS256"}"#, "{}", ""),
                Err(VerifyError::UnsupportedAlg),
            ),
            (
                token(r#"{"alg":"none","crit":["x"]}"#, "{}", ""),
                Err(VerifyError::CriticalHeader),
            ),
            (
                token(r#"{"alg":"none","typ":"at+jwt"}"#, "{}", ""),
                Err(VerifyError::WrongTyp),
            ),
            (
                token(none, r#"{"nbf":1000061}"#, ""),
                Err(VerifyError::NotYetValid),
            ),
        ] {
            let read = read_unsigned(&token, NOW, &expected).map(drop);
            assert_eq!(read, told, "{token}");
        }
        assert!(read_unsigned("a.b", NOW, &expected).is_err());
        assert_eq!(named_alg(&token(none, "{}", "")).as_deref(), Ok("none"));
        let signed = crate::test_keys::key(crate::Alg::ES256, "k").sign(None, &());
        let signed = signed.unwrap();
        assert_eq!(named_alg(&signed).as_deref(), Ok("ES256"));
        assert!(read_unsigned(&signed, NOW, &expected).is_err());
    }
}
