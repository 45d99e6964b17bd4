//! Many tenants of which few are awake: what they cost at boot, in memory and at the first request.

use std::time::Instant;

use anyhow::Result;
use tokio::time::sleep;

use crate::bare::DISCOVERY;
use crate::deployment::Deployment;
use crate::load::Plan;
use crate::process::Process;
use crate::report::{Figure, Report, milliseconds};
use crate::storm::quantile;
use crate::wire::{Wire, get};

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let (all, awake) = (plan.tenants, plan.awake);
    eprintln!("{all} tenants, {awake} of them awake …");
    let deployment = Deployment::new(&plan.server, plan.cores.server.len())?;
    for number in 0..all {
        deployment.add_tenant(&name(number), "ES256")?;
    }
    for (is_first, when) in [
        (true, "the first start, which makes their ES256 keys"),
        (false, "a later start, keys there"),
    ] {
        let mut server = deployment.open(&plan.cores.server)?;
        let (wire, boot) = server.ready().await?;
        let asleep = server.resident_kib();
        let waking = wake(plan, &deployment, wire).await?;
        report.add(Figure {
            what: format!("Boot with {all} tenants in SQLite and files, {when}"),
            value: milliseconds(boot.as_secs_f64() * 1000.0),
            target: None,
        });
        report.add(Figure {
            what: format!("Activation of {awake} tenants one by one, {when}"),
            value: format!(
                "p50 {}, p99 {}",
                milliseconds(quantile(&waking, 0.5)),
                milliseconds(quantile(&waking, 0.99))
            ),
            target: None,
        });
        if !is_first {
            memory(plan, report, &server, asleep);
            idle(plan, report, &server).await;
        }
        server.stop().await?;
    }
    Ok(())
}

fn memory(plan: &Plan, report: &mut Report, server: &Process, asleep: Option<u32>) {
    let mb = |kib: u32| f64::from(kib) * 1.024 / 1000.0;
    let Some((before, after)) = asleep.zip(server.resident_kib()) else {
        return;
    };
    report.add(Figure {
        what: format!("Resident memory, {} tenants, none awake", plan.tenants),
        value: format!("{:.1} MB", mb(before)),
        target: None,
    });
    report.add(Figure {
        what: format!(
            "Resident memory, {} tenants, {} awake",
            plan.tenants, plan.awake
        ),
        value: format!("{:.1} MB", mb(after)),
        target: None,
    });
}

/// What looking for changed files and asking backends costs while nobody comes.
async fn idle(plan: &Plan, report: &mut Report, server: &Process) {
    let rest = plan.span * 6;
    let before = server.processor_time();
    sleep(rest).await;
    if let Some((after, before)) = server.processor_time().zip(before) {
        let share = after.saturating_sub(before).as_secs_f64() / rest.as_secs_f64() * 100.0;
        report.add(Figure {
            what: format!("Processor time while idle, {} tenants", plan.tenants),
            value: format!("{share:.1} % of one core"),
            target: None,
        });
    }
}

/// How long the first request to each tenant takes, in milliseconds.
async fn wake(plan: &Plan, deployment: &Deployment, mut wire: Wire) -> Result<Vec<f64>> {
    let mut waking = Vec::new();
    let apart = (plan.tenants / plan.awake.max(1)).max(1);
    for number in (0..plan.awake).map(|number| number * apart) {
        let request = get(&deployment.host(&name(number)), DISCOVERY);
        let asked = Instant::now();
        wire.ask(&request).await?.expect(200)?;
        waking.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(waking)
}

fn name(number: u32) -> String {
    format!("t{number:05}")
}
