use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::a_moment;
use crate::{free_port, service};

const PATIENCE: Duration = Duration::from_secs(20);

/// A Redis of one test, which can lose what it knows.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    folder: TempDir,
}

/// What a Redis knows after it was started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// What it knew when it was last saved.
    Saved,
    /// Nothing.
    None,
}

impl RedisServer {
    /// Starts one; `None` where tests have no services.
    pub async fn start() -> Option<Self> {
        service("INSULA_TEST_REDIS")?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = launch(port, &folder);
        let server = Self {
            child,
            port,
            folder,
        };
        server.answers().await;
        Some(server)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Writes down what it knows.
    pub fn save(&self) {
        assert_eq!(self.ask("SAVE").as_deref(), Some("+OK"));
    }

    /// Ends it as a power cut would, and starts it again.
    pub async fn crash_and_restart(&mut self, memory: Memory) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        if memory == Memory::None {
            let _ = fs::remove_file(self.folder.path().join("dump.rdb"));
        }
        self.child = launch(self.port, &self.folder);
        self.answers().await;
    }

    /// Tells everybody who listens to a channel.
    pub fn publish(&self, channel: &str, word: &str) {
        let word = word.replace('\\', "\\\\").replace('"', "\\\"");
        let heard = self.ask(&format!("PUBLISH {channel} \"{word}\""));
        assert!(heard.is_some_and(|heard| heard.starts_with(':')));
    }

    async fn answers(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.ask("PING").as_deref() != Some("+PONG") {
            assert!(Instant::now() < deadline, "redis-server does not answer");
            a_moment().await;
        }
    }

    /// One command, one line of an answer.
    fn ask(&self, command: &str) -> Option<String> {
        let mut wire = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        wire.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        let (mut line, mut byte) = (Vec::new(), [0]);
        while wire.read(&mut byte).ok()? == 1 && byte != *b"\r" {
            line.extend(byte);
        }
        String::from_utf8(line).ok()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(port: u16, folder: &TempDir) -> Child {
    let started = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    started.unwrap_or_else(|error| panic!("redis-server: {error}"))
}
