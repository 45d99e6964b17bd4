//! Connections that want nothing, and HTTP/2 that wants too much, at the process's own listeners.

use std::time::{Duration, Instant};

use super::{
    Crowd, Http2Attack, MemoryWatch, Proof, Scale, Silence, attack_over_http2, p99,
    raise_open_files, ratio, resident_bytes,
};
use crate::{Agent, House, Person, Process, RelyingParty, walk};

const REDIRECT_URI: &str = "https://app.example/callback";
const HOST: &str = "app.localhost";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const MIB: u64 = 1024 * 1024;

fn house() -> House {
    House::build()
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
        .log("warn")
        .done()
}

/// Silent connections from one address, and a hundred that read one byte a second; a login beside
/// them.
pub async fn silent_connections(scale: Scale) -> Vec<Proof> {
    let files = usize::try_from(raise_open_files()).unwrap_or(usize::MAX);
    let many = scale.of(4000, 15_000).min(files.saturating_sub(1500));
    let logins = scale.of(3, 200);
    let house = house();
    let process = house.open().await;
    let issuer = format!("http://{HOST}:{}", house.port);
    let party = RelyingParty::new(&issuer, "app", "s", REDIRECT_URI);
    time_logins(&party, scale.of(1, 20)).await;
    let alone = time_logins(&party, logins).await;

    let request = format!("GET {DISCOVERY} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let slow = Silence::ReadAByteASecond(request);
    let mut crowds = Vec::new();
    for (count, silence) in [
        (100, &slow),
        (many, &Silence::Nothing),
        (scale.of(300, 1000), &Silence::HalfAHead),
    ] {
        let crowd = Crowd::gather(process.port, count, silence).await;
        crowds.push(crowd.expect("the system gives as many connections"));
    }
    let meanwhile = time_logins(&party, logins).await;
    let ready = Agent::new().get(process.telemetry("/healthz/ready")).await;
    let open = process.metrics().await;
    let open = open.sum("insula_connections_open", &[]);

    let attack = format!("{many} silent connections of one address, 100 that read a byte a second");
    let mut login = ratio(&attack, "p99 of a login", p99(alone), p99(meanwhile), 1.5);
    if scale == Scale::Short {
        login.held = true;
    }
    vec![
        login,
        Proof {
            attack,
            seen: format!("{open} connections open, health answers {}", ready.status),
            bound: "at most 1000 of one address, health answers 200".to_owned(),
            held: open <= 1000.0 && ready.status == 200,
        },
    ]
}

async fn time_logins(party: &RelyingParty, count: usize) -> Vec<Duration> {
    let somebody = Person {
        connector: Some("mock"),
        ..Person::default()
    };
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let login = party.begin();
        let began = Instant::now();
        // A browser of its own: it has to get a connection first.
        let back = walk(&Agent::new(), &login, &somebody).await;
        assert!(!back.code().is_empty());
        times.push(began.elapsed());
    }
    times
}

/// The known attacks over HTTP/2, each over one connection.
pub async fn attacks_over_http2(scale: Scale) -> Vec<Proof> {
    let house = house();
    let process = house.open().await;
    is_served(&process).await;
    let mut proofs = Vec::new();
    for kind in Http2Attack::ALL {
        let idle = resident_bytes(process.pid());
        let watch = MemoryWatch::begin(process.pid());
        let frames = u32::try_from(scale.of(50_000, 2_000_000)).unwrap_or(u32::MAX);
        let stay = Duration::from_millis(500);
        let attack = attack_over_http2(kind, process.port, HOST, DISCOVERY, frames, stay);
        let (taken, is_served_meanwhile) = tokio::join!(attack, is_served(&process));
        let taken = taken.expect("it connects");
        let most = watch.most();
        let is_served_after = is_served(&process).await;
        let end = if taken.is_closed { "closed" } else { "open" };
        proofs.push(Proof {
            attack: format!("HTTP/2: {kind:?}"),
            seen: format!(
                "{} KiB sent, {end}; memory from {} to {} MiB",
                taken.bytes / 1024,
                idle / MIB,
                most / MIB
            ),
            bound: "1.2 times idle and 64 MiB, a neighbour served".to_owned(),
            held: most < idle + idle / 5 + 64 * MIB && is_served_meanwhile && is_served_after,
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
