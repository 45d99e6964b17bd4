//! One tenant and nobody there: how much memory, and how soon after a start a token is had.

use anyhow::Result;
use tokio::time::sleep;

use crate::browser::{Browser, ONLINE};
use crate::deployment::Deployment;
use crate::load::Plan;
use crate::report::{Figure, Report, Target, milliseconds};
use crate::storm::median;

const TENANT: &str = "one";
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    eprintln!("one idle tenant …");
    let deployment = Deployment::new(&plan.server, plan.cores.server.len())?;
    deployment.add_tenant(TENANT, "RS256")?;
    let host = deployment.host(TENANT);
    let mut first_tokens = Vec::new();
    let mut resident = None;
    // The first start makes the database and the key; it is not counted.
    for start in 0..=plan.rounds {
        let mut server = deployment.open(&plan.cores.server)?;
        let (wire, _) = server.ready().await?;
        Browser::new(wire, &host).log_in(ONLINE).await?;
        if start > 0 {
            first_tokens.push(server.age().as_secs_f64() * 1000.0);
        }
        if start == plan.rounds {
            sleep(plan.span * 2).await;
            resident = server.resident_kib();
        }
        server.stop().await?;
    }
    let from_start = median(&first_tokens);
    report.add(Figure {
        what: "From start to the first token, database and keys there".to_owned(),
        value: milliseconds(from_start),
        target: Some(Target::new("under 1 s", from_start < 1000.0)),
    });
    if let Some(kib) = resident {
        let mb = f64::from(kib) * 1.024 / 1000.0;
        report.add(Figure {
            what: "Resident memory, one tenant, idle after its first login".to_owned(),
            value: format!("{mb:.1} MB"),
            target: Some(Target::new("under 60 MB", mb < 60.0)),
        });
    }
    Ok(())
}
