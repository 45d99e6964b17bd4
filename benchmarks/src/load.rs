//! The order in which things are measured, and the time all of it may take.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use tokio::runtime::{Builder, Runtime};

use crate::awake::{self, AwakeOptions};
use crate::bare::{self, BareOptions};
use crate::cores::{self, Cores};
use crate::measure::{crowd, hanging, idle, logins, machines, metadata, tokens};
use crate::report::{Machine, Report};

/// The whole program ends by then, whatever hangs.
const LIMIT: Duration = Duration::from_secs(235);

/// What to measure, and where the server is.
#[derive(Debug, Clone, Parser)]
#[command(about = "Measures the server against bare handlers and bare signatures, in one run")]
pub struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// The server's program, built for release.
    #[arg(long, env = "INSULA_BIN", default_value = "target/release/insula")]
    server: PathBuf,
    /// Where the figures are written.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"))]
    out: PathBuf,
    /// Where criterion left the figures of the function benchmarks; beside this program by default.
    #[arg(long)]
    criterion: Option<PathBuf>,
    /// How many times each figure is taken; the one in the middle counts.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// How long a round of asking takes, in milliseconds.
    #[arg(long, default_value_t = 1000)]
    span_ms: u64,
    /// How many connections ask at once.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How many tenants there are where there are many.
    #[arg(long, default_value_t = 10_000)]
    tenants: u32,
    /// How many of them are woken.
    #[arg(long, default_value_t = 100)]
    awake: u32,
    /// Take only these figures, print them and write nothing.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// One idle tenant.
    Idle,
    /// Discovery and keys.
    Metadata,
    /// Codes and refresh tokens.
    Tokens,
    /// Tokens of clients themselves.
    Machines,
    /// Whole logins.
    Logins,
    /// Logins beside an upstream that hangs.
    Hanging,
    /// Very many tenants.
    Crowd,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Serve what another server serves, from memory: the yardstick.
    Bare(BareOptions),
    /// Wake very many tenants and serve all of them: prints what that costs, writes nothing.
    Awake(AwakeOptions),
}

/// How the measurements are made.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) server: PathBuf,
    pub(crate) cores: Cores,
    pub(crate) rounds: u32,
    pub(crate) span: Duration,
    pub(crate) connections: usize,
    pub(crate) tenants: u32,
    pub(crate) awake: u32,
}

/// Measures, prints, and writes the figures down.
pub fn run(options: Options) -> Result<()> {
    if let Some(Command::Bare(bare)) = &options.command {
        return bare::run(bare);
    }
    let server = options.server.canonicalize().with_context(|| {
        let shown = options.server.display();
        format!("{shown} is no program; build the server for release, or name it in INSULA_BIN")
    })?;
    let cores = Cores::split();
    if let Some(Command::Awake(awake)) = &options.command {
        let runtime = client_runtime(&cores)?;
        return runtime.block_on(awake::run(&server, &cores, awake));
    }
    let plan = Plan {
        server,
        cores,
        rounds: options.rounds,
        span: Duration::from_millis(options.span_ms),
        connections: options.connections,
        tenants: options.tenants,
        awake: options.awake,
    };
    let mut report = Report::new(Machine::find(&plan.cores));
    let runtime = client_runtime(&plan.cores)?;
    let only = options.only.as_slice();
    let measured = runtime
        .block_on(async { tokio::time::timeout(LIMIT, measure(&plan, only, &mut report)).await });
    match measured {
        Ok(measured) => measured?,
        Err(_) => bail!("not done after {LIMIT:?}; nothing was written"),
    }
    if !only.is_empty() {
        println!("{}", report.written_over(""));
        return Ok(());
    }
    let criterion = options.criterion.or_else(beside_this_program);
    report.add_functions(criterion.as_deref());
    let shown = options.out.display().to_string();
    let before = match std::fs::read_to_string(&options.out) {
        Ok(before) => before,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{shown} cannot be read")),
    };
    let text = report.written_over(&before);
    println!("{text}");
    std::fs::write(&options.out, text).with_context(|| format!("{shown} cannot be written"))
}

/// One after the other: those parts, or everything where none is named.
pub(crate) async fn measure(plan: &Plan, only: &[Part], report: &mut Report) -> Result<()> {
    let wanted = |part: Part| only.is_empty() || only.contains(&part);
    if wanted(Part::Idle) {
        let done = idle::measure(plan, report).await;
        done.context("one idle tenant")?;
    }
    if wanted(Part::Metadata) {
        metadata::measure(plan, report).await.context("metadata")?;
    }
    if wanted(Part::Tokens) {
        tokens::measure(plan, report).await.context("tokens")?;
    }
    if wanted(Part::Machines) {
        let done = machines::measure(plan, report).await;
        done.context("client_credentials")?;
    }
    if wanted(Part::Logins) {
        logins::measure(plan, report).await.context("logins")?;
    }
    if wanted(Part::Hanging) {
        let done = hanging::measure(plan, report).await;
        done.context("an upstream that hangs")?;
    }
    if wanted(Part::Crowd) {
        crowd::measure(plan, report).await.context("many tenants")?;
    }
    Ok(())
}

/// The runtime that asks. It stays on its own cores.
fn client_runtime(cores: &Cores) -> Result<Runtime> {
    cores::confine(&cores.client);
    let mut builder = match cores.client.len() {
        0 | 1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let threads = cores.client.len().max(1);
    Ok(builder.worker_threads(threads).enable_all().build()?)
}

/// `criterion` in the folder that `release/load` is built in.
fn beside_this_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?.parent()?.join("criterion");
    folder.is_dir().then_some(folder)
}
