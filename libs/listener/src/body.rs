//! Bodies in both directions, each telling its connection how it goes.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::error::PayloadError;
use actix_http::{BoxedPayloadStream, Payload};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use futures_util::Stream;
use hyper::body::{Body, Buf, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::connection::{Connection, Exchange};
use crate::progress::Cause;

/// The body of a request, which must come within its time.
struct TimedPayload<S> {
    inner: S,
    connection: Arc<Connection>,
    limit: Duration,
    /// Set at the first wait: most bodies come with their head and need no timer.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// Bounds the time a body takes.
pub(crate) fn timed<S>(inner: S, connection: &Arc<Connection>, limit: Duration) -> Payload
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
{
    let timed = TimedPayload {
        inner,
        connection: Arc::clone(connection),
        limit,
        deadline: None,
    };
    Payload::from(Box::pin(timed) as BoxedPayloadStream)
}

impl<S> Stream for TimedPayload<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Poll::Ready(item) = Pin::new(&mut this.inner).poll_next(cx) {
            this.connection.took_body();
            return Poll::Ready(item);
        }
        let limit = this.limit;
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(deadline.as_mut().poll(cx));
        this.connection.count(Cause::Body);
        let late = io::Error::new(io::ErrorKind::TimedOut, "the body did not come in time");
        Poll::Ready(Some(Err(PayloadError::Io(late))))
    }
}

/// The body of an HTTP/1.1 answer.
pub(crate) struct Answer {
    body: BoxBody,
    /// Dropped with the body, which ends the request.
    _exchange: Option<Rc<Exchange>>,
}

impl Answer {
    pub(crate) fn new(body: BoxBody, exchange: Option<Rc<Exchange>>) -> Self {
        Self {
            body,
            _exchange: exchange,
        }
    }
}

impl MessageBody for Answer {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}

/// The body of an HTTP/2 answer.
pub(crate) struct StreamedAnswer {
    rest: Rest,
    exchange: Rc<Exchange>,
}

enum Rest {
    Nothing,
    Whole(Bytes),
    Stream(BoxBody),
}

impl StreamedAnswer {
    pub(crate) fn new(body: BoxBody, exchange: Rc<Exchange>) -> Self {
        let rest = match body.size() {
            BodySize::None | BodySize::Sized(0) => Rest::Nothing,
            _ => match body.try_into_bytes() {
                Ok(bytes) => {
                    exchange.offer(bytes.len(), bytes.is_unique());
                    Rest::Whole(bytes)
                }
                Err(body) => Rest::Stream(body),
            },
        };
        Self { rest, exchange }
    }

    /// An answer without a body, whatever its size would be: to HEAD.
    pub(crate) fn empty(exchange: Rc<Exchange>) -> Self {
        let rest = Rest::Nothing;
        Self { rest, exchange }
    }
}

impl Body for StreamedAnswer {
    type Data = Chunk;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, Self::Error>>> {
        let this = self.get_mut();
        let exchange = Rc::clone(&this.exchange);
        match std::mem::replace(&mut this.rest, Rest::Nothing) {
            Rest::Nothing => {
                exchange.is_whole();
                Poll::Ready(None)
            }
            Rest::Whole(bytes) => {
                exchange.is_whole();
                Poll::Ready(Some(Ok(Frame::data(Chunk { bytes, exchange }))))
            }
            Rest::Stream(mut body) => {
                let polled = Pin::new(&mut body).poll_next(cx);
                if polled.is_pending() || matches!(polled, Poll::Ready(Some(Ok(_)))) {
                    this.rest = Rest::Stream(body);
                }
                match ready!(polled) {
                    None => {
                        exchange.is_whole();
                        Poll::Ready(None)
                    }
                    Some(Ok(bytes)) => {
                        exchange.offer(bytes.len(), bytes.is_unique());
                        Poll::Ready(Some(Ok(Frame::data(Chunk { bytes, exchange }))))
                    }
                    Some(Err(error)) => Poll::Ready(Some(Err(error.to_string().into()))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let is_end = matches!(self.rest, Rest::Nothing);
        if is_end {
            self.exchange.is_whole();
        }
        is_end
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Rest::Nothing => SizeHint::with_exact(0),
            Rest::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Rest::Stream(body) => match body.size() {
                BodySize::Sized(size) => SizeHint::with_exact(size),
                _ => SizeHint::default(),
            },
        }
    }
}

/// A part of an HTTP/2 answer; it counts as unread until it was written to the connection, which a
/// closed window can put off for ever.
pub(crate) struct Chunk {
    bytes: Bytes,
    exchange: Rc<Exchange>,
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.exchange.taken(count);
    }
}
