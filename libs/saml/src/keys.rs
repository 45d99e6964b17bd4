use bergshamra::keys::loader::{load_pem_auto, load_x509_cert_der};
use bergshamra::{DsigContext, EncContext, KeysManager, initialize_backend};
use data_encoding::BASE64;
use insula_secret::Secret;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Keys whose signatures are believed: those of the certificates in the settings, and no other.
pub struct TrustedKeys {
    pub(crate) context: Box<DsigContext>,
}

impl TrustedKeys {
    /// The keys of one or more certificates in PEM. Their dates and issuers do not count: who writes
    /// a certificate into the settings trusts its key
    /// ([Metadata Interoperability Profile §2.6.1](https://docs.oasis-open.org/security/saml/Post2.0/sstc-metadata-iop.html)).
    pub fn of_certificates(pem: &str) -> Result<Self, String> {
        initialize_backend().map_err(|cause| cause.to_string())?;
        let mut manager = KeysManager::new();
        for certificate in ders(pem)? {
            let key = load_x509_cert_der(&certificate)
                .map_err(|cause| format!("a certificate cannot be used: {cause}"))?;
            manager.add_key(key);
        }
        let context = DsigContext::new(manager)
            .with_trusted_keys_only(true)
            .with_strict_verification(true)
            .with_require_reference_digests(true)
            .with_hmac_min_out_len(256)
            // The keys are the settings'; there is no chain to judge.
            .with_insecure(true);
        Ok(Self {
            context: Box::new(context),
        })
    }
}

/// A private key of ours, for which assertions are encrypted.
pub struct DecryptionKey {
    pub(crate) context: EncContext,
}

impl DecryptionKey {
    /// An RSA key in PEM, which nothing else encrypts.
    pub fn of_pem(pem: &Secret<str>) -> Result<Self, &'static str> {
        initialize_backend().map_err(|_| "the library for keys does not start")?;
        let key = load_pem_auto(pem.reveal().trim().as_bytes(), None)
            .map_err(|_| "is no private key in PEM without a password")?;
        if !key.has_private_key() || key.algorithm_name() != "RSA" {
            return Err("is no private RSA key");
        }
        let mut manager = KeysManager::new();
        manager.add_key(key);
        let context = EncContext::new(manager).with_disable_cipher_reference(true);
        Ok(Self { context })
    }
}

/// The certificates of a PEM text in base64, as metadata carries them.
pub fn certificates(pem: &str) -> Result<Vec<String>, String> {
    let ders = ders(pem)?;
    Ok(ders.iter().map(|der| BASE64.encode(der)).collect())
}

fn ders(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|cause| format!("a certificate cannot be read: {cause}"))?;
    if found.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(found)
}
