use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::web::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::connection::Connection;

/// A stream, encrypted or not, that tells its connection what comes and what does not go.
pub(crate) struct Guarded {
    io: Wire,
    connection: Arc<Connection>,
    /// What was read before the protocol was known.
    first: Bytes,
    is_blocked: bool,
    has_looked_at_head: bool,
}

pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Guarded {
    pub(crate) fn new(io: Wire, connection: Arc<Connection>, first: Bytes) -> Self {
        Self {
            io,
            connection,
            first,
            is_blocked: false,
            has_looked_at_head: false,
        }
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    fn noted(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.connection.step();
        }
        match &polled {
            Poll::Pending => self.blocked(),
            Poll::Ready(Ok(bytes)) if self.is_blocked => self.connection.wrote(*bytes),
            Poll::Ready(_) => {}
        }
        polled
    }

    fn blocked(&mut self) {
        if !self.is_blocked {
            self.is_blocked = true;
            self.connection.write_blocked();
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.first.is_empty() {
            let part = this.first.len().min(buffer.remaining());
            buffer.put_slice(&this.first.split_to(part));
            return Poll::Ready(Ok(()));
        }
        if this.connection.is_head_full() {
            if this.has_looked_at_head {
                let large = io::Error::new(io::ErrorKind::InvalidData, "the head is too large");
                return Poll::Ready(Err(large));
            }
            // What was read may end the head: the reader looks first, then comes again.
            this.has_looked_at_head = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.has_looked_at_head = false;
        let before = buffer.filled().len();
        let polled = this.io.poll_read(cx, buffer);
        let came = buffer.filled().len() - before;
        if came > 0 {
            this.connection.step();
            this.connection.read(came);
        }
        polled
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = match &mut this.io {
            Wire::Plain(io) => Pin::new(io).poll_write(cx, bytes),
            Wire::Tls(io) => Pin::new(io).poll_write(cx, bytes),
        };
        this.noted(polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = match &mut this.io {
            Wire::Plain(io) => Pin::new(io).poll_write_vectored(cx, bytes),
            Wire::Tls(io) => Pin::new(io).poll_write_vectored(cx, bytes),
        };
        this.noted(polled)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Wire::Plain(io) => io.is_write_vectored(),
            Wire::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = match &mut this.io {
            Wire::Plain(io) => Pin::new(io).poll_flush(cx),
            Wire::Tls(io) => Pin::new(io).poll_flush(cx),
        };
        match &polled {
            Poll::Pending => this.blocked(),
            Poll::Ready(_) if this.is_blocked => {
                this.is_blocked = false;
                this.connection.flushed();
            }
            Poll::Ready(_) => {}
        }
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Wire::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Wire::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

impl Wire {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buffer),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buffer),
        }
    }
}
