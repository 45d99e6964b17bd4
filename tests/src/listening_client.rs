use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Duration, timeout};

/// How long anything is waited for: a delivery whose process ended is taken up again after a minute.
const PATIENCE: Duration = Duration::from_secs(150);

/// The server of a client: hears what is sent to it, and answers as it is told.
#[derive(Debug)]
pub struct ListeningClient {
    port: u16,
    heard: UnboundedReceiver<Heard>,
    answer: Arc<Mutex<Option<u16>>>,
}

/// A request that it heard.
#[derive(Debug, Clone)]
pub struct Heard {
    /// `GET` or `POST`.
    pub method: String,
    /// The path, with its query.
    pub target: String,
    /// Headers, by names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The form.
    pub form: BTreeMap<String, String>,
}

impl ListeningClient {
    /// Begins to listen, and answers 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heard) = unbounded_channel();
        let answer = Arc::new(Mutex::new(Some(200)));
        let answers = Arc::clone(&answer);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, tell.clone(), Arc::clone(&answers)));
            }
        });
        Self {
            port,
            heard,
            answer,
        }
    }

    /// An address of it.
    pub fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Answers with another status from now on; `None`: hears and never answers.
    pub fn answers(&self, status: Option<u16>) {
        *self.answer.lock().unwrap() = status;
    }

    /// The next request; fails if none comes.
    pub async fn hears(&mut self) -> Heard {
        let heard = timeout(PATIENCE, self.heard.recv()).await;
        heard.expect("nobody asked in time").unwrap()
    }

    /// What was heard and not looked at.
    pub fn heard_more(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }
}

async fn serve(
    mut socket: TcpStream,
    tell: UnboundedSender<Heard>,
    answer: Arc<Mutex<Option<u16>>>,
) {
    let Some(heard) = read(&mut socket).await else {
        return;
    };
    let status = *answer.lock().unwrap();
    // Whoever waits for it may have ended.
    let _ = tell.send(heard);
    let Some(status) = status else {
        std::future::pending::<()>().await;
        return;
    };
    let answer = format!("HTTP/1.1 {status} OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = socket.write_all(answer.as_bytes()).await;
}

async fn read(socket: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
            let mut lines = head.lines();
            let mut words = lines.next()?.split(' ');
            let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
            let pairs = lines.filter_map(|line| line.split_once(": "));
            let headers: BTreeMap<String, String> = pairs
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length = headers.get("content-length");
            let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = &bytes[end + 4..end + 4 + length];
                let form = url::form_urlencoded::parse(body).into_owned().collect();
                return Some(Heard {
                    method,
                    target,
                    headers,
                    form,
                });
            }
        }
        match socket.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&part[..n]),
        }
    }
}
