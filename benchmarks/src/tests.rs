use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use crate::raw::Signer;
use crate::storm::{median, quantile};
use crate::wire::{Wire, get};

/// A server that answers one connection with what it is given, in the pieces it is given.
fn a_server(pieces: &'static [&'static str]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 1024];
        let _ = stream.read(&mut asked).unwrap();
        for piece in pieces {
            stream.write_all(piece.as_bytes()).unwrap();
        }
    });
    port
}

#[tokio::test]
async fn an_answer_is_read_whole_however_it_is_cut() {
    let port = a_server(&[
        "HTTP/1.1 200 OK\r\nContent-",
        "Length: 5\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nhe",
        "llo",
    ]);
    let mut wire = Wire::open(port).await.unwrap();
    let answer = wire.ask(&get("one.localhost", "/keys")).await.unwrap();
    assert_eq!((answer.status, answer.body), (200, "hello".as_bytes()));
    let cookies: Vec<_> = answer.headers("set-cookie").collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[tokio::test]
async fn an_unexpected_status_is_told_with_what_was_said() {
    let port = a_server(&["HTTP/1.1 503 x\r\ncontent-length: 4\r\n\r\nbusy"]);
    let mut wire = Wire::open(port).await.unwrap();
    let answer = wire.ask(&get("one.localhost", "/keys")).await.unwrap();
    let error = answer.expect(200).err().unwrap().to_string();
    assert_eq!(error, "answered 503 instead of 200: busy");
}

#[test]
fn the_value_in_the_middle_is_one_that_was_seen() {
    assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
    assert!((quantile(&hundred, 0.99) - 99.0).abs() < f64::EPSILON);
    assert!(median(&[]).abs() < f64::EPSILON);
}

#[test]
fn raw_signatures_are_counted() {
    let signer = Signer::for_token("aaaa.bbbb.cccc").unwrap();
    let rate = signer.rate(&[0], Duration::from_millis(20)).unwrap();
    assert!(rate.per_second > 0.0);
}
