//! The wire that outages are made with does what it is told, and at the request it is told.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use insula_tests::{ConnectionFault, Relay};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const LONG: Duration = Duration::from_millis(300);

/// A service that answers every line with itself, and remembers it.
async fn echo() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(String::new()));
    let ears = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut wire, _)) = listener.accept().await {
            let ears = Arc::clone(&ears);
            tokio::spawn(async move {
                let mut said = [0; 64];
                while let Ok(length @ 1..) = wire.read(&mut said).await {
                    let line = std::str::from_utf8(&said[..length]).unwrap();
                    ears.lock().unwrap().push_str(line);
                    if wire.write_all(&said[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, heard)
}

/// Says a line and answers what comes back, nothing if the connection ends.
async fn ask(wire: &mut TcpStream, line: &str) -> String {
    let mut answer = vec![0; 64];
    if wire.write_all(line.as_bytes()).await.is_err() {
        return String::new();
    }
    let length = wire.read(&mut answer).await.unwrap_or(0);
    String::from_utf8(answer[..length].to_vec()).unwrap()
}

async fn connected(relay: &Relay) -> TcpStream {
    let place = ("127.0.0.1", relay.port);
    TcpStream::connect(place).await.unwrap()
}

#[tokio::test]
async fn requests_are_counted_by_what_they_carry_also_where_it_comes_in_two_pieces() {
    let (url, _) = echo().await;
    let (relay, _) = Relay::before(&url).await;
    relay.watch_for("ours");
    let mut wire = connected(&relay).await;
    for line in ["ours 1", "other", "not ou", "rs, or is it"] {
        assert_eq!(ask(&mut wire, line).await, line);
    }
    assert_eq!(relay.requests(), 2);
    assert!(!relay.has_struck());
}

#[tokio::test]
async fn a_cut_before_a_request_keeps_it_from_the_service_and_one_after_it_keeps_the_answer() {
    for (fault, heard_of_it) in [
        (ConnectionFault::CutBefore, ""),
        (ConnectionFault::CutAfter, "ours 2"),
    ] {
        let (url, heard) = echo().await;
        let (relay, _) = Relay::before(&url).await;
        relay.watch_for("ours");
        relay.strike_at(2, fault);
        let (mut wire, mut beside) = (connected(&relay).await, connected(&relay).await);
        assert_eq!(ask(&mut beside, "x").await, "x");
        assert_eq!(ask(&mut wire, "ours 1").await, "ours 1");
        assert_eq!(ask(&mut wire, "ours 2").await, "", "{fault:?}");
        assert!(relay.has_struck());
        assert_eq!(*heard.lock().unwrap(), format!("xours 1{heard_of_it}"));
        assert_eq!(ask(&mut beside, "x").await, "", "all connections end");
        // New ones are taken at once, and nothing more happens to them.
        let mut wire = connected(&relay).await;
        assert_eq!(ask(&mut wire, "ours 3").await, "ours 3");
    }
}

#[tokio::test]
async fn a_stall_holds_its_direction_and_then_lets_go_of_every_byte() {
    for fault in [
        ConnectionFault::StallRequests(LONG),
        ConnectionFault::StallAnswers(LONG),
        ConnectionFault::StallConnection(LONG),
    ] {
        let (url, _) = echo().await;
        let (relay, _) = Relay::before(&url).await;
        relay.watch_for("ours");
        relay.strike_at(1, fault);
        let mut wire = connected(&relay).await;
        let began = Instant::now();
        assert_eq!(ask(&mut wire, "ours").await, "ours");
        assert!(began.elapsed() >= LONG, "{fault:?}");
        relay.flows().await;
    }
    let (url, _) = echo().await;
    let (relay, _) = Relay::before(&url).await;
    let mut wire = connected(&relay).await;
    assert_eq!(ask(&mut wire, "before").await, "before");
    let began = Instant::now();
    relay.stall(LONG);
    assert_eq!(ask(&mut wire, "after").await, "after");
    assert!(began.elapsed() >= LONG);
}

#[tokio::test]
async fn what_a_stall_holds_arrives_although_its_sender_has_left() {
    let (url, heard) = echo().await;
    let (relay, _) = Relay::before(&url).await;
    relay.watch_for("ours");
    relay.strike_at(1, ConnectionFault::StallConnection(LONG));
    let mut wire = connected(&relay).await;
    wire.write_all(b"ours").await.unwrap();
    drop(wire);
    let mut other = connected(&relay).await;
    assert_eq!(ask(&mut other, "first,").await, "first,");
    while !heard.lock().unwrap().ends_with("ours") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(*heard.lock().unwrap(), "first,ours");
}
