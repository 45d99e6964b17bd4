//! The server of a vendor, as far as a login needs it: people who are sent to it come back with a code at
//! once, the code is redeemed for a token, and whoever shows that token is told documents.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::spawn;

use data_encoding::BASE64;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use url::Url;

const CODE: &str = "code-of-the-vendor";
const TOKEN: &str = "token-of-the-vendor";
/// What we are there.
pub(super) const CLIENT: &str = "us";
pub(super) const SECRET: &str = "secret-at-the-vendor";

/// Where a vendor is asked what.
#[derive(Clone, Copy)]
pub(super) struct Paths {
    pub(super) authorize: &'static str,
    pub(super) token: &'static str,
    /// Below this nobody has to show a token.
    pub(super) open: &'static str,
}

/// The server. Lives as long as the test's process.
pub(super) struct Vendor {
    pub(super) url: String,
}

struct Told {
    url: String,
    paths: Paths,
    documents: BTreeMap<String, Value>,
}

/// A request, as far as anybody looks.
struct Request {
    method: String,
    url: Url,
    authorization: String,
    body: Vec<u8>,
}

struct Reply {
    status: u16,
    location: String,
    document: Value,
}

impl Vendor {
    /// Serves documents by their paths, with `?page=` where a list has pages; `SELF` in one is the
    /// server's own address.
    pub(super) fn open(paths: Paths, documents: Value) -> Self {
        Self::start(paths, documents, None)
    }

    /// The same over TLS.
    pub(super) fn over_tls(paths: Paths, documents: Value, tls: ServerConfig) -> Self {
        Self::start(paths, documents, Some(Arc::new(tls)))
    }

    fn start(paths: Paths, documents: Value, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let documents = documents.to_string().replace("SELF", &url);
        let told = Arc::new(Told {
            url: url.clone(),
            paths,
            documents: serde_json::from_str(&documents).unwrap(),
        });
        spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (told, tls) = (Arc::clone(&told), tls.clone());
                spawn(move || match tls {
                    None => told.serve(socket),
                    Some(tls) => {
                        let session = ServerConnection::new(tls).unwrap();
                        told.serve(StreamOwned::new(session, socket));
                    }
                });
            }
        });
        Self { url }
    }
}

impl Told {
    fn serve(&self, mut socket: impl Read + Write) {
        // Who does not trust the certificate hangs up.
        let Some(request) = self.read(&mut socket) else {
            return;
        };
        let reply = self.reply(&request);
        let body = reply.document.to_string();
        let answer = format!(
            "HTTP/1.1 {} OK\r\nlocation: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            reply.status,
            reply.location,
            body.len()
        );
        let _gone = socket.write_all(answer.as_bytes());
        let _gone = socket.flush();
    }

    fn read(&self, socket: &mut impl Read) -> Option<Request> {
        let mut reader = BufReader::new(socket);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let method = words.next()?.to_owned();
        let url = Url::parse(&format!("{}{}", self.url, words.next()?)).ok()?;
        let (mut authorization, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "authorization" => value.clone_into(&mut authorization),
                "content-length" => length = value.parse().ok()?,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Request {
            method,
            url,
            authorization,
            body,
        })
    }

    fn reply(&self, request: &Request) -> Reply {
        let path = request.url.path();
        let paged = request.url.query_pairs().find(|(name, _)| name == "page");
        let paged = paged.map(|(_, page)| format!("{path}?page={page}"));
        let paged = paged.and_then(|paged| self.documents.get(&paged));
        let known = paged.or_else(|| self.documents.get(path));
        let may =
            path.starts_with(self.paths.open) || request.authorization == format!("Bearer {TOKEN}");
        match request.method.as_str() {
            "GET" if path == self.paths.authorize => authorize(&request.url),
            "POST" if path == self.paths.token => redeem(request),
            "GET" if !may => refuse(401, "invalid_token"),
            "GET" => match known {
                Some(document) => document_of(document.clone()),
                None => refuse(404, "not_found"),
            },
            _ => refuse(405, "method_not_allowed"),
        }
    }
}

fn authorize(url: &Url) -> Reply {
    let params: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    if params["client_id"] != CLIENT || params["response_type"] != "code" {
        return refuse(400, "unauthorized_client");
    }
    let mut back = Url::parse(&params["redirect_uri"]).unwrap();
    back.query_pairs_mut()
        .append_pair("code", CODE)
        .append_pair("state", &params["state"]);
    Reply {
        status: 302,
        location: back.into(),
        document: Value::Null,
    }
}

fn redeem(request: &Request) -> Reply {
    let us = format!(
        "Basic {}",
        BASE64.encode(format!("{CLIENT}:{SECRET}").as_bytes())
    );
    if request.authorization != us {
        return refuse(401, "invalid_client");
    }
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(&request.body)
        .into_owned()
        .collect();
    if form["grant_type"] != "authorization_code" || form["code"] != CODE {
        return refuse(400, "invalid_grant");
    }
    document_of(json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 7200}))
}

fn document_of(document: Value) -> Reply {
    Reply {
        status: 200,
        location: String::new(),
        document,
    }
}

fn refuse(status: u16, error: &str) -> Reply {
    Reply {
        status,
        ..document_of(json!({ "error": error }))
    }
}
