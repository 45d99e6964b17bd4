use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Agent, Metrics};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. Dropping it kills it; so does the end of the test program, however it ends.
#[derive(Debug)]
pub struct Process {
    /// Where it serves tenants.
    pub port: u16,
    /// Where it serves metrics and health.
    pub telemetry: u16,
    child: Child,
    guard: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts the command. `rubbish` is removed should this program end without saying so.
    pub(crate) fn start(command: &mut Command, rubbish: &Path, port: u16, telemetry: u16) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Statics are never dropped: a shell that hears our end through its pipe stands in.
        let guard = Command::new("sh")
            .args(["-c", "read -r _; kill -KILL \"$1\"; rm -rf \"$2\"", "guard"])
            .arg(child.id().to_string())
            .arg(rubbish)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = Arc::default();
        let readers = vec![
            listen(child.stdout.take().unwrap(), &said),
            listen(child.stderr.take().unwrap(), &said),
        ];
        Self {
            port,
            telemetry,
            child,
            guard,
            said,
            readers,
        }
    }

    /// Its number to the system.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says that it is ready.
    pub async fn wait_until_ready(&mut self) {
        let agent = Agent::new();
        let url = self.telemetry("/healthz/ready");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!(
                    "the server ended while starting ({status}):\n{}",
                    self.log()
                );
            }
            let asked = agent.try_send(reqwest::Method::GET, &url, &[], None).await;
            if asked.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "not ready after {PATIENCE:?}:\n{}",
                self.log()
            );
            a_moment().await;
        }
    }

    /// A page of the telemetry listener.
    pub fn telemetry(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.telemetry)
    }

    /// What it counts now.
    pub async fn metrics(&self) -> Metrics {
        let answer = Agent::new().get(self.telemetry("/metrics")).await;
        Metrics::read(&answer.expect(200).body)
    }

    /// Everything it said so far.
    pub fn log(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said something.
    pub async fn says(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            assert!(
                Instant::now() < deadline,
                "never said {words:?}:\n{}",
                self.log()
            );
            a_moment().await;
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Asks it to end, and fails unless it ends by itself, in time, with 0. Answers what it said.
    pub async fn terminate(mut self) -> String {
        self.signal(Signal::SIGTERM);
        let status = self.ended().await;
        assert!(status.success(), "ended with {status}:\n{}", self.log());
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        self.log()
    }

    /// Ends it as a power cut would.
    pub fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "still there after {PATIENCE:?}:\n{}",
                self.log()
            );
            a_moment().await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        if thread::panicking() {
            let said = self.log();
            let from = said.len().saturating_sub(6000);
            let from = (from..said.len()).find(|at| said.is_char_boundary(*at));
            eprintln!("the server said last:\n{}", &said[from.unwrap_or(0)..]);
        }
    }
}

fn listen(stream: impl Read + Send + 'static, said: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let mut said = said.lock().unwrap();
            said.push_str(&String::from_utf8_lossy(&line));
            said.push('\n');
        }
    })
}

/// Between two looks at something that is not ours to be told about.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
