//! What another tenant's people notice of an upstream that takes connections and says nothing.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::browser::{Browser, ONLINE};
use crate::deployment::Deployment;
use crate::load::Plan;
use crate::process::Process;
use crate::report::{Figure, Report, Target, milliseconds};
use crate::storm::{median, quantile};
use crate::wire::Wire;

/// How many people at once wait for the upstream.
const WAITING: usize = 64;
/// How long they are waited for until all of them wait.
const GATHERING: Duration = Duration::from_secs(20);
const AT_MOST: f64 = 1.2;

const CALM: &str = "calm";

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    eprintln!("logins beside an upstream that hangs …");
    let upstream = TcpListener::bind("127.0.0.1:0").await?;
    let deployment = Deployment::new(&plan.server, plan.cores.server.len())?;
    deployment.add_tenant(CALM, "ES256")?;
    // An upstream that has hung is left alone for a while, so each round has a tenant of its own.
    let stuck = |round: u32| format!("stuck-{round}");
    let connector = connector(upstream.local_addr()?.port());
    for round in 0..plan.rounds {
        deployment.add_tenant_of(&stuck(round), "ES256", &connector)?;
    }
    let mut server = deployment.open(&plan.cores.server)?;
    server.ready().await?;
    let mut calm = Browser::new(Wire::open(server.port).await?, &deployment.host(CALM));
    calm.log_in(ONLINE).await?;
    server.at_rest().await?;

    let (mut alone, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        let before = slow_login(plan, &mut calm).await?;
        let crowd = Crowd::gather(&server, &upstream, &deployment.host(&stuck(round))).await?;
        let during = slow_login(plan, &mut calm).await?;
        crowd.go().await?;
        alone.push(before);
        beside.push(during);
        ratios.push(during / before);
    }
    let ratio = median(&ratios);
    let (least, most) = (quantile(&ratios, 0.0), quantile(&ratios, 1.0));
    report.add(Figure {
        what: format!(
            "Logins at a tenant while {WAITING} people of another wait for an upstream that hangs, \
             their p99 to that without them"
        ),
        value: format!(
            "**{ratio:.2}** ({} to {}; rounds {least:.2}–{most:.2})",
            milliseconds(median(&beside)),
            milliseconds(median(&alone)),
        ),
        target: Some(Target::new("at most 1.2", ratio <= AT_MOST)),
    });
    server.stop().await
}

/// The connector of the tenant whose upstream hangs: what it is asked first is for a code's tokens.
fn connector(port: u16) -> String {
    format!(
        "{{ type: oauth, id: oauth, name: Stuck, timeout: 30s, config: {{ clientID: us, clientSecret: secret, \
         authorizationURL: \"http://127.0.0.1:{port}/auth\", \
         tokenURL: \"http://127.0.0.1:{port}/token\", \
         userInfoURL: \"http://127.0.0.1:{port}/me\" }} }}"
    )
}

/// The p99 of the time that a login takes, in milliseconds, of logins one after the other.
async fn slow_login(plan: &Plan, browser: &mut Browser) -> Result<f64> {
    let until = Instant::now() + plan.span;
    let mut took = Vec::new();
    while Instant::now() < until {
        browser.forget();
        let began = Instant::now();
        browser.log_in(ONLINE).await?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(quantile(&took, 0.99))
}

/// People who came back from the upstream with a code, and wait for what comes of it.
struct Crowd {
    waiting: JoinSet<Result<()>>,
    connections: Vec<tokio::net::TcpStream>,
}

impl Crowd {
    /// Is there once the upstream has all the connections that the server opens to it.
    async fn gather(server: &Process, upstream: &TcpListener, host: &str) -> Result<Self> {
        let mut waiting = JoinSet::new();
        for _ in 0..WAITING {
            let mut browser = Browser::new(Wire::open(server.port).await?, host);
            waiting.spawn(async move { browser.come_back().await });
        }
        let mut connections = Vec::new();
        let all = async {
            // As many as the server lets one tenant have at once; the others wait for those.
            while let Ok(accepted) = timeout(Duration::from_millis(200), upstream.accept()).await {
                connections.push(accepted?.0);
            }
            Ok::<_, std::io::Error>(())
        };
        timeout(GATHERING, all)
            .await
            .context("the server goes on to open connections to its upstream")??;
        if connections.is_empty() {
            if let Some(answered) = waiting.try_join_next() {
                answered??;
            }
            bail!("the server does not ask its upstream");
        }
        Ok(Self {
            waiting,
            connections,
        })
    }

    /// The upstream ends its connections, and they go.
    async fn go(mut self) -> Result<()> {
        self.waiting.abort_all();
        self.connections.clear();
        while self.waiting.join_next().await.is_some() {}
        // The server notices that they are gone.
        sleep(Duration::from_millis(100)).await;
        Ok(())
    }
}
