//! The responses are made by tools of others: `fixtures/make.py` says by which.

mod conditions;
mod encrypted;
mod forged;
mod signatures;
mod written;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use data_encoding::BASE64;
use insula_ambient::Timestamp;
use insula_secret::Secret;

use crate::{
    Assertion, DecryptionKey, Expected, Refused, ServiceProvider, Signatures, TrustedKeys, Why,
};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const ACS: &str = "https://acme.test/callback";

fn fixture(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn response(name: &str) -> String {
    fixture(&format!("{name}.xml"))
}

fn expected() -> Expected<'static> {
    Expected {
        request_id: "_request",
        acs_url: ACS,
        audience: ACS,
        issuer: Some("https://idp.test/metadata"),
        fresh_since: None,
        skew: Duration::from_secs(30),
        now: NOW,
    }
}

/// Trusts these certificates.
fn trusting(certificates: &[&str]) -> ServiceProvider {
    let pem: String = certificates.iter().map(|name| fixture(name)).collect();
    ServiceProvider {
        signatures: Signatures::Of(TrustedKeys::of_certificates(&pem).unwrap()),
        decryption: Vec::new(),
    }
}

fn usual() -> ServiceProvider {
    trusting(&["idp.crt"])
}

/// Trusts the usual certificate, and decrypts.
fn decrypting() -> ServiceProvider {
    let key = Secret::new(fixture("sp-NOT-SECRET.pem"));
    ServiceProvider {
        decryption: vec![DecryptionKey::of_pem(&key).unwrap()],
        ..usual()
    }
}

fn read(provider: &ServiceProvider, xml: &str) -> Result<Assertion, Refused> {
    provider.read(&BASE64.encode(xml.as_bytes()), &expected())
}

/// Why a response is refused.
fn why(provider: &ServiceProvider, xml: &str) -> Why {
    match read(provider, xml) {
        Ok(told) => panic!("it is believed: {told:?}"),
        Err(refused) => refused.why,
    }
}

/// Replaces a text that must be there.
fn with(xml: &str, old: &str, new: &str) -> String {
    assert!(xml.contains(old), "{old} is not in it");
    xml.replacen(old, new, 1)
}

/// From a text to the end of another, both included.
fn between<'a>(xml: &'a str, from: &str, to: &str) -> &'a str {
    let start = xml.find(from).unwrap();
    let end = start + xml[start..].find(to).unwrap() + to.len();
    &xml[start..end]
}
