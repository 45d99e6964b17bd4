use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::RelyingParty;

/// A tenant's public keys.
#[derive(Debug, Clone)]
pub struct Keys(JwkSet);

/// What the token endpoint answered, verified.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// The ID token.
    pub id_token: Option<Verified>,
    /// The refresh token.
    pub refresh_token: Option<String>,
    /// The whole answer.
    pub answer: Value,
}

/// A token whose signature, issuer, audience and times hold.
#[derive(Debug, Clone)]
pub struct Verified {
    /// As it came.
    pub token: String,
    /// Its header.
    pub header: Value,
    /// Its claims.
    pub claims: Value,
}

impl Keys {
    /// Reads a JWKS; every key must be one that the other library knows.
    pub fn read(json: &Value) -> Self {
        let set: JwkSet = serde_json::from_value(json.clone()).unwrap();
        assert!(!set.keys.is_empty(), "a tenant has keys");
        Self(set)
    }

    /// The ids of the keys.
    pub fn ids(&self) -> Vec<String> {
        let ids = self.0.keys.iter().map(|key| key.common.key_id.clone());
        ids.collect::<Option<_>>().expect("every key has a kid")
    }

    /// Verifies a token with the key it names, and no other.
    pub fn verify(&self, token: &str, issuer: &str, audience: &str) -> Verified {
        let header = jsonwebtoken::decode_header(token).unwrap();
        let kid = header.kid.as_deref().expect("tokens name their key");
        let jwk = self.0.find(kid);
        let jwk = jwk.unwrap_or_else(|| panic!("kid {kid} is not in the JWKS {:?}", self.ids()));
        let named = jwk.common.key_algorithm.expect("keys name their algorithm");
        assert_eq!(named.to_string(), format!("{:?}", header.alg));
        let claims = checked(jwk, token, issuer, audience).unwrap();
        Verified {
            token: token.to_owned(),
            header: header_of(token),
            claims,
        }
    }

    /// Whether a program takes the token that checks signature, issuer, audience and times, and knows
    /// no `typ`.
    pub fn accept(&self, token: &str, issuer: &str, audience: &str) -> bool {
        let header = jsonwebtoken::decode_header(token).unwrap();
        let jwk = header.kid.as_deref().and_then(|kid| self.0.find(kid));
        jwk.is_some_and(|jwk| checked(jwk, token, issuer, audience).is_ok())
    }
}

fn checked(
    jwk: &Jwk,
    token: &str,
    issuer: &str,
    audience: &str,
) -> jsonwebtoken::errors::Result<Value> {
    let mut validation = Validation::new(jsonwebtoken::decode_header(token)?.alg);
    validation.leeway = 5;
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    let key = DecodingKey::from_jwk(jwk)?;
    Ok(jsonwebtoken::decode::<Value>(token, &key, &validation)?.claims)
}

impl Tokens {
    pub(crate) fn read(party: &RelyingParty, answer: &Value, keys: &Keys) -> Self {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let access_token = text("access_token").expect("an access token");
        let token_type = text("token_type").unwrap();
        let wanted = if party.at_dex { "bearer" } else { "Bearer" };
        assert_eq!(token_type, wanted);
        let id_token = text("id_token").map(|token| {
            let verified = keys.verify(&token, &party.issuer, &party.client_id);
            let at_hash = verified.claims["at_hash"].as_str().expect("at_hash");
            let alg = jsonwebtoken::decode_header(&token).unwrap().alg;
            assert_eq!(at_hash, left_half(alg, &access_token));
            let iat = verified.claims["iat"].as_u64().unwrap();
            assert!(iat <= jsonwebtoken::get_current_timestamp() + 5);
            verified
        });
        Self {
            access_token,
            id_token,
            refresh_token: text("refresh_token"),
            answer: answer.clone(),
        }
    }

    /// A claim of the ID token.
    pub fn claim(&self, name: &str) -> &Value {
        &self.id().claims[name]
    }

    /// The ID token.
    pub fn id(&self) -> &Verified {
        self.id_token.as_ref().expect("an ID token came")
    }

    /// The refresh token; fails if none came.
    pub fn refresh(&self) -> &str {
        self.refresh_token.as_deref().expect("a refresh token came")
    }
}

/// The left half of a token's hash, by the family of the signature
/// (OpenID Connect Core §3.1.3.6); EdDSA with Ed25519 hashes with SHA-512.
pub fn left_half(alg: Algorithm, token: &str) -> String {
    let hash = match alg {
        Algorithm::ES384 | Algorithm::RS384 | Algorithm::PS384 => Sha384::digest(token).to_vec(),
        Algorithm::EdDSA | Algorithm::RS512 | Algorithm::PS512 => Sha512::digest(token).to_vec(),
        _ => Sha256::digest(token).to_vec(),
    };
    BASE64URL_NOPAD.encode(&hash[..hash.len() / 2])
}

/// The header of a JWT, unverified.
pub fn header_of(token: &str) -> Value {
    part(token, 0)
}

/// The claims of a JWT, unverified.
pub fn claims_of(token: &str) -> Value {
    part(token, 1)
}

/// The members of a JWT's claims in the order they stand in.
pub fn members_of(token: &str) -> Vec<(String, Value)> {
    let Members(members) = serde_json::from_slice(&bytes(token, 1)).unwrap();
    members
}

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&bytes(token, index)).unwrap()
}

fn bytes(token: &str, index: usize) -> Vec<u8> {
    let part = token.split('.').nth(index).expect("a JWT has three parts");
    BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()
}

/// An object that keeps the order of its members.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
