use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use url::Url;

/// A wire between two programs that can be cut, mended and stalled. Lives as long as the test's
/// runtime.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub port: u16,
    wire: Arc<Wire>,
    task: JoinHandle<()>,
}

/// What can happen to a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFault {
    /// Every connection ends before the request is passed on: it never arrives.
    CutBefore,
    /// The request is passed on, and every connection ends once the service answers: it is carried
    /// out, and nobody is told.
    CutAfter,
    /// The request, and whatever else is sent to the service meanwhile, arrives so much later.
    StallRequests(Duration),
    /// The request is carried out, and its answer, as all that the service says, arrives so much
    /// later.
    StallAnswers(Duration),
    /// This connection alone stalls on its way to the service: whoever tries again on another one
    /// is faster, and what was sent first arrives last.
    StallConnection(Duration),
}

/// Until when bytes are held, by direction.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    requests: Option<Instant>,
    answers: Option<Instant>,
    /// The one connection that stalls alone.
    one: Option<Instant>,
}

#[derive(Debug, Default)]
struct Watched {
    mark: Vec<u8>,
    /// How many requests carried the mark.
    requests: usize,
    /// What happens at which of them.
    at: Option<(usize, ConnectionFault)>,
    has_struck: bool,
}

#[derive(Debug)]
struct Wire {
    target: SocketAddr,
    is_cut: AtomicBool,
    cuts: watch::Sender<u32>,
    held: Mutex<Held>,
    watched: Mutex<Watched>,
}

