//! Token responses signed with RS256, at tenants that have no other key and at one whose file says
//! nothing of algorithms, against the signatures the crypto library makes on the same
//! cores when nothing else is asked of it.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::browser::{Browser, OFFLINE, ONLINE};
use crate::deployment::Deployment;
use crate::load::Plan;
use crate::process::Process;
use crate::raw::{Rate, Signer};
use crate::report::{Figure, Report, Target, rate, ratio, spread};
use crate::storm::{Round, median, sum};
use crate::wire::Wire;

/// Signs with RS256 alone.
const TENANT: &str = "one";
/// Signs as a tenant does whose file is silent.
const USUAL: &str = "usual";
/// How many ask for tokens at once, for each core that serves. Each waits for the disk once, for some
/// four milliseconds in which the server signs for others if there are others: with too few, the
/// disk is measured instead of what a response costs.
const ABREAST: usize = 16;
/// Codes collected before a round, for each second of it; more than can be signed in it.
const CODES_PER_SECOND: u32 = 1500;
/// But no more, because a tenant holds no more than ten thousand at once, used ones included.
const MOST_CODES: u32 = 8000;

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let deployment = Deployment::new(&plan.server, plan.cores.server.len())?;
    deployment.add_tenant(TENANT, "RS256")?;
    deployment.add_tenant(USUAL, "RS256, ES256")?;
    for round in 0..plan.rounds {
        deployment.add_tenant(&of_round(round), "RS256")?;
    }
    let host = deployment.host(TENANT);
    let mut server = deployment.open(&plan.cores.server)?;
    let (wire, _) = server.ready().await?;

    let mut first = Browser::new(wire, &host);
    let tokens = first.log_in(ONLINE).await?;
    let signer = Signer::for_token(tokens.id_token.as_deref().context("no ID token came")?)?;
    let signatures = f64::from(tokens.rsa_signatures);
    ensure!(signatures > 0.0, "no token is signed");
    // RSA keys are made when a tenant is first asked to sign, and as many made ahead for the next.
    let rounds = (0..plan.rounds).map(of_round);
    for tenant in rounds.chain([USUAL.to_owned()]) {
        let wire = Wire::open(server.port).await?;
        Browser::new(wire, &deployment.host(&tenant))
            .log_in(ONLINE)
            .await?;
    }
    server.at_rest().await?;

    eprintln!("codes for RS256 tokens, against raw signatures …");
    let mut pairs = Vec::new();
    for round in 0..plan.rounds {
        let mut seats = seats(plan, &server, &deployment.host(&of_round(round))).await?;
        let codes = collect(plan, &mut seats).await?;
        let round = redeem(plan, &server, seats, codes).await?;
        pairs.push((round, signer.rate(&plan.cores.server, plan.span / 2)?));
    }
    let what = "RS256 token responses for codes";
    let target = |ratio: f64| Some(Target::new("at least 0.7", ratio >= 0.7));
    add(report, what, signatures, &pairs, target);

    eprintln!("refresh tokens for RS256 tokens, against raw signatures …");
    let mut seats = seats(plan, &server, &host).await?;
    let mut pairs = Vec::new();
    for _ in 0..plan.rounds {
        let round = refresh(plan, &server, &mut seats).await?;
        pairs.push((round, signer.rate(&plan.cores.server, plan.span / 2)?));
    }
    let what = "RS256 token responses for refresh tokens, each rotated in SQLite";
    add(report, what, signatures, &pairs, |_| None);

    eprintln!("refresh tokens at the usual algorithms, against raw signatures …");
    let host = deployment.host(USUAL);
    let mut first = Browser::new(Wire::open(server.port).await?, &host);
    let rsa = first.log_in(ONLINE).await?.rsa_signatures;
    ensure!(rsa == 1, "{rsa} signatures are RS256's, not one of two");
    let mut usual = self::seats(plan, &server, &host).await?;
    let mut ratios = Vec::new();
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        let round = refresh(plan, &server, &mut usual).await?;
        let raw = signer.rate(&plan.cores.server, plan.span / 2)?;
        ratios.push(round.per_second() * 2.0 / raw.per_second);
        rates.push((round.per_second(), raw.per_second / 2.0));
    }
    let (responses, raw): (Vec<f64>, Vec<f64>) = rates.into_iter().unzip();
    report.add(Figure {
        what: "Token responses for refresh tokens at the algorithms of a silent file: the ID token by RS256, \
               the access token by ES256, each rotated in SQLite, to half the raw signing rate of RS256"
            .to_owned(),
        value: format!(
            "{} ({} to {}; {})",
            ratio(median(&ratios)),
            rate(median(&responses)),
            rate(median(&raw)),
            spread(&ratios)
        ),
        target: Some(Target::new("at least 0.85", median(&ratios) >= 0.85)),
    });
    server.stop().await
}

