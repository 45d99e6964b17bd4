//! Connections that want nothing, and HTTP/2 that wants too much, at the process's own listeners.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::sides::{Attackers, Side};
use super::times::{Compared, until_at_rest};
use super::{
    Crowd, Http2Attack, MemoryWatch, Proof, Scale, Silence, attack_over_http2, raise_open_files,
    resident_bytes,
};
use crate::{Agent, Deployment, Person, Process, RelyingParty, walk};

const REDIRECT_URI: &str = "https://app.example/callback";
const HOST: &str = "app.localhost";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const MIB: u64 = 1024 * 1024;

/// The most connections the server takes, where many addresses attack.
const MAX: usize = 4000;

fn deployment(setting: &str) -> Deployment {
    Deployment::build()
        .tenant(
            "app",
            "issuer: http://app.localhost:PORT
connectors: [{ type: mockCallback, id: mock, name: Mock }]
oauth2: { skipApprovalScreen: true }
staticClients:
  - { id: app, name: App, secret: s, redirectURIs: ['https://app.example/callback'] }
limits: { requests: 100000/s }
",
        )
        .setting(setting)
        .log("warn")
        .done()
}

fn party(deployment: &Deployment) -> RelyingParty {
    let issuer = format!("http://{HOST}:{}", deployment.port);
    RelyingParty::new(&issuer, "app", "s", REDIRECT_URI)
}

/// Whose connections they are.
#[derive(Debug, Clone)]
struct Origin {
    addresses: RangeInclusive<u32>,
    words: &'static str,
    setting: String,
    most_open: usize,
}

impl Origin {
    fn one() -> Self {
        Self {
            addresses: 0..=0,
            words: "of one address, the same as of who logs in",
            setting: "connections: {}".to_owned(),
            most_open: 1000,
        }
    }

    fn many() -> Self {
        Self {
            addresses: 1..=3000,
            words: "of 3000 addresses",
            setting: format!("connections: {{ max: {MAX} }}"),
            most_open: MAX,
        }
    }
}

/// Silent connections, and a hundred that read one byte a second; a login beside them.
pub async fn silent_connections(scale: Scale) -> Vec<Proof> {
    let files = usize::try_from(raise_open_files()).unwrap_or(usize::MAX);
    let many = scale.of(4000, 15_000).min(files.saturating_sub(1500));
    if scale == Scale::Short {
        return vec![everybody_is_served_beside_silence(many).await];
    }
    let mut proofs = Vec::new();
    for side in Side::all() {
        for from in [Origin::one(), Origin::many()] {
            proofs.extend(logins_beside_silence(side, &from, many).await);
        }
    }
    for side in Side::all() {
        proofs.push(logins_beside_a_storm(side).await);
    }
    proofs
}

async fn logins_beside_silence(side: Side, from: &Origin, many: usize) -> Vec<Proof> {
    const ROUNDS: usize = 3;
    const LOGINS: usize = 400;
    let deployment = deployment(&from.setting);
    let (process, _stay) = side.open(&deployment).await;
    let party = party(&deployment);
    time_logins(&party, 20).await;
    let mut logins = Compared::default();
    let mut most_open: f64 = 0.0;
    let (mut is_healthy, mut is_at_rest) = (true, true);
    for _ in 0..ROUNDS {
        assert!(until_at_rest(process.pid()).await);
        logins.alone.add(time_logins(&party, LOGINS).await);
        let standing = Standing::gather(side, &process, from, many).await;
        logins.meanwhile.add(time_logins(&party, LOGINS).await);
        let (open, is_ready) = told(&process).await;
        most_open = most_open.max(open);
        is_healthy &= is_ready;
        is_at_rest &= standing.is_at_rest;
        standing.attackers.end().await;
    }
    let attack = format!(
        "{many} silent connections {}, 100 that read a byte a second, {}",
        from.words,
        side.words()
    );
    vec![
        logins.proof(attack.clone(), "a login over a connection of its own", 1.5),
        Proof {
            attack,
            seen: format!(
                "{most_open} connections open, {}, health answers 200: {is_healthy}",
                rest(is_at_rest)
            ),
            bound: format!(
                "at most {}, {}, health answers 200",
                from.most_open,
                rest(true)
            ),
            held: most_open <= from.most_open as f64 && is_at_rest && is_healthy,
        },
    ]
}

/// Connections that are opened as fast as they go, all the while.
async fn logins_beside_a_storm(side: Side) -> Proof {
    const LOGINS: usize = 400;
    let deployment = deployment("connections: {}");
    let (process, _stay) = side.open(&deployment).await;
    let party = party(&deployment);
    time_logins(&party, 20).await;
    let mut logins = Compared::default();
    logins.alone.add(time_logins(&party, LOGINS).await);
    let opened = Arc::new(AtomicUsize::new(0));
    let (count, port) = (Arc::clone(&opened), process.port);
    let attackers = Attackers::begin(side, move || async move {
        loop {
            let crowd = Crowd::gather_from(1..=10, port, 500, &Silence::Nothing).await;
            count.fetch_add(crowd.unwrap().opened, Ordering::Relaxed);
        }
    });
    let began = Instant::now();
    logins.meanwhile.add(time_logins(&party, LOGINS).await);
    let a_second = opened.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    let is_healthy = told(&process).await.1;
    attackers.end().await;
    let attack = format!(
        "connections opened and dropped without a pause, {a_second:.0} a second, {}",
        side.words()
    );
    let mut proof = logins.proof(attack, "a login over a connection of its own", f64::MAX);
    proof.bound = "every login ends with a code, health answers 200".to_owned();
    proof.held = is_healthy;
    proof
}

