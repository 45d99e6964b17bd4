//! The database and the cache stall or are cut off at every request that a login, an exchange and a
//! refresh make of them, under clients that try again: nobody is logged out, nothing is redeemed
//! twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;

use super::retrying::Retrying;
use super::{Proof, Scale};
use crate::{
    Agent, ConnectionFault, Deployment, Person, Process, Relay, RelyingParty, service, unique,
};

const REDIRECT_URI: &str = "https://app.example/callback";
/// argon2id of "password".
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$4oUKJFuO1HSpp1d+6NQReQ$QdW2GtHNq+pEsYg/JHln8B0zYM6NV9J71y2Z1B/aFqE";

/// How long clients wait that do not give up: longer than any answer may take.
const PATIENT: Duration = Duration::from_secs(25);
/// A statement may wait five seconds for a connection and then take five, and whatever it failed
/// for is told; two more for a machine that is busy.
const LONGEST_ANSWER: Duration = Duration::from_secs(12);
/// More than any scene needs.
const PEOPLE: usize = 250;
/// How long impatient ones wait.
const IMPATIENT: Duration = Duration::from_secs(2);
/// What is noted after an answer is sent 50 ms later: when nothing was sent for so long, it is over.
const QUIET: Duration = Duration::from_millis(150);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Backend {
    Database,
    Cache,
}

/// The ways to log in that are walked: a password, and an upstream that calls back.
const WAYS: [&str; 2] = ["local", "mock"];

/// One fault at one request of one login and what follows it.
#[derive(Debug, Clone, Copy)]
struct Case {
    backend: Backend,
    way: &'static str,
    at: usize,
    fault: ConnectionFault,
}

/// What a case came to.
#[derive(Debug)]
struct Outcome {
    case: Case,
    wrongs: Vec<String>,
    begun_again: usize,
    longest: Duration,
}

/// Two nodes on a database and a cache, with a wire before each.
struct Scene {
    tenant: String,
    database: Relay,
    cache: Relay,
    _nodes: [Process; 2],
    /// Clients and browsers that wait, those that do not, and those that stay with one node.
    patient: Visitor,
    impatient: Visitor,
    at: [Visitor; 2],
    /// How many people have logged in with a password.
    people: AtomicUsize,
    _deployment: Deployment,
}

/// A client and a browser. Made once for many lives: making one takes longer than a login.
struct Visitor {
    party: RelyingParty,
    agent: Agent,
}

impl Visitor {
    fn at(issuer: &str, ports: &[u16], patience: Duration) -> Self {
        let agent = || Agent::through(ports).with_patience(patience);
        let party = RelyingParty::new(issuer, "app", "s", REDIRECT_URI);
        let mut party = party.with_scope("openid email offline_access");
        party.http = agent();
        Self {
            party,
            agent: agent(),
        }
    }
}

impl Scene {
    async fn set(postgres: &str, redis: &str) -> Self {
        let (database, to_database) = Relay::before(postgres).await;
        let (cache, to_cache) = Relay::before(redis).await;
        let tenant = format!("t{}", unique());
        let people: String = (0..PEOPLE)
            .map(|n| {
                format!("  - {{ email: p{n}@acme.example, userID: 'p{n}', hash: '{HASH}' }}\n")
            })
            .collect();
        let text = format!(
            "issuer: http://{tenant}.localhost:PORT
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
enablePasswordDB: true
staticPasswords:
{people}staticClients: [{{ id: app, name: App, secret: s, redirectURIs: ['{REDIRECT_URI}'] }}]
limits: {{ requests: 100000/s, passwordFailures: 1000/s, passwordFailuresPerAddress: 1000/s, passwordFailuresPerTenant: 1000/s }}
"
        );
        let deployment = Deployment::build()
            .tenant(&tenant, &text)
            .database(&to_database)
            .cache(&to_cache)
            // All scenes together stay below what the server takes.
            .setting("databasePool: { maxConnections: 6 }")
            .log("warn")
            .done();
        let nodes = [deployment.open().await, deployment.open_another().await];
        let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
        let ports = [nodes[0].port, nodes[1].port];
        Self {
            patient: Visitor::at(&issuer, &ports, PATIENT),
            impatient: Visitor::at(&issuer, &ports, IMPATIENT),
            at: ports.map(|port| Visitor::at(&issuer, &[port], PATIENT)),
            tenant,
            database,
            cache,
            _nodes: nodes,
            people: AtomicUsize::new(0),
            _deployment: deployment,
        }
    }

    fn relay(&self, backend: Backend) -> &Relay {
        match backend {
            Backend::Database => &self.database,
            Backend::Cache => &self.cache,
        }
    }

    /// Waits until both nodes are over what happened last.
    async fn settle(&self) {
        self.database.flows().await;
        self.cache.flows().await;
        let settling = tokio::time::timeout(Duration::from_secs(60), self.both_serve());
        settling.await.expect("both nodes serve again");
    }

