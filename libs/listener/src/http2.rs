use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::error::PayloadError;
use actix_http::{Payload, Request, Response};
use actix_web::body::{BodySize, BoxBody, MessageBody as _};
use actix_web::http as actix;
use actix_web::web::Bytes;
use futures_util::Stream;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::app::{App, respond};
use crate::body::{StreamedAnswer, timed};
use crate::connection::{Connection, Exchange};
use crate::guarded::Guarded;
use crate::limits::{
    CONNECTION_WINDOW, HEADER_LIST_BYTES, Limits, SEND_BUFFER, STREAM_WINDOW, STREAMS,
};

type Answered = Result<hyper::Response<StreamedAnswer>, Infallible>;

/// Serves one HTTP/2 connection with `app`, until it ends.
pub(crate) async fn serve<S>(io: Guarded, peer: SocketAddr, app: Rc<S>, limits: &Limits)
where
    S: App + 'static,
{
    let connection = Arc::clone(io.connection());
    let body_limit = limits.body;
    let serving = {
        let connection = Arc::clone(&connection);
        let answering = service_fn(move |request| {
            answer(
                Rc::clone(&app),
                request,
                Arc::clone(&connection),
                peer,
                body_limit,
            )
        });
        http2::Builder::new(OnThisThread)
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_LIST_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(64)
            .serve_connection(TokioIo::new(io), answering)
    };
    let mut serving = pin!(serving);
    loop {
        tokio::select! {
            // A connection that ended badly says nothing that the peer does not know.
            _ = serving.as_mut() => return,
            () = connection.until_farewell() => serving.as_mut().graceful_shutdown(),
        }
    }
}

async fn answer<S: App>(
    app: Rc<S>,
    request: hyper::Request<Incoming>,
    connection: Arc<Connection>,
    peer: SocketAddr,
    body_limit: Duration,
) -> Answered {
    let exchange = Exchange::begin(&connection);
    let is_head = request.method() == hyper::Method::HEAD;
    let response = match request_of(request, peer, &connection, body_limit) {
        Some(request) => respond(&*app, request).await,
        None => Response::bad_request(),
    };
    Ok(response_of(response, is_head, exchange))
}

/// The same request in actix's types. `None` where those do not take it.
fn request_of(
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    connection: &Arc<Connection>,
    body_limit: Duration,
) -> Option<Request> {
    let (parts, body) = request.into_parts();
    let payload = if body.is_end_stream() {
        Payload::None
    } else {
        timed(IncomingStream(body), connection, body_limit)
    };
    let mut made = Request::with_payload(payload);
    let head = made.head_mut();
    head.method = actix::Method::from_bytes(parts.method.as_str().as_bytes()).ok()?;
    head.uri = parts.uri.to_string().parse().ok()?;
    head.version = actix::Version::HTTP_2;
    head.peer_addr = Some(peer);
    for (name, value) in &parts.headers {
        let name = actix::header::HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        let value = actix::header::HeaderValue::from_bytes(value.as_bytes()).ok()?;
        head.headers.append(name, value);
    }
    Some(made)
}

/// The same answer in hyper's types.
fn response_of(
    response: Response<BoxBody>,
    is_head: bool,
    exchange: Rc<Exchange>,
) -> hyper::Response<StreamedAnswer> {
    let status = response.status().as_u16();
    let status = hyper::StatusCode::from_u16(status);
    let mut made = hyper::HeaderMap::with_capacity(response.headers().len() + 2);
    for (name, value) in response.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        // What is a header there is one here; a difference between the two would show in tests.
        if let (Ok(name), Ok(value)) = (name, value)
            && !is_of_http1(&name)
        {
            made.append(name, value);
        }
    }
    let (_, body) = response.into_parts();
    if let (true, BodySize::Sized(size)) = (is_head, body.size()) {
        made.entry(CONTENT_LENGTH).or_insert(size.into());
    }
    let body = if is_head {
        StreamedAnswer::empty(exchange)
    } else {
        StreamedAnswer::new(body, exchange)
    };
    let mut answer = hyper::Response::new(body);
    *answer.status_mut() = status.unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    *answer.headers_mut() = made;
    answer
}

/// Fields of one connection, which HTTP/2 does not carry (RFC 9113 §8.2.2).
fn is_of_http1(name: &HeaderName) -> bool {
    use hyper::header::{CONNECTION, TRANSFER_ENCODING, UPGRADE};
    [CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name)
}

/// The body of a request as actix reads it.
struct IncomingStream(Incoming);

impl Stream for IncomingStream {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.0).poll_frame(cx)) else {
                return Poll::Ready(None);
            };
            match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(data)) => return Poll::Ready(Some(Ok(data))),
                // Trailers are for nobody here.
                Ok(Err(_)) => {}
                Err(error) => {
                    let broken = io::Error::new(io::ErrorKind::ConnectionAborted, error);
                    return Poll::Ready(Some(Err(PayloadError::Io(broken))));
                }
            }
        }
    }
}

/// Requests are answered on the worker that took their connection, as in HTTP/1.1.
#[derive(Debug, Clone, Copy)]
struct OnThisThread;

impl<F> hyper::rt::Executor<F> for OnThisThread
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, stream: F) {
        actix_rt::spawn(stream);
    }
}
