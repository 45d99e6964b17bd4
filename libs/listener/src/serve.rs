use std::cell::Cell;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::Request;
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, map_config};
use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::web::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::gate::{Admitted, Gate};
use crate::guarded::{Guarded, Wire};
use crate::progress::Stage;
use crate::unhurried::unhurried;
use crate::{http1, http2};

/// What every HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A browser's head fits into the first read.
const FIRST_READ: usize = 4 * 1024;

/// How many connections a worker takes before it looks at those it has.
const TAKEN_AT_ONCE: usize = 8;
/// How many connections whose time is up are closed together, and the pause before the next: 8000 a
/// second, and no request waits for more than these.
const CLOSED_AT_ONCE: usize = 16;
const BETWEEN_CLOSES: Duration = Duration::from_millis(2);

/// An address to listen on.
#[derive(Clone)]
pub struct Endpoint {
    /// What it is called in errors.
    pub name: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// How it proves itself; unencrypted where it does not.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// How to serve.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Threads; one per core if not said.
    pub workers: Option<usize>,
    /// How long requests under way may take once the server was told to stop.
    pub grace: Duration,
}

/// Binds every endpoint and serves them with `app` behind `gate`, once the answer is polled. An error
/// comes with the endpoint that could not be opened.
///
/// HTTP/2 is spoken where TLS agrees on it, and over clear text with a client that begins with it.
pub fn serve<F, I, S>(
    endpoints: Vec<Endpoint>,
    gate: &Gate,
    options: ServeOptions,
    app: F,
) -> Result<Server, (Endpoint, io::Error)>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<BoxBody>,
            Error = Error,
        > + 'static,
    S::InitError: Debug,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
{
    // The gate counts connections; a second limit in the accept loop would let strangers stop it.
    let mut server = ServerBuilder::new()
        .disable_signals()
        .max_concurrent_connections(usize::MAX >> 1)
        .shutdown_timeout(options.grace.as_secs());
    if let Some(workers) = options.workers {
        server = server.workers(workers);
    }
    for endpoint in endpoints {
        let (app, gate, tls) = (app.clone(), gate.clone(), endpoint.tls.clone());
        let factory = move || {
            let app = map_config(app(), |()| AppConfig::default());
            let (gate, tls) = (gate.clone(), tls.clone());
            let ready = move || {
                let app = app.new_service(());
                let (gate, tls) = (gate.clone(), tls.clone());
                async move {
                    let app = Rc::new(app.await.map_err(|_| ())?);
                    connections(app, gate, tls.map(TlsAcceptor::from)).await
                }
            };
            fn_factory(ready)
        };
        let bound = server.bind(endpoint.name, endpoint.address, factory);
        server = bound.map_err(|error| (endpoint, error))?;
    }
    watch(gate);
    Ok(server.run())
}

/// Closes what takes too long, for as long as anyone holds the gate.
fn watch(gate: &Gate) {
    let (shared, pace) = (gate.downgrade(), gate.pace());
    actix_rt::spawn(async move {
        loop {
            tokio::time::sleep(pace).await;
            let Some(gate) = Gate::upgrade(&shared) else {
                return;
            };
            for few in gate.sweep().chunks(CLOSED_AT_ONCE) {
                for connection in few {
                    gate.close(connection);
                }
                tokio::time::sleep(BETWEEN_CLOSES).await;
            }
        }
    });
}

/// What takes the connections of one worker.
async fn connections<S>(
    app: Rc<S>,
    gate: Gate,
    tls: Option<TlsAcceptor>,
) -> Result<impl Service<TcpStream, Response = (), Error = ()>, ()>
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
    S::Future: 'static,
{
    let http1 = http1::service(Rc::clone(&app), gate.limits());
    let http1 = Rc::new(http1.new_service(()).await?);
    Ok(InTurns::new(move |io: TcpStream| {
        let (app, http1, gate, tls) = (
            Rc::clone(&app),
            Rc::clone(&http1),
            gate.clone(),
            tls.clone(),
        );
        async move {
            let first_stage = match tls {
                Some(_) => Stage::Handshake,
                None => Stage::Http1,
            };
            let Ok(peer) = io.peer_addr() else {
                return Ok(());
            };
            let Some(admitted) = gate.admit(peer.ip(), first_stage) else {
                return Ok(());
            };
            let serving = async {
                // An error only says that the peer went away, or spoke something else.
                let Ok(io) = open(io, &admitted, tls).await else {
                    return;
                };
                if admitted.connection.is_http2() {
                    http2::serve(io, peer, app, gate.limits()).await;
                } else {
                    let steps = || admitted.connection.steps();
                    let _ = unhurried(http1.call((io, Some(peer))), steps).await;
                }
            };
            tokio::select! {
                biased;
                () = admitted.connection.until_cut() => {}
                () = serving => {}
            }
            Ok(())
        }
    }))
}

/// Takes connections, and lets those that are open have their turn after every few.
struct InTurns<F> {
    take: F,
    taken: Cell<usize>,
}

impl<F> InTurns<F> {
    fn new(take: F) -> Self {
        Self {
            take,
            taken: Cell::new(0),
        }
    }
}

impl<F, R, T> Service<R> for InTurns<F>
where
    F: Fn(R) -> T,
    T: Future<Output = Result<(), ()>>,
{
    type Response = ();
    type Error = ();
    type Future = T;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        if self.taken.get() < TAKEN_AT_ONCE {
            return Poll::Ready(Ok(()));
        }
        self.taken.set(0);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&self, one: R) -> T {
        self.taken.set(self.taken.get() + 1);
        (self.take)(one)
    }
}

/// Finds out what the peer speaks.
async fn open(io: TcpStream, admitted: &Admitted, tls: Option<TlsAcceptor>) -> io::Result<Guarded> {
    let connection = Arc::clone(&admitted.connection);
    io.set_nodelay(true)?;
    let Some(tls) = tls else {
        return greet(io, admitted).await;
    };
    let io = tls.accept(io).await?;
    let stage = match io.get_ref().1.alpn_protocol() {
        Some(b"h2") => Stage::Http2,
        _ => Stage::Http1,
    };
    connection.speaks(stage);
    Ok(Guarded::new(
        Wire::Tls(Box::new(io)),
        connection,
        Bytes::new(),
    ))
}

/// Reads until it is clear whether the peer speaks HTTP/2.
async fn greet(mut io: TcpStream, admitted: &Admitted) -> io::Result<Guarded> {
    let connection = Arc::clone(&admitted.connection);
    let mut first = Vec::with_capacity(FIRST_READ);
    loop {
        let came = io.read_buf(&mut first).await?;
        if came == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        connection.read(came);
        if first.len() >= PREFACE.len() || !PREFACE.starts_with(&first) {
            break;
        }
    }
    if first.starts_with(PREFACE) {
        connection.speaks(Stage::Http2);
    }
    Ok(Guarded::new(Wire::Plain(io), connection, first.into()))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use futures_util::task::noop_waker_ref;

    use super::*;

    #[test]
    fn a_crowd_at_the_door_lets_open_connections_have_their_turn() {
        let taking = InTurns::new(|()| ready(Ok(())));
        let mut cx = Context::from_waker(noop_waker_ref());
        for _ in 0..3 {
            for _ in 0..TAKEN_AT_ONCE {
                assert!(taking.poll_ready(&mut cx).is_ready());
                drop(taking.call(()));
            }
            assert!(taking.poll_ready(&mut cx).is_pending());
        }
    }
}