    async fn both_serve(&self) {
        for Visitor { party, agent } in &self.at {
            // Connections that were cut lie in the pool until they are used.
            let mut served = 0;
            while served < 3 {
                let answer = agent.get(party.begin_with(&[("connector_id", "local")]).url);
                let came_back = party.at("/token/introspect");
                let token = [
                    ("token", "CgFhEgFi"),
                    ("client_id", "app"),
                    ("client_secret", "s"),
                ];
                let (begun, asked) = tokio::join!(answer, agent.post(came_back, &token));
                served += usize::from(begun.status < 400 && asked.status == 200);
                agent.forget();
            }
        }
    }

    /// Waits until nothing more is asked of the backend for the sake of the tenant.
    async fn quiet(&self, backend: Backend) {
        if backend == Backend::Cache {
            return;
        }
        let relay = self.relay(backend);
        let mut seen = relay.requests();
        loop {
            tokio::time::sleep(QUIET).await;
            let now = relay.requests();
            if now == seen {
                return;
            }
            seen = now;
        }
    }

    /// A whole life of a login, with a fault or without. Answers how many requests it made of the
    /// backend meanwhile.
    async fn live(
        &self,
        scale: Scale,
        backend: Backend,
        way: &str,
        at: usize,
        fault: Option<ConnectionFault>,
    ) -> Lived {
        self.settle().await;
        let relay = self.relay(backend);
        relay.watch_for(&self.tenant);
        if let Some(fault) = fault {
            relay.strike_at(at, fault);
        }
        let waits = !matches!(
            fault,
            Some(ConnectionFault::StallAnswers(_) | ConnectionFault::StallConnection(_))
        );
        let Visitor { party, agent } = if waits {
            &self.patient
        } else {
            &self.impatient
        };
        agent.forget();
        // Somebody new, for whom everything is written for the first time.
        let number = self.people.fetch_add(1, Ordering::Relaxed);
        assert!(number < PEOPLE, "there are people enough");
        let login = format!("p{number}@acme.example");
        let person = Person {
            connector: Some(way),
            ..Person::new(&login, "password")
        };
        let mut somebody = Retrying::new(party, agent, person);
        let mut requests = 0;
        let life = async {
            let mut held = somebody.log_in().await?;
            self.quiet(backend).await;
            somebody.userinfo(&held).await?;
            for _ in 0..2 {
                somebody.refresh(&mut held).await?;
                self.quiet(backend).await;
            }
            somebody.come_back().await?;
            requests = relay.requests();
            relay.spare();
            // When all is well again, and what was held up has arrived, they still are who they were.
            self.settle().await;
            somebody.refresh(&mut held).await?;
            somebody.userinfo(&held).await?;
            somebody.come_back().await?;
            somebody.replay(&held).await
        };
        let is_over = life.await.is_some();
        assert!(is_over || !somebody.wrongs.is_empty(), "who stops says why");
        if waits && somebody.longest > LONGEST_ANSWER && scale == Scale::Whole {
            let took = somebody.longest;
            somebody.wrongs.push(format!("an answer took {took:?}"));
        }
        Lived {
            requests,
            wrongs: somebody.wrongs,
            begun_again: somebody.begun_again,
            longest: somebody.longest,
        }
    }

    /// `None` if there was no such request: now and then a note is sent together with another.
    async fn run(&self, scale: Scale, case: Case) -> Option<Outcome> {
        let Case {
            backend,
            way,
            at,
            fault,
        } = case;
        let lived = self.live(scale, backend, way, at, Some(fault)).await;
        for wrong in &lived.wrongs {
            eprintln!("   {case:?}: {wrong}");
        }
        let has_struck = self.relay(backend).has_struck();
        (has_struck || !lived.wrongs.is_empty()).then_some(Outcome {
            case,
            wrongs: lived.wrongs,
            begun_again: lived.begun_again,
            longest: lived.longest,
        })
    }
}

struct Lived {
    requests: usize,
    wrongs: Vec<String>,
    begun_again: usize,
    longest: Duration,
}

/// The mishaps, the longest first, so that the last ones to run are short.
fn mishaps(scale: Scale) -> Vec<ConnectionFault> {
    let seconds = Duration::from_secs;
    if scale == Scale::Short {
        let stall = ConnectionFault::StallAnswers(seconds(1));
        return vec![stall, ConnectionFault::CutBefore, ConnectionFault::CutAfter];
    }
    let mut mishaps = Vec::new();
    for long in [30, 9, 5, 1].map(seconds) {
        mishaps.push(ConnectionFault::StallRequests(long));
        mishaps.push(ConnectionFault::StallAnswers(long));
        if long < seconds(30) {
            mishaps.push(ConnectionFault::StallConnection(long));
        }
    }
    mishaps.extend([ConnectionFault::CutBefore, ConnectionFault::CutAfter]);
    mishaps
}

