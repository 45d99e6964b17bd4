//! Discovery and keys, against a bare handler that answers the same bytes.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::bare::{self, DISCOVERY, KEYS};
use crate::deployment::Deployment;
use crate::load::Plan;
use crate::process::Process;
use crate::report::{Figure, Report, Target, rate, ratio, spread};
use crate::storm::{Round, median, storm};
use crate::wire::{Answer, Wire, get};

const TENANT: &str = "one";

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let workers = plan.cores.server.len();
    let deployment = Deployment::new(&plan.server, workers)?;
    deployment.add_tenant(TENANT, "RS256")?;
    let host = deployment.host(TENANT);
    let mut server = deployment.open(&plan.cores.server)?;
    server.ready().await?;
    let mut bare = bare::start(plan, &server, &deployment, &host, None)?;
    bare.ready().await?;
    for (what, target) in [("Discovery", DISCOVERY), ("JWKS", KEYS)] {
        eprintln!("{what} against a bare handler …");
        let request = get(&host, target);
        let length = same_bytes(&server, &bare, &request).await?;
        let mut pairs = Vec::new();
        for _ in 0..plan.rounds {
            let ours = storm(&server, &request, length, plan.connections, plan.span).await?;
            let theirs = storm(&bare, &request, length, plan.connections, plan.span).await?;
            pairs.push((ours, theirs));
        }
        add(report, what, length, &pairs);
    }
    bare.stop().await?;
    server.stop().await
}

fn add(report: &mut Report, what: &str, length: usize, pairs: &[(Round, Round)]) {
    let of = |read: fn(&Round) -> f64| {
        let ours: Vec<f64> = pairs.iter().map(|(ours, _)| read(ours)).collect();
        let theirs: Vec<f64> = pairs.iter().map(|(_, theirs)| read(theirs)).collect();
        let ratios: Vec<f64> = pairs
            .iter()
            .map(|(ours, theirs)| read(ours) / read(theirs))
            .collect();
        (median(&ours), median(&theirs), ratios)
    };
    let (ours, theirs, ratios) = of(Round::per_second);
    report.add(Figure {
        what: format!("{what} ({length} bytes), requests/s, to those of a bare handler"),
        value: format!(
            "{} ({} to {}; {})",
            ratio(median(&ratios)),
            rate(ours),
            rate(theirs),
            spread(&ratios)
        ),
        target: Some(Target::new("at least 0.8", median(&ratios) >= 0.8)),
    });
    let (ours, theirs, ratios) = of(|round| round.per_processor_second().unwrap_or_default());
    if ours > 0.0 && theirs > 0.0 {
        report.add(Figure {
            what: format!("{what}, the same per second of the server's processor time"),
            value: format!(
                "{} ({:.1} µs to {:.1} µs a request; {})",
                ratio(median(&ratios)),
                1e6 / ours,
                1e6 / theirs,
                spread(&ratios)
            ),
            target: Some(Target::new("at least 0.8", median(&ratios) >= 0.8)),
        });
    }
}

/// Checks that both answer the same, and says how many bytes that is.
async fn same_bytes(server: &Process, bare: &Process, request: &[u8]) -> Result<usize> {
    let mut ours = Wire::open(server.port).await?;
    let mut theirs = Wire::open(bare.port).await?;
    let ours = ours.ask(request).await?.expect(200)?;
    let theirs = theirs.ask(request).await?.expect(200)?;
    ensure!(
        ours.body == theirs.body && same_headers(&ours, &theirs),
        "the bare handler answers other bytes"
    );
    Ok(ours.body.len())
}

fn same_headers(ours: &Answer<'_>, theirs: &Answer<'_>) -> bool {
    let of = |answer: &Answer<'_>| -> BTreeSet<String> {
        let headers = answer.own_headers();
        headers.map(|(n, v)| format!("{n}: {v}")).collect()
    };
    of(ours) == of(theirs)
}
