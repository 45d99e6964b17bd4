//! Child processes, each in a process group of its own and none left behind.
//!
//! A terminal sends Ctrl-C to its whole foreground group; a group of its own lets the task decide
//! in which order things end.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::stop::Stop;
use crate::wait;

const PATIENCE: Duration = Duration::from_secs(15);

/// A process that was started and is stopped again at the latest when this value goes.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    stops_on: Signal,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Starts `command` in a new process group. `stops_on` is the signal it takes for a polite
    /// request to end.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        stops_on: Signal,
    ) -> anyhow::Result<Self> {
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start {name} ({})", line_of(command)))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            stops_on,
            ended: None,
        })
    }

    /// What this process is called in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its output streams, where they were piped.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its status, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Asks it to end, without waiting for it.
    pub(crate) fn ask_to_end(&mut self) {
        if self.ended().is_none() {
            self.signal(self.stops_on);
        }
    }

    /// Asks it to end and waits; ends it by force when it does not hear.
    pub(crate) fn end(&mut self) -> Option<ExitStatus> {
        self.ask_to_end();
        let asked = Instant::now();
        while self.ended().is_none() {
            if asked.elapsed() > PATIENCE {
                eprintln!(
                    "xtask: {} did not end within {} s",
                    self.name,
                    PATIENCE.as_secs()
                );
                self.signal(Signal::SIGKILL);
                self.ended = self.child.wait().ok();
                break;
            }
            wait::a_moment();
        }
        self.ended
    }

    fn signal(&self, signal: Signal) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            // The group may have ended in between; then there is nobody left to tell.
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs `command` to its end, or ends it when a stop is asked. A status other than success is an
/// error.
pub(crate) fn run(name: &str, command: &mut Command, stop: &Stop) -> anyhow::Result<()> {
    let mut running = Running::start(name, command, Signal::SIGTERM)?;
    finish(&mut running, stop)
}

/// Waits for a process that was started before; see [`run`].
pub(crate) fn finish(running: &mut Running, stop: &Stop) -> anyhow::Result<()> {
    loop {
        if let Some(status) = running.ended() {
            if status.success() {
                return Ok(());
            }
            bail!("{} failed ({status})", running.name());
        }
        if stop.is_asked() {
            running.end();
            bail!("interrupted; {} was stopped", running.name());
        }
        wait::a_moment();
    }
}

/// The trimmed output of a command that is over at once.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not run {}", line_of(command)))?;
    if !output.status.success() {
        bail!(
            "{} failed ({}): {}",
            line_of(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn line_of(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_process_is_ended_with_all_its_children_when_its_owner_goes() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 600 & wait"])
            .stdout(Stdio::piped());
        let mut running = Running::start("sleeper", &mut command, Signal::SIGTERM).unwrap();
        let mut held_by_all = running.child().stdout.take().unwrap();
        drop(running);
        // The stream ends only once nobody of the group holds it any more.
        assert_eq!(held_by_all.read_to_end(&mut Vec::new()).unwrap(), 0);
    }

    #[test]
    fn a_failed_command_is_an_error_that_names_it() {
        let trouble = run("false alarm", &mut Command::new("false"), &Stop::default());
        assert!(trouble.unwrap_err().to_string().contains("false alarm"));
    }

    #[test]
    fn the_output_of_a_command_comes_without_its_last_line_break() {
        assert_eq!(output(Command::new("echo").arg("hello")).unwrap(), "hello");
    }
}
