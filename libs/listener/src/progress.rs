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
mod tests {
    use super::*;

    const SECOND: u64 = 1000;

    fn limits() -> Limits {
        Limits {
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(10),
            body: Duration::from_secs(20),
            write: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            per_peer: 10,
            total: 100,
            exempt: Vec::new(),
        }
    }

    fn at(progress: &mut Progress, seconds: u64) -> Verdict {
        progress.verdict(&limits(), seconds * SECOND)
    }

    #[test]
    fn a_handshake_that_never_ends_is_cut() {
        let mut one = Progress::new(Stage::Handshake, 0);
        assert_eq!(at(&mut one, 5), Verdict::Fine);
        assert_eq!(at(&mut one, 6), Verdict::Cut(Cause::Handshake));
    }

    #[test]
    fn a_connection_that_sends_nothing_is_cut() {
        for stage in [Stage::Http1, Stage::Http2] {
            let mut one = Progress::new(stage, 0);
            assert_eq!(at(&mut one, 10), Verdict::Fine);
            assert_eq!(at(&mut one, 11), Verdict::Cut(Cause::Head), "{stage:?}");
        }
    }

    #[test]
    fn a_byte_now_and_then_does_not_stretch_the_time_for_a_head() {
        let mut one = Progress::new(Stage::Http1, 0);
        for second in 3..13 {
            one.read(1, second * SECOND).unwrap();
        }
        assert_eq!(at(&mut one, 13), Verdict::Fine);
        assert_eq!(at(&mut one, 14), Verdict::Cut(Cause::Head));
    }

    #[test]
    fn the_head_of_a_later_request_has_its_time_too() {
        let mut one = Progress::new(Stage::Http1, 0);
        one.read(100, 0).unwrap();
        one.began();
        one.ended(true, SECOND).unwrap();
        one.read(1, 40 * SECOND).unwrap();
        assert_eq!(at(&mut one, 50), Verdict::Fine);
        assert_eq!(at(&mut one, 51), Verdict::Cut(Cause::Head));
    }

    #[test]
    fn who_has_asked_may_rest_for_the_keep_alive_and_no_longer() {
        let mut one = Progress::new(Stage::Http1, 0);
        one.began();
        assert_eq!(at(&mut one, 500), Verdict::Fine);
        one.ended(true, 500 * SECOND).unwrap();
        assert_eq!(at(&mut one, 575), Verdict::Fine);
        assert_eq!(at(&mut one, 576), Verdict::Cut(Cause::Idle));
    }

    #[test]
    fn an_idle_http_2_connection_is_told_before_it_is_cut() {
        let mut one = Progress::new(Stage::Http2, 0);
        one.began();
        one.ended(true, 0).unwrap();
        assert_eq!(at(&mut one, 76), Verdict::Farewell);
        assert_eq!(at(&mut one, 86), Verdict::Fine);
        assert_eq!(at(&mut one, 87), Verdict::Cut(Cause::Idle));
    }

    #[test]
    fn pings_do_not_keep_a_connection() {
        let mut one = Progress::new(Stage::Http2, 0);
        one.began();
        one.ended(true, 0).unwrap();
        for second in 1..76 {
            one.read(17, second * SECOND).unwrap();
        }
        assert_eq!(at(&mut one, 76), Verdict::Farewell);
    }

    #[test]
    fn a_flood_of_frames_that_ask_nothing_is_cut() {
        let mut one = Progress::new(Stage::Http2, 0);
        one.began();
        let mut sent = 0;
        while one.read(17, 0).is_ok() {
            sent += 17;
        }
        assert!((UNASKED_BYTES - 17..=UNASKED_BYTES).contains(&sent));
        one.took_body();
        assert_eq!(one.read(17, 0), Ok(()));
    }

    #[test]
    fn a_peer_that_reads_nothing_is_cut_and_one_that_reads_gets_time_for_it() {
        let mut one = Progress::new(Stage::Http1, 0);
        one.began();
        one.write_blocked(0);
        assert_eq!(at(&mut one, 30), Verdict::Fine);
        assert_eq!(at(&mut one, 31), Verdict::Cut(Cause::Write));
        one.wrote(10 * 8 * 1024);
        assert_eq!(at(&mut one, 40), Verdict::Fine);
        assert_eq!(at(&mut one, 41), Verdict::Cut(Cause::Write));
        one.flushed();
        assert_eq!(at(&mut one, 400), Verdict::Fine);
    }

    #[test]
    fn an_answer_behind_a_closed_window_is_not_kept_for_ever() {
        let mut one = Progress::new(Stage::Http2, 0);
        one.began();
        one.offered(1000, 1000, 0).unwrap();
        assert_eq!(at(&mut one, 30), Verdict::Fine);
        one.taken(1, 1, 20 * SECOND);
        assert_eq!(at(&mut one, 50), Verdict::Fine);
        assert_eq!(at(&mut one, 51), Verdict::Cut(Cause::Write));
    }

    #[test]
    fn unread_answers_are_bounded_but_a_single_large_one_is_not() {
        let mut one = Progress::new(Stage::Http2, 0);
        assert_eq!(one.offered(9 * HELD_BYTES, 9 * HELD_BYTES, 0), Ok(()));
        assert_eq!(one.offered(1, 1, 0), Err(Cause::Unread));
        let mut shared = Progress::new(Stage::Http2, 0);
        for _ in 0..9 {
            assert_eq!(shared.offered(HELD_BYTES, 0, 0), Ok(()));
        }
    }

    #[test]
    fn giving_up_requests_is_counted_against_finishing_them() {
        let mut one = Progress::new(Stage::Http2, 0);
        for _ in 0..10 * ABANDONED {
            one.began();
            one.ended(false, 0).unwrap();
            one.began();
            one.ended(true, 0).unwrap();
        }
        let reset = |one: &mut Progress| {
            one.began();
            one.ended(false, 0)
        };
        for _ in 0..ABANDONED {
            reset(&mut one).unwrap();
        }
        assert_eq!(reset(&mut one), Err(Cause::Resets));
    }

    #[test]
    fn a_head_has_a_size_and_a_body_is_no_head() {
        let mut one = Progress::new(Stage::Http1, 0);
        one.read(HEAD_BYTES - 1, 0).unwrap();
        assert!(!one.is_head_full());
        one.read(1, 0).unwrap();
        assert!(one.is_head_full());
        one.began();
        one.read(HEAD_BYTES, 0).unwrap();
        assert!(!one.is_head_full());
    }
}
