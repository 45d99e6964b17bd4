use std::path::PathBuf;

use super::path;
use crate::reading::Reading;
use crate::section::Section;

/// What the process proves itself with on `listen.https`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The certificate chain, PEM, for hosts that no other is for.
    pub cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// Certificates for single hosts, chosen by SNI (RFC 6066 §3).
    pub certificates: Vec<HostCertificate>,
}

/// A certificate for some hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCertificate {
    /// For which; `*.example` stands for one label.
    pub hosts: Vec<String>,
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

pub(super) fn read(top: &mut Section<'_>, is_needed: bool, reading: &mut Reading<'_>) -> Tls {
    let mut section = top.section("tls", reading);
    let cert = section
        .text("cert", reading)
        .map(|text| path(&text, reading));
    let key = section
        .text("key", reading)
        .map(|text| path(&text, reading));
    let mut certificates = Vec::new();
    for (node, path) in section.items("certificates", reading) {
        let mut item = Section::open(node, &path, reading);
        certificates.extend(host_certificate(&mut item, reading));
        item.finish(reading);
    }
    match (&cert, &key) {
        (Some(_), None) => missing(&section, "key", "the certificate's private key", reading),
        (None, Some(_)) => missing(&section, "cert", "the key's certificate chain", reading),
        (None, None) if is_needed && certificates.is_empty() => {
            missing(
                &section,
                "cert",
                "what listen.https proves itself with",
                reading,
            );
        }
        _ => {}
    }
    section.finish(reading);
    Tls {
        cert,
        key,
        certificates,
    }
}

fn host_certificate(
    section: &mut Section<'_>,
    reading: &mut Reading<'_>,
) -> Option<HostCertificate> {
    let hosts = section.texts("hosts", reading);
    let cert = section
        .text("cert", reading)
        .map(|text| path(&text, reading));
    let key = section
        .text("key", reading)
        .map(|text| path(&text, reading));
    if hosts.is_empty() {
        missing(section, "hosts", "the hosts it is for", reading);
    }
    if cert.is_none() {
        missing(
            section,
            "cert",
            "the path of the certificate chain",
            reading,
        );
    }
    if key.is_none() {
        missing(section, "key", "the path of the private key", reading);
    }
    Some(HostCertificate {
        hosts: hosts.iter().map(|h| h.value.to_ascii_lowercase()).collect(),
        cert: cert?,
        key: key?,
    })
}

fn missing(section: &Section<'_>, key: &str, what: &str, reading: &mut Reading<'_>) {
    let key = section.key(key);
    reading.error(section.at(), &key, "is missing", &format!("name {what}"));
}
