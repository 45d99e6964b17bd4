//! Password guesses at one tenant, and the logins of its neighbour.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::sides::{Attackers, Side};
use super::times::{Compared, until_at_rest};
use super::{Proof, Scale};
use crate::{Agent, Deployment, Person, RelyingParty, unique, walk};

const REDIRECT_URI: &str = "https://app.example/callback";
/// argon2id of "password".
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$4oUKJFuO1HSpp1d+6NQReQ$QdW2GtHNq+pEsYg/JHln8B0zYM6NV9J71y2Z1B/aFqE";
/// bcrypt of nobody's password, at the greatest cost there is.
const DEAR: &str = "$2b$14$.....................................................";
/// What hashes of the tenant that is guessed at are called, and one of them.
type Kind = (&'static str, &'static str);

const ORDINARY: Kind = ("ordinary", HASH);
const THE_DEAREST: Kind = ("the dearest", DEAR);
/// Fifty times as many as hashes of one tenant that are computed at once.
const AT_ONCE: usize = 200;

fn tenant(name: &str, hash: &str) -> String {
    format!(
        "issuer: http://{name}.localhost:PORT
enablePasswordDB: true
staticPasswords: [{{ email: jane@{name}.example, userID: '1', hash: '{hash}' }}]
staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: ['{REDIRECT_URI}'], skipApprovalScreen: true }}
limits: {{ requests: 100000/s, passwordFailures: 1000000/s, passwordFailuresPerAddress: 1000000/s, passwordFailuresPerTenant: 1000000/s }}
"
    )
}

fn deployment(hash: &str) -> Deployment {
    Deployment::build()
        .tenant("loud", &tenant("loud", hash))
        .tenant("quiet", &tenant("quiet", HASH))
        .log("warn")
        .done()
}

fn issuer(deployment: &Deployment, name: &str) -> String {
    format!("http://{name}.localhost:{}", deployment.port)
}

/// Guesses at one tenant, fifty times as many at once as hashes it may compute at once.
pub async fn password_guesses_at_one_tenant(scale: Scale) -> Vec<Proof> {
    if scale == Scale::Short {
        return vec![a_login_does_not_wait_for_its_neighbours_queue().await];
    }
    vec![logins_beside_guesses(Side::Same, ORDINARY).await]
}

/// The same where each hash is of the dearest there is.
pub async fn dear_password_guesses_at_one_tenant(_: Scale) -> Vec<Proof> {
    vec![logins_beside_guesses(Side::Same, THE_DEAREST).await]
}

/// The same with the server on one processor of its own, as on a machine with nothing to spare.
pub async fn password_guesses_at_a_server_with_one_processor(_: Scale) -> Vec<Proof> {
    on_one_processor(ORDINARY).await
}

/// The same where each hash is of the dearest there is.
pub async fn dear_password_guesses_at_a_server_with_one_processor(_: Scale) -> Vec<Proof> {
    on_one_processor(THE_DEAREST).await
}

/// Nothing where there is no second processor for who measures.
async fn on_one_processor(kind: Kind) -> Vec<Proof> {
    if !Side::all().contains(&Side::Other) {
        return Vec::new();
    }
    vec![logins_beside_guesses(Side::Other, kind).await]
}

/// Alone and beside guesses in turns of one run: whatever else becomes of the machine meanwhile
/// slows both.
async fn logins_beside_guesses(side: Side, (kind, hash): Kind) -> Proof {
    const ROUNDS: usize = 20;
    /// The 99th percentile of the whole is the twelfth slowest.
    const LOGINS: usize = 60;
    let deployment = deployment(hash);
    let (process, _stay) = side.open(&deployment).await;
    let quiet = RelyingParty::new(&issuer(&deployment, "quiet"), "app", "s", REDIRECT_URI);
    time_logins(&quiet, 10).await;
    let mut logins = Compared::default();
    let (mut guesses, mut computed) = (0, 0);
    for _ in 0..ROUNDS {
        assert!(until_at_rest(process.pid()).await);
        logins.alone.add(time_logins(&quiet, LOGINS).await);
        let flood = Flood::begin(side, &issuer(&deployment, "loud"), AT_ONCE).await;
        logins.meanwhile.add(time_logins(&quiet, LOGINS).await);
        let (told, wrong) = flood.end().await;
        guesses += told;
        computed += wrong;
    }
    let attack = format!(
        "{AT_ONCE} password guesses at once at one tenant, {kind} hashes, {}: {guesses} answered, {computed} of them computed",
        side.words()
    );
    logins.proof(attack, "a neighbour's password login", 1.5)
}