fn add(
    report: &mut Report,
    what: &str,
    signatures: f64,
    pairs: &[(Round, Rate)],
    target: impl Fn(f64) -> Option<Target>,
) {
    let responses: Vec<f64> = pairs.iter().map(|(round, _)| round.per_second()).collect();
    let raw: Vec<f64> = pairs.iter().map(|(_, raw)| raw.per_second).collect();
    let ratios: Vec<f64> = pairs
        .iter()
        .map(|(round, raw)| round.per_second() * signatures / raw.per_second)
        .collect();
    report.add(Figure {
        what: format!("{what}, {signatures} RSA signatures each, to the raw signing rate"),
        value: format!(
            "{} ({} × {signatures} to {}; {})",
            ratio(median(&ratios)),
            rate(median(&responses)),
            rate(median(&raw)),
            spread(&ratios)
        ),
        target: target(median(&ratios)),
    });
    let costs: Vec<(f64, f64)> = pairs
        .iter()
        .filter_map(|(round, raw)| {
            let response = 1000.0 / round.per_processor_second()?;
            Some((response, 1000.0 / raw.per_processor_second?))
        })
        .collect();
    let ratios: Vec<f64> = costs
        .iter()
        .map(|(response, raw)| raw * signatures / response)
        .collect();
    let (responses, raw): (Vec<f64>, Vec<f64>) = costs.into_iter().unzip();
    report.add(Figure {
        what: format!("{what}, the same by processor time"),
        value: format!(
            "{} ({:.2} ms a response to {signatures} × {:.2} ms; {})",
            ratio(median(&ratios)),
            median(&responses),
            median(&raw),
            spread(&ratios)
        ),
        target: target(median(&ratios)),
    });
}

/// Browsers on connections of their own, as many as ask at once.
async fn seats(plan: &Plan, server: &Process, host: &str) -> Result<Vec<Browser>> {
    let mut seats = Vec::new();
    for _ in 0..plan.cores.server.len() * ABREAST {
        seats.push(Browser::new(Wire::open(server.port).await?, host));
    }
    Ok(seats)
}

/// Logs in until there are enough codes, in the browsers' sessions.
async fn collect(plan: &Plan, seats: &mut Vec<Browser>) -> Result<Vec<String>> {
    let cores = u32::try_from(plan.cores.server.len())?;
    let wanted = u32::try_from(plan.span.as_millis())? * CODES_PER_SECOND / 1000 * cores;
    let each = wanted.min(MOST_CODES) / u32::try_from(seats.len())?.max(1);
    let mut tasks = JoinSet::new();
    for mut browser in seats.drain(..) {
        tasks.spawn(async move {
            let mut codes = Vec::new();
            for _ in 0..each {
                codes.push(browser.code(ONLINE).await?);
            }
            anyhow::Ok((browser, codes))
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (browser, codes) = done??;
        seats.push(browser);
        all.extend(codes);
    }
    Ok(all)
}

/// Exchanges codes for tokens, for the time of a round or until none is left.
async fn redeem(
    plan: &Plan,
    server: &Process,
    seats: Vec<Browser>,
    codes: Vec<String>,
) -> Result<Round> {
    let codes = Arc::new(Mutex::new(codes));
    Round::of(server, async {
        let until = Instant::now() + plan.span;
        let mut tasks = JoinSet::new();
        for mut browser in seats {
            let codes = Arc::clone(&codes);
            tasks.spawn(async move {
                let mut answers = 0;
                while Instant::now() < until {
                    let Some(code) = codes.lock().await.pop() else {
                        break;
                    };
                    browser.redeem(&code).await?;
                    answers += 1;
                }
                Ok(answers)
            });
        }
        sum(tasks).await
    })
    .await
}

/// Every seat refreshes its tokens again and again.
async fn refresh(plan: &Plan, server: &Process, seats: &mut Vec<Browser>) -> Result<Round> {
    let mut families = Vec::new();
    for mut browser in seats.drain(..) {
        let tokens = browser.log_in(OFFLINE).await?;
        families.push((browser, tokens.refresh_token));
    }
    let back = Arc::new(Mutex::new(Vec::new()));
    let round = Round::of(server, async {
        let until = Instant::now() + plan.span;
        let mut tasks = JoinSet::new();
        for (mut browser, mut held) in families {
            let back = Arc::clone(&back);
            tasks.spawn(async move {
                let mut answers = 0;
                while Instant::now() < until {
                    let token = held.take().context("no refresh token came")?;
                    held = browser.refresh(&token).await?.refresh_token;
                    answers += 1;
                }
                back.lock().await.push(browser);
                Ok(answers)
            });
        }
        sum(tasks).await
    })
    .await?;
    seats.append(&mut *back.lock().await);
    Ok(round)
}

/// Each round has a tenant of its own, so that its codes fit.
fn of_round(round: u32) -> String {
    format!("round{round}")
}
