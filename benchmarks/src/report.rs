//! The figures, as they are written down.

mod functions;
mod sections;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use self::functions::Timed;
use crate::cores::Cores;

/// Everything that was seen in one run.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Machine,
    figures: Vec<Figure>,
    functions: Vec<Timed>,
    /// What the benchmark of SQLite's commits wrote.
    commits: String,
}

/// One thing that was measured.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: String,
    pub(crate) target: Option<Target>,
}

/// What was aimed at, and whether it was met.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    text: &'static str,
    is_met: bool,
}

impl Target {
    pub(crate) fn new(text: &'static str, is_met: bool) -> Self {
        Self { text, is_met }
    }
}

/// Where it was measured.
#[derive(Debug)]
pub(crate) struct Machine {
    cores: Cores,
    memory_gib: Option<u32>,
    /// How many threads wanted to run, on average of the minute before.
    busy: Option<String>,
    compiler: String,
    is_release: bool,
}

impl Machine {
    pub(crate) fn find(cores: &Cores) -> Self {
        let asked = Command::new("rustc").arg("--version").output().ok();
        let said = asked.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
        Self {
            cores: cores.clone(),
            memory_gib: memory_gib(),
            busy: busy(),
            compiler: said
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| "an unknown rustc".to_owned()),
            is_release: !cfg!(debug_assertions),
        }
    }
}

fn memory_gib() -> Option<u32> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u32 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib.div_ceil(1024 * 1024))
}

fn busy() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split_whitespace().next()?.to_owned())
}

impl Report {
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            machine,
            figures: Vec::new(),
            functions: Vec::new(),
            commits: String::new(),
        }
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        eprintln!("  {}: {}", figure.what, figure.value);
        self.figures.push(figure);
    }

    /// Adds what the function benchmarks left in criterion's folder, if there is one.
    pub(crate) fn add_functions(&mut self, folder: Option<&Path>) {
        let commits = folder.and_then(|folder| fs::read_to_string(folder.join("commits.md")).ok());
        self.commits = commits.unwrap_or_default();
        self.functions = folder.map(functions::read).unwrap_or_default();
    }

    /// `README.md`, in which the sections stay that other commands write.
    pub(crate) fn written_over(&self, before: &str) -> String {
        sections::written_over(before, &self.text())
    }

    fn text(&self) -> String {
        let mut text = String::from(INTRODUCTION);
        text.push_str("\n## The server\n\n");
        text.push_str(&self.measured_on());
        text.push_str("\n| what | figure | target | met |\n| --- | --- | --- | --- |\n");
        for figure in &self.figures {
            let (target, is_met) = match &figure.target {
                Some(target) => (target.text, if target.is_met { "yes" } else { "**no**" }),
                None => ("", ""),
            };
            let _ = writeln!(
                text,
                "| {} | {} | {target} | {is_met} |",
                figure.what, figure.value
            );
        }
        text.push_str(READING);
        text.push_str(&self.commits);
        if !self.functions.is_empty() {
            text.push_str(&functions::text(&self.functions));
        }
        text
    }

    fn measured_on(&self) -> String {
        let Machine {
            cores,
            memory_gib,
            busy,
            compiler,
            is_release,
        } = &self.machine;
        let memory = memory_gib.map_or_else(String::new, |gib| format!(", {gib} GiB of memory"));
        let busy = busy.as_ref().map_or_else(String::new, |busy| {
            format!(" Load average before the run: {busy}.")
        });
        let all = cores.server.len() + cores.client.len();
        let split = if cores.server == cores.client {
            "one core, which serves and asks".to_owned()
        } else {
            format!(
                "{all} cores, {} of which serve and {} ask",
                cores.server.len(),
                cores.client.len()
            )
        };
        let build = if *is_release {
            "release"
        } else {
            "debug, so the figures mean nothing"
        };
        format!("Measured on {split}{memory}; {compiler}; build: {build}.{busy}\n")
    }
}

/// A rate without a fraction.
pub(crate) fn rate(per_second: f64) -> String {
    format!("{per_second:.0}/s")
}

/// A ratio as targets have it.
pub(crate) fn ratio(ratio: f64) -> String {
    format!("**{ratio:.2}**")
}

/// The smallest and largest of the rounds.
pub(crate) fn spread(ratios: &[f64]) -> String {
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    format!("rounds {least:.2}–{most:.2}")
}

/// Milliseconds, finer where they are few.
pub(crate) fn milliseconds(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

const INTRODUCTION: &str = "\
# Speed and memory

Written by `cargo xtask bench`, which runs the function benchmarks (`benches/`, criterion), the
benchmark of commits to SQLite (in `libs/store-sql`) and then the load program (`src/`) on a release
build of the real server. Sections that name another command stay as that left them. All of it talks
to 127.0.0.1 alone and needs nothing installed; each of the three ends by itself within four minutes. To
take the figures of the server again without the rest:

```
cargo build --release -p insula-server
cargo run --release -p insula-benchmarks --bin load
```

Both look in `target/`; where the build goes elsewhere, name the server in `INSULA_BIN`.
";

const READING: &str = "
How they are taken. Servers are confined to one half of the cores and the load comes from the other.
What is compared runs in turns (ours, theirs, ours, …), and the ratio of each turn is taken; the
table shows the one in the middle, and the smallest and largest. The bare handler is an actix-web
application of a few lines with as many workers and the same allocator; it first asks the server for
what it is to repeat, headers included. Where the client cannot ask faster than a server answers,
requests/s flatter the slower one, and where the machine has other work, both vary by chance: the
lines on processor time tell what a request costs each of them.

Signatures/s are compared: token responses times the signatures in each. The raw rate is that of a loop
around the crypto library, one thread for each serving core, signing what stands before the signature of
a token the server gave. Tenants that sign with RS256 alone make two RSA signatures for a response, the
ID token's and the access token's; a tenant whose file says nothing of algorithms makes one, and one by
ES256 that costs a twentieth. Codes are collected before the clock starts; a refresh token is besides
looked up, checked with its connector and rotated in the database. Sixteen ask at once for each serving
core: each waits some milliseconds for the disk, in which the server signs for the others, and with four
the disk was measured. RSA keys are made, and made ahead, before any clock starts.

A client that asks for itself has nothing looked up or written, so that its token is compared with a
handler of the same framework, too, which reads the form, signs and answers as many bytes. By ES256 the
raw rate is out of anybody's reach: a signature takes 12 µs, the system call that sends the answer 10 µs.

A login is that of somebody without a session, at a tenant with one connector, by a client that asks
no consent: `/auth`, `/callback` and `/token`, with PKCE. State is in SQLite and in the process.

The upstream that hangs takes connections and says nothing. People of another tenant came back from it
with a code, and their requests wait for its token endpoint; each round has a tenant of its own for
them, since an upstream that has hung is left alone for a while. The logins beside them are made one
after the other, a second without the crowd and a second with it, in turns.

Tenants of the crowd are folders with a `tenant.yaml` of a dozen lines. Activation is the time of
the first request to a tenant that sleeps: its file is read and checked, its keys are opened or
made, its theme is compiled and its first snapshot published.
";