/// The short form, which asks nothing about how fast the machine is: of guesses that wait for dear
/// hashes, at most half are computed before a neighbour's login that began after them is answered.
/// First come, first served would compute all of them.
async fn a_login_does_not_wait_for_its_neighbours_queue() -> Proof {
    let deployment = deployment(DEAR);
    let _process = deployment.open().await;
    let quiet = RelyingParty::new(&issuer(&deployment, "quiet"), "app", "s", REDIRECT_URI);
    time_logins(&quiet, 1).await;
    let flood = Flood::begin(Side::Same, &issuer(&deployment, "loud"), AT_ONCE).await;
    // Who finds the queue full is told at once: from then on it is.
    flood.until(|counts| counts.refused() > 0).await;
    let (waiting, before) = (flood.counts.waiting(), flood.counts.computed());
    time_logins(&quiet, 1).await;
    let meanwhile = flood.counts.computed() - before;
    flood.end().await;
    Proof {
        attack: format!("{AT_ONCE} password guesses at once at one tenant, the dearest hashes"),
        seen: format!(
            "{waiting} of them waited, and {meanwhile} were computed before a neighbour's login was answered"
        ),
        bound: "at most half of at least 16".to_owned(),
        held: waiting >= 16 && meanwhile <= waiting / 2,
    }
}

async fn time_logins(party: &RelyingParty, count: usize) -> Vec<Duration> {
    let jane = Person::new("jane@quiet.example", "password");
    let agent = Agent::new();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        agent.forget();
        let began = Instant::now();
        let back = walk(&agent, &party.begin(), &jane).await;
        assert!(!back.code().is_empty());
        times.push(began.elapsed());
    }
    times
}

/// Guesses that go on until they are ended, each after the answer to the one before and a pause.
struct Flood {
    attackers: Attackers,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    asked: AtomicUsize,
    computed: AtomicUsize,
    refused: AtomicUsize,
}

impl Counts {
    fn computed(&self) -> usize {
        self.computed.load(Ordering::SeqCst)
    }

    fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    fn answered(&self) -> usize {
        self.computed() + self.refused()
    }

    fn waiting(&self) -> usize {
        let answered = self.answered();
        self.asked.load(Ordering::SeqCst) - answered
    }
}

impl Flood {
    async fn begin(side: Side, issuer: &str, at_once: usize) -> Self {
        let counts = Arc::new(Counts::default());
        let attackers = {
            let (issuer, counts) = (issuer.to_owned(), Arc::clone(&counts));
            Attackers::begin(side, move || guess(issuer, at_once, counts))
        };
        let flood = Self { attackers, counts };
        // It is under way before anything is measured.
        flood
            .until(|counts| counts.computed() > 0 && counts.asked.load(Ordering::SeqCst) >= at_once)
            .await;
        flood
    }

    async fn until(&self, is_so: impl Fn(&Counts) -> bool) {
        while !is_so(&self.counts) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Answers how many guesses were answered, and how many of them computed.
    async fn end(self) -> (usize, usize) {
        self.attackers.end().await;
        (self.counts.answered(), self.counts.computed())
    }
}

async fn guess(issuer: String, at_once: usize, counts: Arc<Counts>) {
    let party = RelyingParty::new(&issuer, "app", "s", REDIRECT_URI);
    let agent = Arc::new(Agent::new());
    let mut guessers = JoinSet::new();
    for _ in 0..at_once {
        let form = agent.get(party.begin().url).await;
        let form = agent.get(form.location()).await.expect(200).url;
        let (agent, counts) = (Arc::clone(&agent), Arc::clone(&counts));
        guessers.spawn(async move {
            loop {
                let name = unique();
                let guess = [("login", name.as_str()), ("password", "guess")];
                counts.asked.fetch_add(1, Ordering::SeqCst);
                let answer = agent.post(&form, &guess).await;
                let count = match answer.status {
                    401 => &counts.computed,
                    429 | 503 => &counts.refused,
                    other => panic!("{other} {}", answer.words()),
                };
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }
    // None ends but by a panic, which is passed on.
    if let Some(ended) = guessers.join_next().await {
        ended.unwrap();
    }
}
