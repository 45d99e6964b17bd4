//! What one connection is doing, and whether it takes too long for it: arithmetic, without a clock.

use std::time::Duration;

use crate::limits::{ABANDONED, HEAD_BYTES, HELD_BYTES, Limits, SLOWEST_READ, UNASKED_BYTES};

/// Why a connection was closed by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Handshake,
    Head,
    Body,
    Write,
    Idle,
    /// It sent much and asked nothing.
    Flood,
    /// It gave up too many requests.
    Resets,
    /// It left too much unread.
    Unread,
    /// It waited, and another needed its place.
    Crowded,
    /// The process is going down.
    Shutdown,
}

impl Cause {
    pub(crate) const ALL: [Self; 10] = [
        Self::Handshake,
        Self::Head,
        Self::Body,
        Self::Write,
        Self::Idle,
        Self::Flood,
        Self::Resets,
        Self::Unread,
        Self::Crowded,
        Self::Shutdown,
    ];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Head => "head",
            Self::Body => "body",
            Self::Write => "write",
            Self::Idle => "idle",
            Self::Flood => "flood",
            Self::Resets => "resets",
            Self::Unread => "unread",
            Self::Crowded => "crowded",
            Self::Shutdown => "shutdown",
        }
    }
}

/// What is to be done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    /// Tell it that no further request is wanted.
    Farewell,
    Cut(Cause),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Handshake,
    Http1,
    Http2,
}

/// One connection. All times are milliseconds of one monotonic clock.
#[derive(Debug)]
pub(crate) struct Progress {
    stage: Stage,
    /// When it was opened, or began to wait for a request.
    since: u64,
    has_asked: bool,
    under_way: u32,
    head_since: Option<u64>,
    unasked: usize,
    blocked: Option<Blocked>,
    /// Bytes of HTTP/2 answers that were not written yet; since when none of them was.
    unread: usize,
    unread_since: u64,
    /// Those of them that nothing else keeps in memory.
    held: usize,
    abandoned: u32,
    farewell: bool,
}

/// A write that the peer does not take.
#[derive(Debug, Clone, Copy)]
struct Blocked {
    since: u64,
    written: u64,
}

impl Progress {
    pub(crate) fn new(stage: Stage, now: u64) -> Self {
        Self {
            stage,
            since: now,
            has_asked: false,
            under_way: 0,
            head_since: None,
            unasked: 0,
            blocked: None,
            unread: 0,
            unread_since: now,
            held: 0,
            abandoned: 0,
            farewell: false,
        }
    }

    /// What it speaks is known now.
    pub(crate) fn speaks(&mut self, stage: Stage, now: u64) {
        if self.stage == Stage::Handshake {
            self.since = now;
        }
        self.stage = stage;
        self.head_since = None;
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.stage == Stage::Http2
    }

    /// Whether it waits for a request.
    pub(crate) fn is_waiting(&self) -> bool {
        self.under_way == 0
    }

    /// Whether a request ever began on it.
    pub(crate) fn has_asked(&self) -> bool {
        self.has_asked
    }

    /// Since when it waits for a request.
    pub(crate) fn resting(&self) -> Option<u64> {
        self.is_waiting().then_some(self.since)
    }

    /// Bytes came.
    pub(crate) fn read(&mut self, bytes: usize, now: u64) -> Result<(), Cause> {
        self.unasked = self.unasked.saturating_add(bytes);
        match self.stage {
            Stage::Http1 if self.is_waiting() => {
                self.head_since.get_or_insert(now);
                Ok(())
            }
            Stage::Http2 if self.unasked > UNASKED_BYTES => Err(Cause::Flood),
            _ => Ok(()),
        }
    }

    /// Whether more came than a head may have. What came must be looked at before more is read.
    pub(crate) fn is_head_full(&self) -> bool {
        self.stage == Stage::Http1 && self.is_waiting() && self.unasked >= HEAD_BYTES
    }

    /// A part of a body was taken.
    pub(crate) fn took_body(&mut self) {
        self.unasked = 0;
    }

    /// A request began.
    pub(crate) fn began(&mut self) {
        self.under_way += 1;
        self.has_asked = true;
        self.head_since = None;
        self.unasked = 0;
    }

    /// A request ended, whole or given up.
    pub(crate) fn ended(&mut self, is_whole: bool, now: u64) -> Result<(), Cause> {
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0 {
            self.since = now;
        }
        if is_whole {
            self.abandoned = self.abandoned.saturating_sub(1);
            return Ok(());
        }
        self.abandoned += 1;
        if self.abandoned > ABANDONED {
            return Err(Cause::Resets);
        }
        Ok(())
    }

    /// The peer takes no more bytes now.
    pub(crate) fn write_blocked(&mut self, now: u64) {
        self.blocked.get_or_insert(Blocked {
            since: now,
            written: 0,
        });
    }

    /// It took some.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        if let Some(blocked) = &mut self.blocked {
            blocked.written = blocked.written.saturating_add(bytes as u64);
        }
    }

    /// It took all there were.
    pub(crate) fn flushed(&mut self) {
        self.blocked = None;
    }

    /// An answer is there to be read; `held` bytes of it are kept for this connection alone.
    pub(crate) fn offered(&mut self, bytes: usize, held: usize, now: u64) -> Result<(), Cause> {
        if self.unread == 0 {
            self.unread_since = now;
        }
        let others = self.held;
        self.unread += bytes;
        self.held += held;
        // One answer alone may have any size.
        if others > 0 && self.held > HELD_BYTES {
            return Err(Cause::Unread);
        }
        Ok(())
    }

    /// A part of an answer left, or the answer was dropped.
    pub(crate) fn taken(&mut self, bytes: usize, held: usize, now: u64) {
        self.unread = self.unread.saturating_sub(bytes);
        self.held = self.held.saturating_sub(held);
        self.unread_since = now;
    }

    /// Whether it takes too long.
    pub(crate) fn verdict(&mut self, limits: &Limits, now: u64) -> Verdict {
        let over = |since: u64, limit: Duration| now.saturating_sub(since) > millis(limit);
        if self.stage == Stage::Handshake {
            return cut_if(over(self.since, limits.handshake), Cause::Handshake);
        }
        if let Some(blocked) = self.blocked {
            let earned = Duration::from_millis(blocked.written * 1000 / SLOWEST_READ);
            if over(blocked.since, limits.write + earned) {
                return Verdict::Cut(Cause::Write);
            }
        }
        if self.unread > 0 && over(self.unread_since, limits.write) {
            return Verdict::Cut(Cause::Write);
        }
        if !self.is_waiting() {
            return Verdict::Fine;
        }
        if let Some(since) = self.head_since {
            return cut_if(over(since, limits.head), Cause::Head);
        }
        let (limit, cause) = if self.has_asked && !self.farewell {
            (limits.keep_alive, Cause::Idle)
        } else if self.has_asked {
            (limits.head, Cause::Idle)
        } else {
            (limits.head, Cause::Head)
        };
        if !over(self.since, limit) {
            return Verdict::Fine;
        }
        if self.is_http2() && !self.farewell && self.has_asked {
            self.farewell = true;
            self.since = now;
            return Verdict::Farewell;
        }
        Verdict::Cut(cause)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

const fn cut_if(is_over: bool, cause: Cause) -> Verdict {
    if is_over {
        Verdict::Cut(cause)
    } else {
        Verdict::Fine
    }
}

#[cfg(test)]
mod tests;
