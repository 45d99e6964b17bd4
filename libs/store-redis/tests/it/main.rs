//! The Redis form against real servers.
//!
//! `INSULA_TEST_REDIS` names a server to share; without it each test starts a `redis-server` of its
//! own on a free loopback port. Where there is neither, the tests skip loudly, or fail if
//! `INSULA_REQUIRE_SERVICES` is 1.

#![expect(clippy::unwrap_used, reason = "a test speaks by failing")]

mod bus;
mod conformance;
mod epoch;
mod layout;
mod outage;
mod sentinel;
mod server;