/// The short form, which asks nothing about how fast the machine is.
async fn everybody_is_served_beside_silence(many: usize) -> Proof {
    let deployment = deployment("connections: {}");
    let process = deployment.open().await;
    let standing = Standing::gather(Side::Same, &process, &Origin::one(), many).await;
    let logins = time_logins(&party(&deployment), 3).await.len();
    let (open, is_healthy) = told(&process).await;
    standing.attackers.end().await;
    Proof {
        attack: format!("{many} silent connections of one address, 100 that read a byte a second"),
        seen: format!(
            "{logins} logins ended with a code, {open} connections open, {}, health answers 200: {is_healthy}",
            rest(standing.is_at_rest)
        ),
        bound: format!(
            "all 3 do, at most 1000 of one address, {}, health answers 200",
            rest(true)
        ),
        held: logins == 3 && open <= 1000.0 && standing.is_at_rest && is_healthy,
    }
}

/// What a server does that has nothing to do but to wait.
fn rest(is_at_rest: bool) -> &'static str {
    if is_at_rest {
        "the server at rest beside them"
    } else {
        "the server never at rest beside them"
    }
}

/// How many connections are open, and whether it is ready.
async fn told(process: &Process) -> (f64, bool) {
    let ready = Agent::new().get(process.telemetry("/healthz/ready")).await;
    let metrics = process.metrics().await;
    (
        metrics.sum("insula_connections_open", &[]),
        ready.status == 200,
    )
}

/// Connections that were all opened, and stay for as long as they are let.
struct Standing {
    attackers: Attackers,
    /// Whether the server came to rest beside them.
    is_at_rest: bool,
}

impl Standing {
    async fn gather(side: Side, process: &Process, from: &Origin, many: usize) -> Self {
        let request = format!("GET {DISCOVERY} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let slow = Silence::ReadAByteASecond(request);
        let (addresses, port) = (from.addresses.clone(), process.port);
        let (gathered, all) = oneshot::channel();
        let attackers = Attackers::begin(side, move || async move {
            let mut crowds = Vec::new();
            for (count, silence) in [
                (100, &slow),
                (many, &Silence::Nothing),
                (many / 15, &Silence::HalfAHead),
            ] {
                let crowd = Crowd::gather_from(addresses.clone(), port, count, silence).await;
                crowds.push(crowd.expect("the system gives as many connections"));
            }
            gathered.send(()).unwrap();
            std::future::pending().await
        });
        all.await.expect("they are all opened");
        let is_at_rest = until_at_rest(process.pid()).await;
        Self {
            attackers,
            is_at_rest,
        }
    }
}

async fn time_logins(party: &RelyingParty, count: usize) -> Vec<Duration> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        // A browser of its own: it has to get a connection first.
        let (browser, login) = (Agent::new(), party.begin());
        let began = Instant::now();
        let back = walk(&browser, &login, &Person::at("mock")).await;
        assert!(!back.code().is_empty());
        times.push(began.elapsed());
    }
    times
}

/// The known attacks over HTTP/2, each over one connection.
pub async fn attacks_over_http2(scale: Scale) -> Vec<Proof> {
    let deployment = deployment("connections: {}");
    let process = deployment.open().await;
    is_served(&process).await;
    let mut proofs = Vec::new();
    for kind in Http2Attack::ALL {
        let idle = resident_bytes(process.pid());
        let watch = MemoryWatch::begin(process.pid());
        let frames = u32::try_from(scale.of(50_000, 2_000_000)).unwrap_or(u32::MAX);
        let stay = Duration::from_secs(30);
        let attack = attack_over_http2(kind, process.port, HOST, DISCOVERY, frames, stay);
        let (taken, is_served_meanwhile) = tokio::join!(attack, is_served(&process));
        let taken = taken.expect("it connects");
        let most = watch.most();
        let is_served_after = is_served(&process).await;
        let end = if taken.is_closed {
            "closed"
        } else {
            "still open"
        };
        proofs.push(Proof {
            attack: format!("HTTP/2: {kind:?}"),
            seen: format!(
                "{} KiB sent, {end}; memory from {} to {} MiB",
                taken.bytes / 1024,
                idle / MIB,
                most / MIB
            ),
            bound: "closed, 1.2 times idle and 64 MiB, a neighbour served".to_owned(),
            held: taken.is_closed
                && most < idle + idle / 5 + 64 * MIB
                && is_served_meanwhile
                && is_served_after,
        });
    }
    proofs
}

async fn is_served(process: &Process) -> bool {
    let url = format!("http://{HOST}:{}{DISCOVERY}", process.port);
    let asking = Agent::new();
    let answer = tokio::time::timeout(Duration::from_secs(10), asking.get(url)).await;
    answer.is_ok_and(|answer| answer.status == 200)
}
