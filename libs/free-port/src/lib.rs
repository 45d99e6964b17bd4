//! Ports for servers that tests, tasks and benchmarks start.
//!
//! Owns which port a process is given that begins to listen only later. Owns no process.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that systems give to outgoing connections and to whoever asks for any port: one of
/// those would be taken between here and the start of the server that is to listen there.
const PORTS: Range<u16> = 10_240..32_000;

/// A loopback port that nobody listens on now, and that nobody else in this process was given.
pub fn free_port() -> std::io::Result<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Processes that run at once begin in different places.
    next(std::process::id().wrapping_mul(97), &GIVEN)
}

fn next(first: u32, given: &AtomicU32) -> std::io::Result<u16> {
    for _ in PORTS {
        let number = first.wrapping_add(given.fetch_add(1, Ordering::Relaxed));
        let within = number % u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(within).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    let (first, last) = (PORTS.start, PORTS.end - 1);
    let cause = format!("a server listens on every port from {first} to {last}");
    Err(Error::new(ErrorKind::AddrInUse, cause))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_that_outgoing_connections_are_given() {
        let given: HashSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(given.len(), 200);
        assert!(given.iter().all(|port| PORTS.contains(port)), "{given:?}");
    }

    #[test]
    fn a_port_on_which_somebody_listens_is_passed_over() {
        let given = AtomicU32::new(0);
        let first = next(7, &given).unwrap();
        let held = first + 1;
        // Where that fails somebody listens there already.
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, held));
        assert_ne!(next(7, &given).unwrap(), held);
    }
}
