//! Certificates of the HTTPS listener: one per host by SNI, reloaded when their files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use insula_config::Tls;
use rustls::ServerConfig;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tracing::{error, info};

/// All certificates; swapped as a whole, so that a handshake sees the old set or the new one.
#[derive(Debug)]
pub(crate) struct Certificates {
    tls: Tls,
    current: ArcSwap<Loaded>,
    /// The times of the files when they were last looked at, good or bad: each change is tried, and
    /// told, once.
    seen: Mutex<Vec<Option<SystemTime>>>,
}

#[derive(Debug)]
struct Loaded {
    by_host: Vec<(String, Arc<CertifiedKey>)>,
    fallback: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Loads all; every file must be good.
    pub(crate) fn load(tls: &Tls) -> Result<Arc<Self>> {
        // Stamps first: a file that changes while it is read is read again.
        let seen = stamps(tls);
        let loaded = read(tls)?;
        Ok(Arc::new(Self {
            tls: tls.clone(),
            current: ArcSwap::from_pointee(loaded),
            seen: Mutex::new(seen),
        }))
    }

    /// Loads again if a file changed. If anything is wrong, the old certificates stay.
    pub(crate) fn reload(&self, even_unchanged: bool) {
        let now = stamps(&self.tls);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !even_unchanged && now == *seen {
            return;
        }
        *seen = now;
        match read(&self.tls) {
            Ok(loaded) => {
                self.current.store(Arc::new(loaded));
                info!("reloaded the TLS certificates");
            }
            Err(error) => error!("kept the old TLS certificates: {error:#}"),
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load().of(hello.server_name())
    }
}

impl Loaded {
    /// The certificate of exactly this name, else of its wildcard, else the one for all others.
    fn of(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let listed = |host: &str| self.by_host.iter().find(|(known, _)| known == host);
        let by_name = name.map(str::to_lowercase).and_then(|name| {
            let wild = || {
                let (_, rest) = name.split_once('.')?;
                listed(&format!("*.{rest}"))
            };
            listed(&name).or_else(wild)
        });
        by_name
            .map(|(_, key)| Arc::clone(key))
            .or_else(|| self.fallback.clone())
    }
}

/// The listener's TLS: 1.2 and 1.3, HTTP/2 offered.
pub(crate) fn server_config(certificates: Arc<Certificates>) -> ServerConfig {
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn read(tls: &Tls) -> Result<Loaded> {
    let fallback = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => Some(certified(cert, key)?),
        _ => None,
    };
    let mut by_host = Vec::new();
    for entry in &tls.certificates {
        let key = certified(&entry.cert, &entry.key)?;
        by_host.extend(
            entry
                .hosts
                .iter()
                .map(|host| (host.to_lowercase(), Arc::clone(&key))),
        );
    }
    Ok(Loaded { by_host, fallback })
}

fn certified(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>> {
    let of_cert = || format!("certificate {}", cert.display());
    let of_key = || format!("private key {}", key.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(cert)
        .with_context(of_cert)?
        .collect::<Result<_, _>>()
        .with_context(of_cert)?;
    anyhow::ensure!(!chain.is_empty(), "{} holds no certificate", of_cert());
    let der = PrivateKeyDer::from_pem_file(key).with_context(of_key)?;
    let signer = any_supported_type(&der).with_context(of_key)?;
    let certified = CertifiedKey::new(chain, signer);
    certified.keys_match().with_context(|| {
        format!(
            "certificate {} does not belong to key {}",
            cert.display(),
            key.display()
        )
    })?;
    Ok(Arc::new(certified))
}

fn stamps(tls: &Tls) -> Vec<Option<SystemTime>> {
    let listed = tls
        .certificates
        .iter()
        .flat_map(|entry| [&entry.cert, &entry.key]);
    let files: Vec<&PathBuf> = tls
        .cert
        .iter()
        .chain(tls.key.iter())
        .chain(listed)
        .collect();
    let modified = |path: &&PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    files.iter().map(modified).collect()
}

#[cfg(test)]
mod tests;
