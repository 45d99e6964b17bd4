//! The two processes of `dev`: their lines are shown as they come, and the last ones remembered.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use nix::sys::signal::Signal;

use crate::process::Running;

const REMEMBERED: usize = 20;

/// A process whose output is shown under its name.
#[derive(Debug)]
pub(super) struct Child {
    running: Running,
    tail: Tail,
    readers: Vec<JoinHandle<()>>,
}

/// The last lines that a process said.
#[derive(Clone, Debug, Default)]
struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Child {
    pub(super) fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::start(name, command, Signal::SIGTERM)?;
        let tail = Tail::default();
        let mut readers = Vec::new();
        let child = running.child();
        if let Some(output) = child.stdout.take() {
            readers.push(show(name, output, tail.clone()));
        }
        if let Some(errors) = child.stderr.take() {
            readers.push(show(name, errors, tail.clone()));
        }
        Ok(Self {
            running,
            tail,
            readers,
        })
    }

    pub(super) fn name(&self) -> &str {
        self.running.name()
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.running.ended()
    }

    pub(super) fn ask_to_end(&mut self) {
        self.running.ask_to_end();
    }

    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        let status = self.running.end();
        self.hear_out();
        status
    }

    /// What it said last; to be asked when it has ended.
    pub(super) fn last_lines(&mut self) -> String {
        self.hear_out();
        self.tail.text()
    }

    /// Waits until its streams are read to their ends.
    fn hear_out(&mut self) {
        for reader in self.readers.drain(..) {
            // A reader that panicked has said so itself.
            let _ = reader.join();
        }
    }
}

fn show(name: &str, stream: impl Read + Send + 'static, tail: Tail) -> JoinHandle<()> {
    let name = name.to_owned();
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            println!("{name:>14} │ {line}");
            tail.push(line);
        }
    })
}

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == REMEMBERED {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .map(|line| format!("    {line}"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_said_last_is_remembered() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo hello; echo oops >&2; exit 3"]);
        let mut child = Child::start("speaker", &mut command).unwrap();
        let text = child.last_lines();
        assert!(text.contains("hello") && text.contains("oops"), "{text}");
        assert_eq!(child.end().and_then(|status| status.code()), Some(3));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let tail = Tail::default();
        for number in 0..30 {
            tail.push(number.to_string());
        }
        let text = tail.text();
        assert!(
            text.starts_with("    10\n") && text.ends_with("    29"),
            "{text}"
        );
    }
}
