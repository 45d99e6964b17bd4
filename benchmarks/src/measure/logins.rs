//! Whole logins, from the authorization request to tokens, by people without a session.

use std::time::Instant;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::browser::{Browser, ONLINE};
use crate::deployment::Deployment;
use crate::load::Plan;
use crate::process::Process;
use crate::report::{Figure, Report, rate};
use crate::storm::{Round, median, sum};
use crate::wire::Wire;

/// How many people log in at once, for each core that serves.
const ABREAST: usize = 8;

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let deployment = Deployment::new(&plan.server, plan.cores.server.len())?;
    let algorithms = ["ES256", "RS256"];
    for algorithm in algorithms {
        for round in 0..plan.rounds {
            deployment.add_tenant(&of_round(algorithm, round), algorithm)?;
        }
    }
    let mut server = deployment.open(&plan.cores.server)?;
    server.ready().await?;
    // RSA keys are made when a tenant is first asked to sign, and as many made ahead for the next.
    for algorithm in algorithms {
        for round in 0..plan.rounds {
            let host = deployment.host(&of_round(algorithm, round));
            let mut browser = Browser::new(Wire::open(server.port).await?, &host);
            browser.log_in(ONLINE).await?;
        }
    }
    server.at_rest().await?;
    for algorithm in algorithms {
        eprintln!("logins signed with {algorithm} …");
        let mut requests = 0;
        let mut rates = Vec::new();
        let mut costs = Vec::new();
        for round in 0..plan.rounds {
            let host = deployment.host(&of_round(algorithm, round));
            let mut browser = Browser::new(Wire::open(server.port).await?, &host);
            browser.log_in(ONLINE).await?;
            requests = browser.asked;
            let round = ask(plan, &server, &host).await?;
            rates.push(round.per_second());
            costs.extend(round.per_processor_second().map(|rate| 1000.0 / rate));
        }
        report.add(Figure {
            what: format!(
                "Code-flow logins through mockCallback, {requests} requests each, {algorithm}, SQLite"
            ),
            value: format!(
                "{} ({:.2} ms of the server's processor time each)",
                rate(median(&rates)),
                median(&costs)
            ),
            target: None,
        });
    }
    server.stop().await
}

async fn ask(plan: &Plan, server: &Process, host: &str) -> Result<Round> {
    let mut seats = Vec::new();
    for _ in 0..plan.cores.server.len() * ABREAST {
        seats.push(Browser::new(Wire::open(server.port).await?, host));
    }
    Round::of(server, async {
        let until = Instant::now() + plan.span;
        let mut tasks = JoinSet::new();
        for mut browser in seats {
            tasks.spawn(async move {
                let mut logins = 0;
                while Instant::now() < until {
                    browser.forget();
                    browser.log_in(ONLINE).await?;
                    logins += 1;
                }
                Ok(logins)
            });
        }
        sum(tasks).await
    })
    .await
}

/// Each round has a tenant of its own, so that its codes fit.
fn of_round(algorithm: &str, round: u32) -> String {
    format!("{}-{round}", algorithm.to_lowercase())
}
