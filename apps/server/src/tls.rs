//! Certificates of the HTTPS listener: one per host by SNI, reloaded when their files change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use insula_config::Tls;
use insula_files::{FileError, Look, Reader, Seen, Watch};
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
    /// The files as they were last read, good or bad: each change is tried, and told, once.
    watched: Mutex<Watched>,
}

#[derive(Debug)]
struct Watched {
    watch: Watch,
    read_at: Instant,
}

/// A key or a chain of certificates has a few KB.
const MAX_BYTES: u64 = 1 << 20;
/// How long files are believed to be unchanged because nothing looks changed about them.
const BELIEVED_FOR: Duration = Duration::from_mins(10);

#[derive(Debug)]
struct Loaded {
    by_host: Vec<(String, Arc<CertifiedKey>)>,
    fallback: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Loads all; every file must be good.
    pub(crate) fn load(tls: &Tls) -> Result<Arc<Self>> {
        let (loaded, seen) = read(tls);
        let now = Instant::now();
        Ok(Arc::new(Self {
            tls: tls.clone(),
            current: ArcSwap::from_pointee(loaded?),
            watched: Mutex::new(Watched {
                watch: Watch::new(&seen, now),
                read_at: now,
            }),
        }))
    }

    /// Loads again if a file says something else. If anything is wrong, the old certificates stay.
    pub(crate) fn reload(&self, even_unchanged: bool) {
        self.reload_at(even_unchanged, Instant::now());
    }

    fn reload_at(&self, even_unchanged: bool, now: Instant) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = now.saturating_duration_since(watched.read_at) >= BELIEVED_FOR;
        if !even_unchanged && !is_old && watched.watch.look(now) == Look::Same {
            return;
        }
        let (loaded, seen) = read(&self.tls);
        let says_the_same = seen.fingerprint() == watched.watch.fingerprint();
        watched.watch.renew(&seen, now);
        watched.read_at = now;
        if says_the_same && !even_unchanged {
            return;
        }
        match loaded {
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

/// Every file, read once, and what they make.
fn read(tls: &Tls) -> (Result<Loaded>, Seen) {
    let reader = Reader::anywhere();
    let listed = tls
        .certificates
        .iter()
        .flat_map(|entry| [&entry.cert, &entry.key]);
    let files = tls.cert.iter().chain(tls.key.iter()).chain(listed);
    let files = files
        .map(|path| (path.clone(), reader.read(path, MAX_BYTES)))
        .collect();
    (made_of(tls, &files), reader.seen())
}

type Files = BTreeMap<PathBuf, Result<Vec<u8>, FileError>>;

fn made_of(tls: &Tls, files: &Files) -> Result<Loaded> {
    let fallback = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => Some(certified(cert, key, files)?),
        _ => None,
    };
    let mut by_host = Vec::new();
    for entry in &tls.certificates {
        let key = certified(&entry.cert, &entry.key, files)?;
        by_host.extend(
            entry
                .hosts
                .iter()
                .map(|host| (host.to_lowercase(), Arc::clone(&key))),
        );
    }
    Ok(Loaded { by_host, fallback })
}

fn content<'f>(path: &Path, files: &'f Files) -> Result<&'f [u8]> {
    match files.get(path) {
        Some(Ok(content)) => Ok(content),
        Some(Err(error)) => anyhow::bail!("{}; {}", error.cause, error.next_step()),
        None => anyhow::bail!("was not read"),
    }
}

fn certified(cert: &Path, key: &Path, files: &Files) -> Result<Arc<CertifiedKey>> {
    let of_cert = || format!("certificate {}", cert.display());
    let of_key = || format!("private key {}", key.display());
    let pem = content(cert, files).with_context(of_cert)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .with_context(of_cert)?;
    anyhow::ensure!(!chain.is_empty(), "{} holds no certificate", of_cert());
    let pem = content(key, files).with_context(of_key)?;
    let der = PrivateKeyDer::from_pem_slice(pem).with_context(of_key)?;
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

#[cfg(test)]
mod tests;
