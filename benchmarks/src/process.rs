//! A process that is measured: started on its cores, watched through `/proc`, ended with us.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

use crate::cores;
use crate::wire::Wire;

const PATIENCE: Duration = Duration::from_mins(1);
const A_MOMENT: Duration = Duration::from_millis(2);
/// A process that used no more than two hundredths of a second in this time has nothing left to do.
const A_BREATH: Duration = Duration::from_millis(400);
/// `/proc` counts time in hundredths of a second, on every Linux there is.
const TICKS_PER_SECOND: u32 = 100;

/// A server that runs. Dropping it kills it; so does the end of this program, however it ends.
pub(crate) struct Process {
    /// Where it listens.
    pub(crate) port: u16,
    child: Child,
    guard: Child,
    log: PathBuf,
    began: Instant,
}

impl Process {
    /// Starts a command that will listen at `port`, on these cores. What it says goes to `log`.
    pub(crate) fn start(
        command: &mut Command,
        port: u16,
        log: &Path,
        on_cores: &[usize],
    ) -> Result<Self> {
        let sink = File::create(log).context("the log of a server cannot be made")?;
        command
            .stdin(Stdio::null())
            .stdout(sink.try_clone()?)
            .stderr(sink);
        let began = Instant::now();
        let child = cores::on(on_cores, || command.spawn());
        let child = child.with_context(|| format!("{command:?} cannot be started"))?;
        // A shell that hears our end through its pipe stands in where destructors do not run.
        let guard = Command::new("sh")
            .args(["-c", "read -r _; kill -KILL \"$1\"", "guard"])
            .arg(child.id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            port,
            child,
            guard,
            log: log.to_owned(),
            began,
        })
    }

    /// Waits until it takes connections; answers the first, and how long that took from its start.
    pub(crate) async fn ready(&mut self) -> Result<(Wire, Duration)> {
        loop {
            if let Ok(wire) = Wire::open(self.port).await {
                return Ok((wire, self.began.elapsed()));
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the server ended while starting ({status}):\n{}",
                    self.said()
                );
            }
            if self.began.elapsed() > PATIENCE {
                bail!(
                    "the server does not listen after {PATIENCE:?}:\n{}",
                    self.said()
                );
            }
            sleep(A_MOMENT).await;
        }
    }

    /// How long it has been since it was started.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Resident memory in kibibytes, where the system tells.
    pub(crate) fn resident_kib(&self) -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Processor time used so far by all its threads, where the system tells.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        Some(used(&stat)?.1)
    }

    /// Waits until it has nothing left to do by itself, such as making RSA keys ahead.
    pub(crate) async fn at_rest(&self) -> Result<()> {
        let asked = Instant::now();
        while let Some(before) = self.processor_time() {
            sleep(A_BREATH).await;
            let after = self.processor_time().unwrap_or(before);
            if after.saturating_sub(before) <= 2 * Duration::from_secs(1) / TICKS_PER_SECOND {
                break;
            }
            if asked.elapsed() > PATIENCE {
                bail!("the server has not come to rest after {PATIENCE:?}");
            }
        }
        Ok(())
    }

    /// Processor time used so far by its threads, by their names, where the system tells.
    pub(crate) fn threads(&self) -> BTreeMap<String, Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let mut threads = BTreeMap::new();
        for task in tasks.into_iter().flatten().flatten() {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            if let Some((name, time)) = used(&stat) {
                *threads.entry(name).or_default() += time;
            }
        }
        threads
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).context("a process id beyond 2^31")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM)?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > PATIENCE {
                bail!("the server does not end:\n{}", self.said());
            }
            sleep(A_MOMENT).await;
        }
        Ok(())
    }

    /// The end of what it said.
    pub(crate) fn said(&self) -> String {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let from = lines.len().saturating_sub(20);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// The name of a process or thread and the processor time it used, from its `stat`.
fn used(stat: &str) -> Option<(String, Duration)> {
    // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field
    // after it.
    let (before, fields) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let mut times = fields.split_whitespace().skip(11);
    let user: u32 = times.next()?.parse().ok()?;
    let system: u32 = times.next()?.parse().ok()?;
    let time = Duration::from_secs(u64::from(user + system)) / TICKS_PER_SECOND;
    Some((name.to_owned(), time))
}

/// Processor time used so far by this thread, where the system tells.
#[cfg(target_os = "linux")]
pub(crate) fn own_processor_time() -> Option<Duration> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    let of = |time: nix::sys::time::TimeVal| {
        let seconds = u64::try_from(time.tv_sec()).ok()?;
        let micros = u64::try_from(time.tv_usec()).ok()?;
        Some(Duration::from_secs(seconds) + Duration::from_micros(micros))
    };
    Some(of(usage.user_time())? + of(usage.system_time())?)
}

/// Elsewhere threads are not told apart.
#[cfg(not(target_os = "linux"))]
pub(crate) fn own_processor_time() -> Option<Duration> {
    None
}
