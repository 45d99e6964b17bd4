//! Every deadline ends what it is for, after the time that was set and not before.

use std::time::{Duration, Instant};

use insula_tests::free_port;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{DISCOVERY, HOST, ask, closed_for, connect, deployment_with, get, until_closed};

const SHORT: Duration = Duration::from_millis(400);

#[tokio::test]
async fn a_connection_that_sends_nothing_or_half_a_head_is_closed() {
    let deployment = deployment_with("connections: { headTimeout: 400ms }");
    let process = deployment.open().await;
    for (number, sent) in ["", "GET / HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
        .into_iter()
        .enumerate()
    {
        let began = Instant::now();
        let mut io = connect(&process).await;
        io.write_all(sent.as_bytes()).await.unwrap();
        until_closed(&mut io).await;
        assert!(began.elapsed() >= SHORT, "{sent:?}");
        let closed = closed_for(&process, "head").await;
        assert_eq!(closed, number as f64 + 1.0, "{sent:?}");
    }
}

#[tokio::test]
async fn the_head_of_a_second_request_has_no_more_time_than_the_first() {
    // Long enough for the first head on a machine that has much else to do.
    let deployment = deployment_with("connections: { headTimeout: 3s }");
    let process = deployment.open().await;
    let mut io = connect(&process).await;
    let answer = ask(&mut io, &get(DISCOVERY)).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    // Bytes that come do not stretch it.
    let trickling = async {
        let (mut reader, mut writer) = io.split();
        let mut sink = [0; 4096];
        loop {
            tokio::select! {
                read = reader.read(&mut sink) => if !matches!(read, Ok(1..)) { return },
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    if writer.write_all(b"G").await.is_err() { return }
                }
            }
        }
    };
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, trickling).await.unwrap();
    assert_eq!(closed_for(&process, "head").await, 1.0);
}

#[tokio::test]
async fn a_connection_rests_between_requests_as_long_as_was_set() {
    let deployment = deployment_with("connections: { idleTimeout: 400ms }");
    let process = deployment.open().await;
    let mut io = connect(&process).await;
    let began = Instant::now();
    ask(&mut io, &get(DISCOVERY)).await;
    until_closed(&mut io).await;
    assert!(began.elapsed() >= SHORT);
    assert_eq!(closed_for(&process, "idle").await, 1.0);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let port = free_port();
    let deployment = deployment_with(&format!(
        "listen: {{ https: \"127.0.0.1:{port}\" }}\n\
         tls: {{ cert: one.pem, key: one.key }}\n\
         connections: {{ handshakeTimeout: 400ms }}"
    ));
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    std::fs::write(deployment.folder().join("one.pem"), made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_pem();
    std::fs::write(deployment.folder().join("one.key"), key).unwrap();
    let process = deployment.open().await;
    for sent in [&b""[..], &[22, 3, 1]] {
        let began = Instant::now();
        let mut io = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        io.write_all(sent).await.unwrap();
        until_closed(&mut io).await;
        assert!(began.elapsed() >= SHORT);
    }
    assert_eq!(closed_for(&process, "handshake").await, 2.0);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_and_the_connection_ends() {
    let deployment = deployment_with("connections: { bodyTimeout: 400ms }");
    let process = deployment.open().await;
    let mut io = connect(&process).await;
    let began = Instant::now();
    let request = format!(
        "POST /token HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type="
    );
    let answer = ask(&mut io, &request).await;
    assert!(answer.starts_with("http/1.1 400"), "{answer}");
    until_closed(&mut io).await;
    assert!(began.elapsed() >= SHORT);
    assert_eq!(closed_for(&process, "body").await, 1.0);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let deployment = deployment_with("connections: { writeTimeout: 400ms }");
    let process = deployment.open().await;
    let mut io = connect(&process).await;
    // More answers than the kernel keeps for a client.
    let many = get(DISCOVERY).repeat(200);
    let sending = async { while io.write_all(many.as_bytes()).await.is_ok() {} };
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, sending).await.unwrap();
    assert_eq!(closed_for(&process, "write").await, 1.0);
}

#[tokio::test]
async fn a_head_beyond_all_measure_ends_its_connection() {
    let deployment = deployment_with("connections: { headTimeout: 1m }");
    let process = deployment.open().await;
    let mut io = connect(&process).await;
    let large = format!(
        "GET / HTTP/1.1\r\nHost: {HOST}\r\nCookie: {}",
        "a".repeat(1024 * 1024)
    );
    let _ = io.write_all(large.as_bytes()).await;
    until_closed(&mut io).await;
    let mut io = connect(&process).await;
    let honest = get(DISCOVERY).replace(
        "\r\n\r\n",
        &format!("\r\nCookie: {}\r\n\r\n", "a".repeat(30_000)),
    );
    let answer = ask(&mut io, &honest).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
}
