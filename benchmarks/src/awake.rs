//! Very many tenants awake at once in the real server: what each holds, how all are served, and
//! where processor time goes while nobody comes. Prints a table; writes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::bare::DISCOVERY;
use crate::browser::{Browser, ONLINE};
use crate::cores::Cores;
use crate::deployment::Deployment;
use crate::process::Process;
use crate::storm::quantile;
use crate::wire::{Wire, get};

/// How long what was begun may go on before memory is looked at.
const SETTLE: Duration = Duration::from_secs(5);

/// How many tenants there are, and how they are asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct AwakeOptions {
    /// How many tenants there are and are woken.
    #[arg(long, default_value_t = 20_000)]
    tenants: u32,
    /// How many are woken before memory is looked at for the first time.
    #[arg(long, default_value_t = 2_000)]
    some: u32,
    /// How many connections ask at once.
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// For how long nobody comes, in seconds.
    #[arg(long, default_value_t = 30)]
    idle_s: u64,
    /// What they sign with, as a tenant's file lists it.
    #[arg(long, default_value = "ES256")]
    algorithms: String,
}

/// What all answers of one kind took, in milliseconds.
#[derive(Debug, Default)]
struct Latencies {
    discovery: Vec<f64>,
    login: Vec<f64>,
}

pub(crate) async fn run(
    server: &std::path::Path,
    cores: &Cores,
    options: &AwakeOptions,
) -> Result<()> {
    let all = options.tenants;
    eprintln!("{all} tenants …");
    let deployment = Arc::new(Deployment::new(server, cores.server.len())?);
    for number in 0..all {
        deployment.add_tenant(&name(number), &options.algorithms)?;
    }
    println!("| what | figure |\n| --- | --- |");

    let mut process = deployment.open(&cores.server)?;
    let (_, boot) = process.ready().await?;
    row("Boot", &format!("{} ms", boot.as_millis()));
    let (took, woken) = ask_all(options, &deployment, &process, 0..all, false).await?;
    let what = format!("Waking {all} tenants for the first time, which makes their keys");
    row(&what, &latencies(&woken.discovery, took));
    process.stop().await?;

    let mut process = deployment.open(&cores.server)?;
    let (_, boot) = process.ready().await?;
    row("Boot, keys there", &format!("{} ms", boot.as_millis()));
    sleep(SETTLE).await;
    let none = process.resident_kib().context("the system does not tell")?;
    let resident = format!("{:.1} MB", megabytes(none));
    row(
        &format!("Resident memory, {all} tenants, none awake"),
        &resident,
    );
    let mut woken_before = 0;
    for awake in [options.some.min(all), all] {
        let before = process.processor_time();
        let tenants = woken_before..awake;
        let (took, woken) = ask_all(options, &deployment, &process, tenants, false).await?;
        let busy = process
            .processor_time()
            .zip(before)
            .map(|(a, b)| a.saturating_sub(b));
        let each = busy.unwrap_or_default() / (awake - woken_before).max(1);
        let what = format!("Waking {} of them, keys there", awake - woken_before);
        let figure = latencies(&woken.discovery, took);
        row(
            &what,
            &format!("{figure}; {:.2} ms of processor time each", millis(each)),
        );
        woken_before = awake;
        sleep(SETTLE).await;
        memory(&process, none, awake, &format!("{awake} awake"));
    }

    for (how_often, logins) in [("", "a login"), (" more", "two logins")] {
        let (took, asked) = ask_all(options, &deployment, &process, 0..all, true).await?;
        let figure = latencies(&asked.discovery, took);
        row(&format!("Discovery, once{how_often} at each"), &figure);
        let figure = latencies(&asked.login, took);
        row(
            &format!("One{how_often} login at each, 3 requests"),
            &figure,
        );
        sleep(SETTLE).await;
        let when = format!("{all} awake, {logins} at each");
        memory(&process, none, all, &when);
    }

    let rest = Duration::from_secs(options.idle_s);
    let before = process.threads();
    sleep(rest).await;
    println!(
        "\n| thread, {all} awake, nobody comes | processor time, of one core |\n| --- | --- |"
    );
    for (thread, used) in process.threads() {
        let earlier = before.get(&thread).copied().unwrap_or_default();
        let share = used.saturating_sub(earlier).as_secs_f64() / rest.as_secs_f64() * 100.0;
        row(&thread, &format!("{share:.2} %"));
    }
    process.stop().await
}

fn row(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

fn memory(process: &Process, none: u32, awake: u32, when: &str) {
    let Some(now) = process.resident_kib() else {
        return;
    };
    let each = f64::from(now.saturating_sub(none)) / f64::from(awake.max(1));
    let figure = format!("{:.1} MB, **{each:.1} KiB** a tenant", megabytes(now));
    row(&format!("Resident memory, {when}"), &figure);
}

fn megabytes(kib: u32) -> f64 {
    f64::from(kib) * 1.024 / 1000.0
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

fn latencies(each: &[f64], took: Duration) -> String {
    let (middle, slow) = (quantile(each, 0.5), quantile(each, 0.99));
    format!(
        "p50 {middle:.2} ms, p99 {slow:.2} ms; all in {:.1} s",
        took.as_secs_f64()
    )
}

/// Asks every tenant for its metadata, and has somebody log in there if that is wanted.
async fn ask_all(
    options: &AwakeOptions,
    deployment: &Arc<Deployment>,
    process: &Process,
    tenants: std::ops::Range<u32>,
    log_in: bool,
) -> Result<(Duration, Latencies)> {
    let next = Arc::new(AtomicU32::new(tenants.start));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..options.connections {
        let mut browser = Browser::new(Wire::open(process.port).await?, "");
        let (next, deployment, end) = (Arc::clone(&next), Arc::clone(deployment), tenants.end);
        tasks.spawn(async move {
            let mut seen = Latencies::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return anyhow::Ok(seen);
                }
                let host = deployment.host(&name(number));
                let asked = Instant::now();
                browser.ask(&get(&host, DISCOVERY)).await?;
                seen.discovery.push(millis(asked.elapsed()));
                if log_in {
                    browser.go_to(&host);
                    let asked = Instant::now();
                    browser.log_in(ONLINE).await?;
                    seen.login.push(millis(asked.elapsed()));
                }
            }
        });
    }
    let mut all = Latencies::default();
    while let Some(done) = tasks.join_next().await {
        let seen = done??;
        all.discovery.extend(seen.discovery);
        all.login.extend(seen.login);
    }
    Ok((began.elapsed(), all))
}

fn name(number: u32) -> String {
    format!("t{number:05}")
}
