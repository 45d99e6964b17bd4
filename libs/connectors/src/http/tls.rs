use std::sync::Arc;

use insula_ambient::read_base64;
use insula_connector_kit::ConnectorError;
use reqwest::{Certificate, ClientBuilder};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// What one connector trusts beyond the machine's own roots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust {
    /// More certificate authorities, in PEM.
    pub(crate) root_cas: Vec<String>,
    /// Believe every certificate. For laboratories.
    pub(crate) insecure_skip_verify: bool,
}

impl Trust {
    pub(super) fn is_default(&self) -> bool {
        self.root_cas.is_empty() && !self.insecure_skip_verify
    }
}

/// Builds with the machine's roots and those of `trust`; on a machine without any roots, with
/// Mozilla's.
pub(super) fn build(
    builder: impl Fn() -> ClientBuilder,
    trust: &Trust,
) -> Result<reqwest::Client, ConnectorError> {
    // Harmless if the server did it first; without it reqwest panics.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let extra = certificates(&trust.root_cas)?;
    let mut with_machine_roots = builder();
    if trust.insecure_skip_verify {
        with_machine_roots = with_machine_roots.tls_danger_accept_invalid_certs(true);
    } else if !extra.is_empty() {
        let parsed: Result<Vec<_>, _> =
            extra.iter().map(|der| Certificate::from_der(der)).collect();
        with_machine_roots = with_machine_roots.tls_certs_merge(parsed.map_err(unusable)?);
    }
    with_machine_roots.build().or_else(|_| {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for der in extra {
            roots.add(der).map_err(unusable)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        builder()
            .tls_backend_preconfigured(config)
            .build()
            .map_err(unusable)
    })
}

/// A certificate authority as dex takes it: see [`pem`].
pub(crate) fn root_ca(text: &str) -> Result<String, ConnectorError> {
    pem("rootCAs", text).map_err(ConnectorError::Settings)
}

/// What a setting holds as dex takes it, PEM or base64 of PEM. What the file of a path holds was put
/// in its place when the tenant was read: no connector opens a file.
pub(crate) fn pem(setting: &str, text: &str) -> Result<String, String> {
    const BEGIN: &str = "-----BEGIN";
    if text.contains(BEGIN) {
        return Ok(text.to_owned());
    }
    let decoded = read_base64(text.trim());
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.filter(|pem| pem.contains(BEGIN)).ok_or_else(|| {
        format!(
            "{setting} holds neither PEM nor base64 of PEM, nor the path of a file that could be \
             read"
        )
    })
}

fn certificates(pems: &[String]) -> Result<Vec<CertificateDer<'static>>, ConnectorError> {
    let mut all = Vec::new();
    for pem in pems {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let found = found.map_err(unusable)?;
        if found.is_empty() {
            return Err(ConnectorError::Settings(
                "rootCAs holds a text without a PEM certificate".to_owned(),
            ));
        }
        all.extend(found);
    }
    Ok(all)
}

fn unusable(cause: impl std::fmt::Display) -> ConnectorError {
    ConnectorError::Settings(format!("the TLS settings cannot be used: {cause}"))
}
