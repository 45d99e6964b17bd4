use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use insula_tests::{Agent, Login, Person, program, walk};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(60);

/// A program that was started, killed when this goes.
pub(crate) struct Program {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

/// A command of one of those in Go; `None` where the test is to be skipped.
pub(crate) fn command(name: &str) -> Option<Command> {
    Some(Command::new(program("INSULA_TEST_GO")?.join(name)))
}

impl Program {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        command
            .env("NO_PROXY", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = Arc::default();
        hear(child.stdout.take().unwrap(), &said);
        hear(child.stderr.take().unwrap(), &said);
        Self { child, said }
    }

    /// Writes a line to its standard input.
    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// Waits for what `find` finds in one of its lines, and takes all lines up to that one.
    pub(crate) async fn says<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            {
                let mut said = self.said.lock().unwrap();
                let found = said.iter().enumerate();
                let found = found.filter_map(|(n, line)| Some((n, find(line)?))).next();
                if let Some((n, found)) = found {
                    said.drain(..=n);
                    return found;
                }
                let ended = self.child.try_wait().unwrap();
                assert!(
                    Instant::now() < deadline,
                    "it never said it ({ended:?}):\n{}",
                    said.join("\n")
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a line of JSON.
    pub(crate) async fn answers(&mut self) -> serde_json::Value {
        self.says(|line| {
            serde_json::from_str(line)
                .ok()
                .filter(serde_json::Value::is_object)
        })
        .await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hear(stream: impl Read + Send + 'static, said: &Arc<Mutex<Vec<String>>>) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            said.lock().unwrap().push(line);
        }
    });
}

/// What the authenticator of the API server says to a token.
pub(crate) async fn asked(api: &mut Program, token: &str) -> serde_json::Value {
    api.tell(token);
    api.answers().await
}

/// The address in a line, if there is one.
pub(crate) fn address(line: &str) -> Option<String> {
    let from = line.find("http://")?;
    let rest = line.get(from..)?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// Opens an address as a browser, logs in, and goes back to the program that waits there.
pub(crate) async fn log_in(
    agent: &Agent,
    address: &str,
    back_at: &str,
    person: &Person<'_>,
) -> String {
    let login = Login {
        url: address.to_owned(),
        redirect_uri: back_at.to_owned(),
        params: std::collections::BTreeMap::new(),
        state: String::new(),
        nonce: String::new(),
        verifier: None,
    };
    let back = walk(agent, &login, person).await;
    let answer = agent.get(Url::as_str(&back.url)).await;
    answer.body
}

/// Waits until somebody listens at a port.
pub(crate) async fn wait_until_it_listens(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .is_err()
    {
        assert!(Instant::now() < deadline, "nobody listens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
