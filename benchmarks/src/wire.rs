//! An HTTP/1.1 client as small as can be: what it costs is taken from what the server gets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MOST_BYTES: usize = 1 << 20;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// One connection, kept alive, to a port of this machine.
pub(crate) struct Wire {
    stream: TcpStream,
    held: Vec<u8>,
    filled: usize,
}

/// What came back.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) head: &'a str,
    pub(crate) body: &'a [u8],
}

impl Wire {
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            held: vec![0; 16 * 1024],
            filled: 0,
        })
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let body_at = loop {
            self.fill().await?;
            let seen = self.held.get(..self.filled).unwrap_or_default();
            if let Some(at) = position(seen, HEAD_END) {
                break at + HEAD_END.len();
            }
        };
        let (status, length) = {
            let head = self.held.get(..body_at).unwrap_or_default();
            let head = std::str::from_utf8(head).context("the head of an answer is not UTF-8")?;
            read_head(head)?
        };
        let end = body_at + length;
        if end > MOST_BYTES {
            bail!("an answer of {end} bytes is too long");
        }
        while self.filled < end {
            self.fill().await?;
        }
        let (head, rest) = self.held.split_at(body_at);
        Ok(Answer {
            status,
            head: std::str::from_utf8(head).unwrap_or_default(),
            body: rest.get(..length).unwrap_or_default(),
        })
    }

    async fn fill(&mut self) -> Result<()> {
        if self.filled == self.held.len() {
            self.held.resize(self.held.len() * 2, 0);
        }
        let room = self.held.get_mut(self.filled..).unwrap_or_default();
        let more = self.stream.read(room).await?;
        if more == 0 || self.filled > MOST_BYTES {
            bail!("the server closed a connection in the middle of an answer");
        }
        self.filled += more;
        Ok(())
    }
}

impl Answer<'_> {
    /// The values of a header, in their order.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let all = self.all_headers();
        all.filter_map(move |(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// What the answer says of itself, without what any HTTP server adds.
    pub(crate) fn own_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all_headers().filter(|(name, _)| {
            let added = ["content-length", "date"];
            !added.iter().any(|added| name.eq_ignore_ascii_case(added))
        })
    }

    fn all_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name, value.trim()))
        })
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// Itself, if it has this status; else an error that shows it.
    pub(crate) fn expect(self, status: u16) -> Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        let shown = String::from_utf8_lossy(self.body);
        let shown: String = shown.chars().take(300).collect();
        bail!("answered {} instead of {status}: {shown}", self.status);
    }
}

/// The bytes of a GET.
pub(crate) fn get(host: &str, target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

/// Status and length of the body.
fn read_head(head: &str) -> Result<(u16, usize)> {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status: u16 = status
        .and_then(|word| word.parse().ok())
        .context("an answer begins without a status")?;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.trim().parse();
            return Ok((status, length.context("content-length is not a number")?));
        }
    }
    if matches!(status, 204 | 304) {
        return Ok((status, 0));
    }
    bail!("an answer of status {status} says no length");
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
