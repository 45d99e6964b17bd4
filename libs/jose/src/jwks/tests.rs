use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, RsaEncoding, RsaKeyPair};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::*;
use crate::{Alg, SigningKey, hmac_sha256, test_keys};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

fn claims() -> Value {
    json!({"iss": "https://up.test", "aud": "us", "sub": "u1", "exp": NOW.as_secs() + 300})
}

fn expected() -> Expected<'static> {
    Expected::from_issuer("https://up.test").for_audience("us")
}

/// A token with whatever header a stranger likes.
fn token(header: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(claims().to_string()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", base64url(signature))
}

fn by(key: &SigningKey) -> impl FnOnce(&[u8]) -> Vec<u8> {
    |message| key.signature(message).unwrap()
}

fn set(keys: &[&Value]) -> Jwks {
    Jwks::parse(&json!({"keys": keys}).to_string()).unwrap()
}

fn verdict(jwks: &Jwks, token: &str) -> Result<(), VerifyError> {
    jwks.verify(token, NOW, &expected()).map(drop)
}

fn without(jwk: &Value, member: &str) -> Value {
    let mut jwk = jwk.clone();
    jwk.as_object_mut().unwrap().remove(member);
    jwk
}

fn with(jwk: &Value, member: &str, value: impl Into<Value>) -> Value {
    let mut jwk = jwk.clone();
    jwk[member] = value.into();
    jwk
}

mod arbitrary;
mod examples_of_the_rfcs;
mod finding_the_key;
mod hostile_headers;
mod odd_sets;
