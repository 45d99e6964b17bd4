//! Tokens of clients themselves, one signature each and nothing written, against the signatures that the
//! crypto library makes on the same cores when nothing else is asked of it.

use anyhow::{Context as _, Result};
use data_encoding::BASE64;
use serde_json::Value;

use crate::deployment::{CLIENT, Deployment, RESOURCE, SECRET};
use crate::load::Plan;
use crate::raw::Signer;
use crate::report::{Figure, Report, Target, rate, ratio, spread};
use crate::storm::{median, storm};

/// The algorithms, and which part of the raw rate is to be reached.
const GOALS: [(&str, f64, &str); 2] = [
    ("RS256", 0.85, "at least 0.85"),
    ("ES256", 0.7, "at least 0.7"),
];
/// Rounds of each: the program has little time left for them.
const MOST_ROUNDS: u32 = 5;

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    for (algorithm, goal, shown) in GOALS {
        eprintln!("{algorithm} tokens of clients themselves, against raw signatures …");
        let deployment = Deployment::new(&plan.server, plan.cores.server.len())?;
        deployment.add_tenant("one", algorithm)?;
        let mut server = deployment.open(&plan.cores.server)?;
        let (mut wire, _) = server.ready().await?;
        let request = request(&deployment.host("one"));
        let answer = wire.ask(&request).await?.expect(200)?;
        let length = answer.body.len();
        let body: Value = serde_json::from_slice(answer.body)?;
        let token = body.get("access_token").and_then(Value::as_str);
        let token = token.context("no access token came")?;
        let signer = match algorithm {
            "RS256" => Signer::for_token(token)?,
            _ => Signer::es256_for_token(token)?,
        };
        let (mut tokens, mut raws, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..plan.rounds.min(MOST_ROUNDS) {
            let round = storm(&server, &request, length, plan.connections, plan.span).await?;
            let raw = signer.rate(&plan.cores.server, plan.span / 2)?;
            tokens.push(round.per_second());
            raws.push(raw.per_second);
            ratios.push(round.per_second() / raw.per_second);
        }
        report.add(Figure {
            what: format!(
                "{algorithm} tokens by client_credentials, one signature each, to the raw signing rate"
            ),
            value: format!(
                "{} ({} to {}; {})",
                ratio(median(&ratios)),
                rate(median(&tokens)),
                rate(median(&raws)),
                spread(&ratios)
            ),
            target: Some(Target::new(shown, median(&ratios) >= goal)),
        });
        server.stop().await?;
    }
    Ok(())
}

fn request(host: &str) -> Vec<u8> {
    let basic = BASE64.encode(format!("{CLIENT}:{SECRET}").as_bytes());
    let form = format!("grant_type=client_credentials&resource={RESOURCE}");
    format!(
        "POST /token HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {basic}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len(),
    )
    .into_bytes()
}