/// Every fault at every request. The longest stalls are for one way to log in: they would take an
/// hour for both.
fn cases(scale: Scale, requests: &BTreeMap<(Backend, &'static str), usize>) -> VecDeque<Case> {
    let mut cases = VecDeque::new();
    for fault in mishaps(scale) {
        for (&(backend, way), &most) in requests {
            if seconds(fault) == Some(30) && way != WAYS[0] {
                continue;
            }
            cases.extend((1..=most).map(|at| Case {
                backend,
                way,
                at,
                fault,
            }));
        }
    }
    cases
}

/// Stalls and cuts of PostgreSQL and of Redis at every request of a login, its exchange and its
/// refreshes at two nodes.
pub async fn outages(scale: Scale) -> Vec<Proof> {
    let (Some(postgres), Some(redis)) = (
        service("INSULA_TEST_POSTGRES"),
        service("INSULA_TEST_REDIS"),
    ) else {
        return Vec::new();
    };
    let ways = &WAYS[..scale.of(1, 2)];
    let scenes = (0..scale.of(6, 20)).map(|_| Scene::set(&postgres, &redis));
    let scenes = join_all(scenes).await;
    // What a login asks of each, when nothing happens.
    let kinds = [Backend::Database, Backend::Cache].into_iter();
    let kinds: Vec<_> = kinds
        .flat_map(|backend| ways.iter().map(move |way| (backend, *way)))
        .collect();
    let undisturbed = kinds
        .iter()
        .zip(&scenes)
        .map(|(&(backend, way), scene)| async move {
            // Only the first one who comes by an upstream is new to the tenant.
            scene.live(scale, backend, way, 0, None).await;
            let lived = scene.live(scale, backend, way, 0, None).await;
            assert_eq!(lived.wrongs, [] as [&str; 0], "nothing has happened yet");
            assert!(lived.requests > 5, "{backend:?}: {}", lived.requests);
            ((backend, way), lived.requests)
        });
    let requests: BTreeMap<_, _> = join_all(undisturbed).await.into_iter().collect();
    eprintln!("   requests: {requests:?}");
    let cases = Arc::new(Mutex::new(cases(scale, &requests)));
    let working = scenes.iter().map(|scene| async {
        let mut outcomes = Vec::new();
        loop {
            let case = cases.lock().unwrap().pop_front();
            let Some(case) = case else { return outcomes };
            outcomes.extend(scene.run(scale, case).await);
        }
    });
    let outcomes: Vec<_> = join_all(working).await.into_iter().flatten().collect();
    [Backend::Database, Backend::Cache]
        .into_iter()
        .flat_map(|backend| {
            let of_this: Vec<_> = outcomes
                .iter()
                .filter(|o| o.case.backend == backend)
                .collect();
            let most = requests.iter().filter(|((of, _), _)| *of == backend);
            let most: usize = most.map(|(_, most)| most).sum();
            [
                proof(backend, most, "cut", &of_this),
                proof(backend, most, "stalls", &of_this),
            ]
        })
        .collect()
}

fn is_stall(fault: ConnectionFault) -> bool {
    !matches!(
        fault,
        ConnectionFault::CutBefore | ConnectionFault::CutAfter
    )
}

fn proof(backend: Backend, most: usize, kind: &str, outcomes: &[&Outcome]) -> Proof {
    let of_kind = |o: &&&Outcome| is_stall(o.case.fault) == (kind == "stalls");
    let outcomes: Vec<_> = outcomes.iter().filter(of_kind).collect();
    let wrongs: Vec<_> = outcomes
        .iter()
        .flat_map(|o| {
            o.wrongs
                .iter()
                .map(|wrong| format!("{:?}: {wrong}", o.case))
        })
        .collect();
    let begun_again = outcomes.iter().filter(|o| o.begun_again > 0).count();
    let longest = outcomes.iter().map(|o| o.longest).max().unwrap_or_default();
    let name = match backend {
        Backend::Database => "PostgreSQL",
        Backend::Cache => "Redis",
    };
    let attack = if kind == "cut" {
        format!(
            "{name} cut off before and after each of the {most} requests that a login, its exchange \
             and refreshes make of it, at two nodes, with clients that try again"
        )
    } else {
        let mut long: Vec<_> = outcomes
            .iter()
            .filter_map(|o| seconds(o.case.fault))
            .collect();
        long.sort_unstable();
        long.dedup();
        format!(
            "{name} stalls for each of {long:?} s at each of them, in either direction and on one connection alone"
        )
    };
    let some: Vec<_> = wrongs.iter().take(3).collect();
    Proof {
        attack,
        seen: format!(
            "{} logins: {} logged out or redeemed twice {some:?}; {begun_again} were begun again; \
             the longest answer took {:.1} s",
            outcomes.len(),
            wrongs.len(),
            longest.as_secs_f64()
        ),
        bound: "nobody is logged out, nothing is redeemed twice, no answer takes longer than 12 s"
            .to_owned(),
        held: wrongs.is_empty() && !outcomes.is_empty(),
    }
}

fn seconds(fault: ConnectionFault) -> Option<u64> {
    match fault {
        ConnectionFault::StallRequests(long)
        | ConnectionFault::StallAnswers(long)
        | ConnectionFault::StallConnection(long) => Some(long.as_secs()),
        ConnectionFault::CutBefore | ConnectionFault::CutAfter => None,
    }
}
