//! The internet as a server behind an egress proxy sees it: the proxy leads to the hosts of one vendor,
//! whose certificates an authority of the test signed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::spawn;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the vendor's tokens are.
const TOKEN: &str = "token-of-the-vendor";

/// The hosts of a vendor.
pub(super) struct Internet {
    /// The address of the proxy.
    pub(super) proxy: String,
    vendor: Arc<Vendor>,
    folder: TempDir,
}

struct Vendor {
    hosts: Vec<String>,
    tls: Arc<ServerConfig>,
    /// `host/path` of the token endpoint.
    tokens: &'static str,
    documents: BTreeMap<String, Value>,
    /// What a token response says beside the token.
    with_token: Mutex<Value>,
}

impl Internet {
    /// Documents by `host/path`. All but those of discovery, `open`, need the token that the token
    /// endpoint gives.
    pub(super) fn of(hosts: &[&str], tokens: &'static str, documents: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(hosts.clone()).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let vendor = Arc::new(Vendor {
            hosts,
            tls: Arc::new(tls),
            tokens,
            documents: serde_json::from_value(documents).unwrap(),
            with_token: Mutex::new(json!({})),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let behind = Arc::clone(&vendor);
        spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let vendor = Arc::clone(&behind);
                spawn(move || vendor.lead(socket));
            }
        });
        Self {
            proxy,
            vendor,
            folder,
        }
    }

    /// The file of the authority's certificate.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What token responses say from now on, beside the token.
    pub(super) fn gives(&self, more: Value) {
        *self.vendor.with_token.lock().unwrap() = more;
    }
}

impl Vendor {
    /// Leads a connection to one of its hosts (RFC 9110 §9.3.6), and to nobody else.
    fn lead(&self, mut socket: TcpStream) -> Option<()> {
        let head = head(&mut socket)?;
        let target = head.first()?.strip_prefix("CONNECT ")?.to_owned();
        let host = target.split_whitespace().next()?.strip_suffix(":443")?;
        if !self.hosts.iter().any(|known| known == host) {
            socket
                .write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
                .ok()?;
            return None;
        }
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
        let session = ServerConnection::new(Arc::clone(&self.tls)).unwrap();
        let mut stream = StreamOwned::new(session, socket);
        let head = self::head(&mut stream)?;
        let mut words = head.first()?.split_whitespace();
        let (method, path) = (words.next()?, words.next()?);
        let at = format!("{host}{}", path.split('?').next()?);
        let (status, document) = self.answer(method, &at, &head);
        let body = document.to_string();
        let answer = format!(
            "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).ok()?;
        stream.conn.send_close_notify();
        stream.flush().ok()
    }

    fn answer(&self, method: &str, at: &str, head: &[String]) -> (u16, Value) {
        if method == "POST" && at == self.tokens {
            let mut tokens =
                json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600});
            let more = self.with_token.lock().unwrap().clone();
            let more = more.as_object().unwrap().clone();
            tokens.as_object_mut().unwrap().extend(more);
            return (200, tokens);
        }
        let bearer = format!("bearer {TOKEN}");
        let may = head.iter().any(|line| {
            let line = line.to_ascii_lowercase();
            line.strip_prefix("authorization: ") == Some(&bearer)
        });
        match self.documents.get(at) {
            Some(document) if may || document.get("open") == Some(&json!(true)) => {
                (200, document.clone())
            }
            Some(_) => (401, json!({"error": "invalid_token"})),
            None => (404, json!({"error": "not_found"})),
        }
    }
}

/// The lines of a request before its body, which is read and dropped.
fn head(socket: &mut impl Read) -> Option<Vec<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let mut lines = Vec::new();
    for line in BufReader::new(head.as_slice()).lines() {
        lines.push(line.ok()?);
    }
    let length = lines.iter().find_map(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("content-length: ")?.parse().ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    socket.read_exact(&mut body).ok()?;
    Some(lines)
}
