use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use insula_ambient::{Entropy as _, SystemEntropy};
use insula_store_redis::RedisOptions;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

/// The longest anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A `redis-server` of one test, which goes with it.
pub(crate) struct Server {
    child: Child,
    port: u16,
    more: Vec<String>,
    dir: TempDir,
}

impl Server {
    /// Starts one; `None` where the program is not installed, after saying so.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// Starts one with further arguments.
    pub(crate) async fn start_with(more: &[&str]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let more: Vec<String> = more.iter().map(ToString::to_string).collect();
        let port = free_port();
        let Ok(child) = launch(port, &more, &dir) else {
            skip("redis-server is not installed");
            return None;
        };
        let server = Self {
            child,
            port,
            more,
            dir,
        };
        server.wait_until_it_answers().await;
        Some(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it saves.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Ends the process at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was, with nothing of what it held.
    pub(crate) async fn restart(&mut self) {
        self.child = launch(self.port, &self.more, &self.dir).unwrap();
        self.wait_until_it_answers().await;
    }

    /// Stops the process from doing anything (`STOP`), or lets it go on (`CONT`).
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    async fn wait_until_it_answers(&self) {
        let place = ("127.0.0.1", self.port);
        eventually("the server listens", async || {
            tokio::net::TcpStream::connect(place).await.is_ok()
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(port: u16, more: &[String], dir: &TempDir) -> std::io::Result<Child> {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(dir.path())
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

pub(crate) fn free_port() -> u16 {
    insula_free_port::free_port().unwrap()
}

/// A server to share, or one of the test's own.
pub(crate) enum Redis {
    Shared(String),
    Own(Server),
}

impl Redis {
    pub(crate) async fn any() -> Option<Self> {
        match variable("INSULA_TEST_REDIS") {
            Some(url) => Some(Self::Shared(url)),
            None => Server::start().await.map(Self::Own),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Shared(url) => url.clone(),
            Self::Own(server) => server.url(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told their servers by the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Says that a test did not run, or fails it where it must.
pub(crate) fn skip(why: &str) {
    let required = variable("INSULA_REQUIRE_SERVICES").as_deref() == Some("1");
    assert!(!required, "INSULA_REQUIRE_SERVICES is 1, but {why}");
    eprintln!("SKIPPED: {why}");
}

/// Options with keys of the test's own, and patience for a machine that is busy.
pub(crate) fn options() -> RedisOptions {
    RedisOptions {
        prefix: SystemEntropy.word(10),
        command_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(10),
        ..RedisOptions::default()
    }
}

/// Talks to a server past the crate under test.
pub(crate) async fn talk_to(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Asks again and again until it is so, within bounds.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        beat.tick().await;
    }
}

/// Brings the end of everything under `prefix` nearer, as if so much time had passed. Nobody can set
/// the clock of a server.
pub(crate) async fn pass(redis: &Redis, prefix: &str, by: Duration) {
    let sooner = redis::Script::new(
        r"local by = tonumber(ARGV[2])
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  if redis.call('TYPE', key).ok == 'zset' then
    local entries = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for at = 1, #entries, 2 do
      local ends = string.format('%.0f', tonumber(entries[at + 1]) - by)
      redis.call('ZADD', key, ends, entries[at])
    end
  end
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - by) end
end",
    );
    let by = u64::try_from(by.as_millis()).unwrap();
    let mut server = talk_to(&redis.url()).await;
    let all = format!("{prefix}:*");
    let mut call = sooner.prepare_invoke();
    let done: redis::RedisResult<()> = call.arg(all).arg(by).invoke_async(&mut server).await;
    done.unwrap();
}
