//! Password guesses at one tenant, and the logins of its neighbour.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Proof, Scale, p99, ratio};
use crate::{Agent, House, Person, RelyingParty, unique, walk};

const REDIRECT_URI: &str = "https://app.example/callback";
/// argon2id of "password".
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$4oUKJFuO1HSpp1d+6NQReQ$QdW2GtHNq+pEsYg/JHln8B0zYM6NV9J71y2Z1B/aFqE";
/// bcrypt of nobody's password, at the greatest cost there is.
const DEAR: &str = "$2b$14$.....................................................";

fn tenant(name: &str, hash: &str) -> String {
    format!(
        "issuer: http://{name}.localhost:PORT
enablePasswordDB: true
staticPasswords: [{{ email: jane@{name}.example, userID: '1', hash: '{hash}' }}]
staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: ['{REDIRECT_URI}'], skipApprovalScreen: true }}
limits: {{ requests: 100000/s, passwordFailures: 1000000/s, passwordFailuresPerAddress: 1000000/s }}
"
    )
}

/// Guesses at one tenant, fifty times as many at once as hashes it may compute at once; first hashes
/// of ordinary cost, then the dearest there are.
pub async fn password_guesses_at_one_tenant(scale: Scale) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for (kind, hash) in [("ordinary", HASH), ("the dearest", DEAR)] {
        let house = House::build()
            .tenant("loud", &tenant("loud", hash))
            .tenant("quiet", &tenant("quiet", HASH))
            .log("warn")
            .done();
        let _process = house.open().await;
        let issuer = |name: &str| format!("http://{name}.localhost:{}", house.port);
        let quiet = RelyingParty::new(&issuer("quiet"), "app", "s", REDIRECT_URI);
        let logins = scale.of(10, 300);
        let jane = Person::new("jane@quiet.example", "password");
        time_logins(&quiet, &jane, 5).await;
        let alone = time_logins(&quiet, &jane, logins).await;

        let flood = Flood::begin(&issuer("loud"), 200).await;
        let meanwhile = time_logins(&quiet, &jane, logins).await;
        let (guesses, wrong) = flood.end().await;

        let attack = format!(
            "200 password guesses at once at one tenant, {kind} hashes: {guesses} in all, {wrong} computed"
        );
        let mut proof = ratio(
            &attack,
            "p99 of a neighbour's login",
            p99(alone),
            p99(meanwhile),
            1.5,
        );
        if scale == Scale::Short {
            proof.held = true;
        }
        // Every login of the neighbour ended with a code, or `walk` had failed.
        assert!(guesses > 0, "nobody guessed");
        proofs.push(proof);
    }
    proofs
}

async fn time_logins(party: &RelyingParty, person: &Person<'_>, count: usize) -> Vec<Duration> {
    let agent = Agent::new();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        agent.forget();
        let began = Instant::now();
        let back = walk(&agent, &party.begin(), person).await;
        let code = back.code();
        assert!(!code.is_empty());
        times.push(began.elapsed());
    }
    times
}

/// Guesses that go on until they are ended, each after the answer to the one before and a pause.
struct Flood {
    is_over: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    guesses: Arc<AtomicUsize>,
    wrong: Arc<AtomicUsize>,
}

impl Flood {
    async fn begin(issuer: &str, at_once: usize) -> Self {
        let (is_over, guesses, wrong) =
            <(Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let party = RelyingParty::new(issuer, "app", "s", REDIRECT_URI);
        let agent = Arc::new(Agent::new());
        let mut tasks = Vec::new();
        for _ in 0..at_once {
            let form = agent.get(party.begin().url).await;
            let form = agent.get(form.location()).await.expect(200).url;
            let (agent, is_over) = (Arc::clone(&agent), Arc::clone(&is_over));
            let (guesses, wrong) = (Arc::clone(&guesses), Arc::clone(&wrong));
            tasks.push(tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let name = unique();
                    let guess = [("login", name.as_str()), ("password", "guess")];
                    let answer = agent.post(&form, &guess).await;
                    assert!(
                        [401, 429, 503].contains(&answer.status),
                        "{} {}",
                        answer.status,
                        answer.words()
                    );
                    guesses.fetch_add(1, Ordering::Relaxed);
                    wrong.fetch_add(usize::from(answer.status == 401), Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }));
        }
        // The flood is under way before anything is measured.
        while wrong.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self {
            is_over,
            tasks,
            guesses,
            wrong,
        }
    }

    async fn end(self) -> (usize, usize) {
        self.is_over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        (
            self.guesses.load(Ordering::Relaxed),
            self.wrong.load(Ordering::Relaxed),
        )
    }
}
