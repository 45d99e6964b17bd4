//! Tokens of clients themselves, one signature each and nothing written: against the signatures that the
//! crypto library makes on the same cores when nothing else is asked of it, and against a bare handler
//! that makes one for each answer.

use anyhow::{Context as _, Result};
use data_encoding::BASE64;
use serde_json::Value;

use crate::bare;
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
        let host = deployment.host("one");
        let request = request(&host);
        let answer = wire.ask(&request).await?.expect(200)?;
        let length = answer.body.len();
        let body: Value = serde_json::from_slice(answer.body)?;
        let token = body.get("access_token").and_then(Value::as_str);
        let token = token.context("no access token came")?;
        let signer = Signer::of_algorithm(algorithm, token)?;
        let mut bare = bare::start(plan, &server, &deployment, &host, Some(algorithm))?;
        bare.ready().await?;
        server.at_rest().await?;
        let (mut tokens, mut raws, mut bares) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..plan.rounds.min(MOST_ROUNDS) {
            let round = storm(&server, &request, length, plan.connections, plan.span).await?;
            let theirs = storm(&bare, &request, length, plan.connections, plan.span).await?;
            let raw = signer.rate(&plan.cores.server, plan.span / 2)?;
            tokens.push(round.per_second());
            bares.push(theirs.per_second());
            raws.push(raw.per_second);
        }
        let what = format!("{algorithm} tokens by client_credentials, one signature each");
        for (to, others) in [
            ("the raw signing rate", raws),
            ("a bare handler that signs", bares),
        ] {
            let pairs = tokens.iter().zip(&others);
            let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
            report.add(Figure {
                what: format!("{what}, to {to}"),
                value: format!(
                    "{} ({} to {}; {})",
                    ratio(median(&ratios)),
                    rate(median(&tokens)),
                    rate(median(&others)),
                    spread(&ratios)
                ),
                target: Some(Target::new(shown, median(&ratios) >= goal)),
            });
        }
        bare.stop().await?;
        server.stop().await?;
    }
    Ok(())
}

/// The request for such a token.
pub(crate) fn request(host: &str) -> Vec<u8> {
    let basic = BASE64.encode(format!("{CLIENT}:{SECRET}").as_bytes());
    let form = format!("grant_type=client_credentials&resource={RESOURCE}");
    format!(
        "POST /token HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {basic}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len(),
    )
    .into_bytes()
}
