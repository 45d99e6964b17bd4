use std::time::Duration;

use ipnet::IpNet;

/// How long a connection may take for what, and how many there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From the accepted connection to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request, or from the start of a connection that sends nothing, to
    /// the end of the request's head.
    pub head: Duration,
    /// From the first wait for a request's body to its end.
    pub body: Duration,
    /// How long an answer may wait for a client that does not read; a client that reads gets more
    /// by a second for every 8 KiB.
    pub write: Duration,
    /// How long a connection may stay without a request after its last one.
    pub keep_alive: Duration,
    /// Connections of one peer address; of one /64 in IPv6.
    pub per_peer: usize,
    /// Connections of all.
    pub total: usize,
    /// Peers that carry many people, and have no limit of their own.
    pub exempt: Vec<IpNet>,
}

/// Bytes a second that a client must read while an answer waits for it.
pub(crate) const SLOWEST_READ: u64 = 8 * 1024;
/// The head of an HTTP/1.1 request: the request line and all fields.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;
/// The header list of an HTTP/2 request, as RFC 9113 §6.5.2 counts it.
pub(crate) const HEADER_LIST_BYTES: u32 = 32 * 1024;
/// Requests under way on one HTTP/2 connection.
pub(crate) const STREAMS: u32 = 64;
/// What one HTTP/2 connection may send without a request that begins or a body that is read: pings,
/// settings and refused header lists cost no more than this.
pub(crate) const UNASKED_BYTES: usize = 256 * 1024;
/// Requests given up before their answer, beyond those that were let finish.
pub(crate) const ABANDONED: u32 = 200;
/// Answers made for one HTTP/2 connection that it does not read.
pub(crate) const HELD_BYTES: usize = 2 * 1024 * 1024;
/// The same for all connections of one peer.
pub(crate) const HELD_BYTES_OF_A_PEER: usize = 8 * 1024 * 1024;
/// What a stream, and a connection, may send of bodies that nobody read yet.
pub(crate) const STREAM_WINDOW: u32 = 64 * 1024;
pub(crate) const CONNECTION_WINDOW: u32 = 128 * 1024;
/// What HTTP/2 buffers of one answer on its way out.
pub(crate) const SEND_BUFFER: usize = 64 * 1024;