impl Relay {
    /// Lays a wire to a service and answers the service's URL as seen through it.
    pub async fn before(service: &str) -> (Self, String) {
        let mut url = Url::parse(service).unwrap();
        let host = url.host_str().unwrap().to_owned();
        let port = url.port().expect("the services' URLs name their ports");
        let target: SocketAddr = tokio::net::lookup_host((host.as_str(), port))
            .await
            .unwrap()
            .next()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire = Arc::new(Wire {
            target,
            is_cut: AtomicBool::new(false),
            cuts: watch::Sender::new(0),
            held: Mutex::default(),
            watched: Mutex::default(),
        });
        let laid = Arc::clone(&wire);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if !laid.is_cut.load(Ordering::SeqCst) {
                    tokio::spawn(carry(near, Arc::clone(&laid)));
                }
            }
        });
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(port)).unwrap();
        (Self { port, wire, task }, url.into())
    }

    /// Ends all connections and takes no more.
    pub fn cut(&self) {
        self.wire.is_cut.store(true, Ordering::SeqCst);
        self.wire.end_connections();
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.wire.is_cut.store(false, Ordering::SeqCst);
    }

    /// Holds what is sent in either direction from the next byte on, and then goes on.
    pub fn stall(&self, long: Duration) {
        self.wire.hold(
            |held, until| {
                held.requests = Some(until);
                held.answers = Some(until);
            },
            long,
        );
    }

    /// Counts the requests that carry these bytes from now on, and nothing else.
    pub fn watch_for(&self, mark: &str) {
        *self.wire.watched.lock().unwrap() = Watched {
            mark: mark.as_bytes().to_vec(),
            ..Watched::default()
        };
    }

    /// How many requests carried what is watched for.
    pub fn requests(&self) -> usize {
        self.wire.watched.lock().unwrap().requests
    }

    /// Has the `number`th request that is watched for, counted from 1, meet a fault.
    pub fn strike_at(&self, number: usize, fault: ConnectionFault) {
        self.wire.watched.lock().unwrap().at = Some((number, fault));
    }

    /// Lets every request pass from now on.
    pub fn spare(&self) {
        self.wire.watched.lock().unwrap().at = None;
    }

    /// Whether the fault has happened.
    pub fn has_struck(&self) -> bool {
        self.wire.watched.lock().unwrap().has_struck
    }

    /// Waits until nothing is held any more.
    pub async fn flows(&self) {
        loop {
            let held = *self.wire.held.lock().unwrap();
            match held.requests.max(held.answers).max(held.one) {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    fn end_connections(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }

    fn hold(&self, held: impl FnOnce(&mut Held, Instant), long: Duration) {
        held(&mut self.held.lock().unwrap(), Instant::now() + long);
    }

    /// Looks at a piece of what is sent to the service, whose predecessor ended with `before`;
    /// answers what is to happen to it.
    fn look_at(&self, before: &mut Vec<u8>, piece: &[u8]) -> Option<ConnectionFault> {
        let mut watched = self.watched.lock().unwrap();
        let length = watched.mark.len();
        if length == 0 {
            return None;
        }
        before.extend_from_slice(piece);
        let is_marked = before.windows(length).any(|window| window == watched.mark);
        if !is_marked {
            before.drain(..before.len().saturating_sub(length - 1));
            return None;
        }
        before.clear();
        watched.requests += 1;
        let (number, fault) = watched.at?;
        if watched.has_struck || watched.requests < number {
            return None;
        }
        watched.has_struck = true;
        Some(fault)
    }
}

/// What the two directions of a connection know of each other.
#[derive(Debug, Default)]
struct Connection {
    ends_at_answer: AtomicBool,
}

async fn carry(near: TcpStream, wire: Arc<Wire>) {
    let mut cuts = wire.cuts.subscribe();
    let connecting = TcpStream::connect(wire.target);
    let connected = tokio::time::timeout(Duration::from_secs(5), connecting).await;
    let Ok(Ok(far)) = connected else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let connection = Connection::default();
    // One direction goes on when the other has ended: what is held is passed on although whoever
    // sent it has left.
    let both = async {
        tokio::join!(
            carry_requests(near_in, far_out, &wire, &connection),
            carry_answers(far_in, near_out, &wire, &connection),
        )
    };
    tokio::select! {
        _ = both => {}
        _ = cuts.changed() => {}
    }
}

async fn carry_requests(
    mut near: OwnedReadHalf,
    mut far: OwnedWriteHalf,
    wire: &Wire,
    connection: &Connection,
) {
    let (mut piece, mut before) = (vec![0; 64 * 1024], Vec::new());
    while let Ok(length @ 1..) = near.read(&mut piece).await {
        let piece = &piece[..length];
        match wire.look_at(&mut before, piece) {
            None => {}
            Some(ConnectionFault::CutBefore) => {
                wire.end_connections();
                return std::future::pending().await;
            }
            Some(ConnectionFault::CutAfter) => {
                connection.ends_at_answer.store(true, Ordering::SeqCst)
            }
            Some(ConnectionFault::StallRequests(long)) => {
                wire.hold(|held, until| held.requests = Some(until), long);
            }
            Some(ConnectionFault::StallAnswers(long)) => {
                wire.hold(|held, until| held.answers = Some(until), long);
            }
            Some(ConnectionFault::StallConnection(long)) => {
                wire.hold(|held, until| held.one = Some(until), long);
                tokio::time::sleep(long).await;
            }
        }
        released(wire, |held| held.requests).await;
        if far.write_all(piece).await.is_err() {
            return;
        }
    }
    let _ = far.shutdown().await;
}

async fn carry_answers(
    mut far: OwnedReadHalf,
    mut near: OwnedWriteHalf,
    wire: &Wire,
    connection: &Connection,
) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = far.read(&mut piece).await {
        if connection.ends_at_answer.load(Ordering::SeqCst) {
            wire.end_connections();
            return std::future::pending().await;
        }
        released(wire, |held| held.answers).await;
        if near.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
    let _ = near.shutdown().await;
}

/// Waits until bytes of a direction are no longer held.
async fn released(wire: &Wire, until: impl Fn(&Held) -> Option<Instant>) {
    loop {
        let held = until(&wire.held.lock().unwrap());
        match held {
            Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
            _ => return,
        }
    }
}
