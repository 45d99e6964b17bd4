use std::io;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// What the connections of a [`Crowd`] do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Nothing at all.
    Nothing,
    /// They begin a head and never end it.
    HalfAHead,
    /// They ask for this as often as the server lets them, and read one byte of it a second.
    ReadAByteASecond(String),
}

/// Many connections that want nothing.
#[derive(Debug)]
pub struct Crowd {
    tasks: JoinSet<()>,
    /// How many were opened.
    pub opened: usize,
}

impl Crowd {
    /// Opens `many` connections to `port`, as fast as they go, and keeps each for as long as the
    /// server does.
    pub async fn gather(port: u16, many: usize, silence: &Silence) -> io::Result<Self> {
        Self::gather_from(0..=0, port, many, silence).await
    }

    /// The same from these addresses in turn: the first is the one that everybody has.
    pub async fn gather_from(
        addresses: RangeInclusive<u32>,
        port: u16,
        many: usize,
        silence: &Silence,
    ) -> io::Result<Self> {
        let mut crowd = Self {
            tasks: JoinSet::new(),
            opened: 0,
        };
        for address in addresses.cycle().take(many) {
            let io = connect(address, port, silence).await?;
            crowd.opened += 1;
            let silence = silence.clone();
            crowd.tasks.spawn(async move {
                // The server closing it is an end like any other.
                let _ = stay(io, &silence).await;
            });
        }
        Ok(crowd)
    }

    /// How many the server has not closed.
    pub fn still_open(&mut self) -> usize {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.len()
    }
}

/// Connects from an address of this machine, counted from the usual one.
async fn connect(address: u32, port: u16, silence: &Silence) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if matches!(silence, Silence::ReadAByteASecond(_)) {
        socket.set_recv_buffer_size(2048)?;
    }
    if address > 0 {
        let from = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + address);
        socket.bind((from, 0).into())?;
    }
    socket.connect((Ipv4Addr::LOCALHOST, port).into()).await
}

async fn stay(mut io: TcpStream, silence: &Silence) -> io::Result<()> {
    let mut byte = [0];
    match silence {
        Silence::Nothing => {}
        Silence::HalfAHead => io.write_all(b"GET / HTTP/1.1\r\nHost: ").await?,
        Silence::ReadAByteASecond(request) => {
            let (mut reader, mut writer) = io.split();
            let asking = async {
                loop {
                    writer.write_all(request.as_bytes()).await?;
                }
            };
            let reading = async {
                while reader.read(&mut byte).await? > 0 {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Ok(())
            };
            return tokio::select! {
                asked = asking => asked,
                read = reading => read,
            };
        }
    }
    while io.read(&mut byte).await? > 0 {}
    Ok(())
}

/// Lets this program hold as many connections as the system allows it, and answers how many.
pub fn raise_open_files() -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        return hard;
    }
    soft
}
