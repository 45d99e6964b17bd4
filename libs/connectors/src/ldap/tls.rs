use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::settings::Settings;
use crate::http::pem;

/// How connections are encrypted: with which roots, and with which certificate of ours.
pub(super) fn client_config(settings: &Settings) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = if settings.insecure_skip_verify {
        let any = Arc::new(AnyCertificate(provider));
        builder.dangerous().with_custom_certificate_verifier(any)
    } else {
        builder.with_root_certificates(roots(settings)?)
    };
    let config = if settings.client_cert.is_empty() {
        builder.with_no_client_auth()
    } else {
        let chain = certificates("clientCert", &settings.client_cert)?;
        let key = pem("clientKey", settings.client_key.reveal())?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| "clientKey holds no private key that can be read".to_owned())?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|_| "clientKey does not belong to clientCert".to_owned())?
    };
    Ok(Arc::new(config))
}

/// Those that are configured, and no others, as dex has it; else the machine's.
fn roots(settings: &Settings) -> Result<Arc<RootCertStore>, String> {
    let Some((name, text)) = settings.root() else {
        return Ok(Arc::clone(&MACHINES_ROOTS));
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(name, text)? {
        roots
            .add(certificate)
            .map_err(|cause| format!("{name} cannot be used: {cause}"))?;
    }
    Ok(Arc::new(roots))
}

/// On a machine without any roots, Mozilla's.
static MACHINES_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Arc::new(roots)
});

fn certificates(name: &str, text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = pem(name, text)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("{name} holds no certificate that can be read")),
    }
}

fn unusable(cause: impl std::fmt::Display) -> String {
    format!("the TLS settings cannot be used: {cause}")
}

/// Believes every certificate, for laboratories, but not that somebody holds its key who does not.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
