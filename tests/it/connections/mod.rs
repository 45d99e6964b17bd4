//! What a stranger's connection may hold of the process, and how connections end when it leaves.

mod deadlines;
mod http2;
mod leaving;
mod limits;
mod rolling;

use insula_tests::{Agent, Deployment, Process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::shared_server;

const HOST: &str = "hooli.localhost";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A deployment of one tenant, with a line of settings.
fn deployment_with(setting: &str) -> Deployment {
    Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .setting(setting)
        .done()
}

async fn connect(process: &Process) -> TcpStream {
    TcpStream::connect(("127.0.0.1", process.port))
        .await
        .unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
}

/// Sends a request and reads the whole of its answer; answers its head.
async fn ask(io: &mut TcpStream, request: &str) -> String {
    io.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next());
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return head;
            }
        }
        let came = io.read_buf(&mut answer).await.unwrap();
        assert!(came > 0, "closed: {}", String::from_utf8_lossy(&answer));
    }
}

/// A client that knows where the tenant is.
fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .resolve(HOST, ([127, 0, 0, 1], 0).into())
        .redirect(reqwest::redirect::Policy::none())
}

/// Waits until the server closes.
async fn until_closed(io: &mut TcpStream) {
    let mut sink = [0; 4096];
    let closing = async { while matches!(io.read(&mut sink).await, Ok(1..)) {} };
    let limit = std::time::Duration::from_secs(30);
    let closed = tokio::time::timeout(limit, closing).await;
    closed.expect("the server closes the connection");
}

/// How many connections the server closed for a reason.
async fn closed_for(process: &Process, reason: &str) -> f64 {
    let label = format!("reason=\"{reason}\"");
    let metrics = process.metrics().await;
    metrics.sum("insula_connections_closed_total", &[&label])
}

/// Somebody else, who is to be served whatever happens.
async fn a_neighbour_is_served(process: &Process) {
    let url = format!("http://{HOST}:{}{DISCOVERY}", process.port);
    Agent::new().get(url).await.expect(200);
    let ready = process.telemetry("/healthz/ready");
    Agent::new().get(ready).await.expect(200);
}
