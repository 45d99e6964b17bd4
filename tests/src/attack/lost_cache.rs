//! A cache that lost its last moments, all it knew, or the way to it: a code is not redeemed again,
//! and what was ended stays ended.

use std::time::{Duration, Instant};

use super::{Proof, Scale};
use crate::{
    Agent, Answer, Back, ConnectionFault, Deployment, Login, Memory, Person, Process, RedisServer,
    Relay, RelyingParty, Tokens, service, unique, walk,
};

const REDIRECT_URI: &str = "https://app.example/callback";
/// argon2id of "password".
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$4oUKJFuO1HSpp1d+6NQReQ$QdW2GtHNq+pEsYg/JHln8B0zYM6NV9J71y2Z1B/aFqE";

/// Two nodes on PostgreSQL and a Redis of their own, with a wire before the latter.
struct Scene {
    tenant: String,
    issuer: String,
    redis: RedisServer,
    relay: Relay,
    nodes: [Process; 2],
    deployment: Deployment,
}

/// A tenant with these people, and a client that is there only to be seen.
fn tenant_file(tenant: &str, people: &[String], seen: &str) -> String {
    let people = people.iter().map(|name| {
        format!("  - {{ email: {name}@acme.example, userID: 'id-{name}', hash: '{HASH}' }}\n")
    });
    format!(
        "issuer: http://{tenant}.localhost:PORT
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
enablePasswordDB: true
staticPasswords:
{}staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: ['{REDIRECT_URI}'], skipApprovalScreen: true }}
  - {{ id: seen-{seen}, secret: s, redirectURIs: ['{REDIRECT_URI}'] }}
limits: {{ requests: 100000/s, passwordFailures: 1000/s, passwordFailuresPerAddress: 1000/s, passwordFailuresPerTenant: 1000/s }}
",
        people.collect::<String>()
    )
}

impl Scene {
    async fn set(people: &[String]) -> Option<Self> {
        let database = service("INSULA_TEST_POSTGRES")?;
        let redis = RedisServer::start().await?;
        let (relay, through) = Relay::before(&redis.url()).await;
        let tenant = format!("t{}", unique());
        let deployment = Deployment::build()
            .tenant(&tenant, &tenant_file(&tenant, people, "first"))
            .database(&database)
            .cache(&through)
            .log("warn")
            .done();
        let nodes = [deployment.open().await, deployment.open_another().await];
        Some(Self {
            issuer: format!("http://{tenant}.localhost:{}", deployment.port),
            tenant,
            redis,
            relay,
            nodes,
            deployment,
        })
    }

    /// The client as it reaches one node.
    fn at(&self, node: usize) -> RelyingParty {
        RelyingParty::new(&self.issuer, "app", "s", REDIRECT_URI)
            .with_scope("openid email offline_access")
            .through(&[self.nodes[node].port])
    }

    fn browser_at(&self, node: usize) -> Agent {
        Agent::through(&[self.nodes[node].port])
    }

    /// Waits until logins can be begun at both nodes.
    async fn is_served(&self) {
        for node in 0..2 {
            let url = self.at(node).begin_with(&[("connector_id", "local")]).url;
            let agent = self.browser_at(node);
            becomes("logins are served", async || {
                agent.forget();
                agent.get(&url).await.status < 400
            })
            .await;
        }
    }
}

async fn becomes(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How a code is presented again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Once, at one of the nodes.
    Once,
    /// At both nodes at once.
    AtBoth,
    /// At one node that loses its way to Redis before it can answer, and then at the other.
    AfterAFailure,
}

/// Redeems a code, sets Redis back to before that, and presents the code again.
pub async fn codes_of_a_cache_set_back(scale: Scale) -> Vec<Proof> {
    let people = ["jane".to_owned()];
    let Some(mut scene) = Scene::set(&people).await else {
        return Vec::new();
    };
    let jane = Person::new("jane@acme.example", "password");
    let mut proofs = Vec::new();
    for again in [Again::Once, Again::AtBoth, Again::AfterAFailure] {
        proofs.push(scene.present_again(again, &jane, scale).await);
    }
    proofs
}

impl Scene {
    async fn present_again(&mut self, again: Again, jane: &Person<'_>, scale: Scale) -> Proof {
        let scene = self;
        let (mut tries, mut refused, mut ended) = (0, 0, 0);
        for _ in 0..scale.of(1, 10) {
            for scope in ["openid email offline_access", "openid email"] {
                for node in 0..2 {
                    let first = scene.at(node).with_scope(scope);
                    let (login, back) = first.code(&scene.browser_at(node), jane).await;
                    scene.redis.save();
                    let tokens = first.tokens(&login, &back).await;
                    scene.redis.crash_and_restart(Memory::Saved).await;
                    scene.is_served().await;
                    tries += 1;
                    // At the same node, and in the next round at the other one.
                    let node = (node + tries / 4) % 2;
                    let answers = scene.presented(again, &login, back.code(), node).await;
                    refused += usize::from(answers.iter().all(is_refused));
                    let mut lives = false;
                    for node in 0..2 {
                        lives |= is_alive(&scene.at(node), &tokens).await;
                    }
                    ended += usize::from(!lives);
                }
            }
        }
        let how = match again {
            Again::Once => "each code presented again at one of two nodes",
            Again::AtBoth => "each code presented again at two nodes at once",
            Again::AfterAFailure => {
                "each code presented again at one of two nodes that then loses its way to Redis, and \
                 once more at the other"
            }
        };
        Proof {
            attack: format!(
                "{tries} codes redeemed, Redis killed and started from a snapshot made before that, \
                 {how}"
            ),
            seen: format!("{refused} refused, {ended} families of tokens ended"),
            bound: "all refused, all families ended".to_owned(),
            held: refused == tries && ended == tries,
        }
    }

    /// The answers to a code that is presented again.
    async fn presented(&self, again: Again, login: &Login, code: &str, node: usize) -> Vec<Answer> {
        let (here, there) = (self.at(node), self.at(1 - node));
        match again {
            Again::Once => vec![here.redeem(login, code).await],
            Again::AtBoth => {
                let both = tokio::join!(here.redeem(login, code), there.redeem(login, code));
                vec![both.0, both.1]
            }
            Again::AfterAFailure => {
                self.relay.watch_for(":code:");
                self.relay.strike_at(1, ConnectionFault::CutAfter);
                let first = here.redeem(login, code).await;
                assert_ne!(first.status, 200, "it was redeemed before");
                assert!(self.relay.has_struck(), "the way to Redis was cut");
                self.relay.spare();
                self.is_served().await;
                vec![there.redeem(login, code).await]
            }
        }
    }
}

/// Whether a code was refused as one that was redeemed.
fn is_refused(answer: &Answer) -> bool {
    answer.status == 400 && answer.error() == "invalid_grant"
}

/// Whether any of somebody's tokens still does anything.
async fn is_alive(party: &RelyingParty, tokens: &Tokens) -> bool {
    let mut lives = party.userinfo(&tokens.access_token).await.status == 200;
    lives |= party.is_active(&tokens.access_token).await;
    if let Some(token) = &tokens.refresh_token {
        lives |= party.is_active(token).await;
        lives |= party.refresh(token, &[]).await.status == 200;
    }
    lives
}

/// What becomes of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    /// It cannot be reached.
    Away,
    /// It comes back and knows nothing.
    Empty,
    /// It comes back as it was before.
    Stale,
}

/// Within so long an end is final at every node, whatever word of it is lost.
const FINAL_WITHIN: Duration = Duration::from_secs(2);

/// How somebody's access is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Logout,
    Revocation,
    /// Their entry in the tenant's file is taken out.
    Removal,
}

/// Somebody who is logged in.
struct Somebody {
    name: String,
    agent: Agent,
    tokens: Tokens,
}

impl Scene {
    async fn log_in(&self, name: &str) -> Somebody {
        let agent = self.browser_at(0);
        let login = format!("{name}@acme.example");
        let person = Person::new(&login, "password");
        let party = self.at(0);
        let login = party.begin();
        let back = walk(&agent, &login, &person).await;
        let tokens = party.tokens(&login, &back).await;
        Somebody {
            name: name.to_owned(),
            agent,
            tokens,
        }
    }

    /// Ends somebody's access at the first node.
    async fn end(&self, end: End, somebody: &Somebody, people: &mut Vec<String>) {
        let tokens = &somebody.tokens;
        match end {
            End::Logout => {
                let session = somebody.agent.cookie("insula_session");
                let hint = &tokens.id().token;
                let url = self.at(0).at(&format!("/logout?id_token_hint={hint}"));
                somebody.agent.get(url).await.expect(200);
                // A copy of the cookie was made.
                somebody.agent.plant(session);
            }
            End::Revocation => {
                self.at(0).revoke(tokens.refresh()).await.expect(200);
            }
            End::Removal => {
                people.retain(|name| *name != somebody.name);
                let text = tenant_file(&self.tenant, people, &somebody.name);
                self.deployment.write_tenant(&self.tenant, &text);
                for node in 0..2 {
                    let mut seen = self.at(node);
                    seen.client_id = format!("seen-{}", somebody.name);
                    becomes("the file is taken", async || {
                        let url = seen.begin_with(&[("prompt", "none")]).url;
                        self.browser_at(node).get(url).await.status == 303
                    })
                    .await;
                }
            }
        }
    }

    /// Has both nodes read, and remember, that somebody's session and tokens stand.
    async fn is_known_everywhere(&self, somebody: &Somebody) {
        for node in 0..2 {
            let party = self.at(node);
            party
                .userinfo(&somebody.tokens.access_token)
                .await
                .expect(200);
            let browser = self.browser_at(node);
            browser.plant(somebody.agent.cookie("insula_session"));
            // A node may notice first by this request that Redis came back.
            becomes("the session stands", async || {
                let url = party.begin_with(&[("prompt", "none")]).url;
                let back = Back::of(browser.get(url).await.location(), Vec::new());
                back.get("error").is_empty()
            })
            .await;
        }
    }

    /// What still lives of somebody, asked for after the time that is promised, or else before.
    async fn outlives(&self, end: End, ended: Instant, somebody: &Somebody) -> Vec<String> {
        loop {
            let asked = ended.elapsed();
            let lives = self.lives(end, somebody).await;
            if lives.is_empty() || asked >= FINAL_WITHIN {
                return lives;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What still lives of somebody at each node that should not.
    async fn lives(&self, end: End, somebody: &Somebody) -> Vec<String> {
        let mut living = Vec::new();
        for node in 0..2 {
            if end != End::Logout && is_alive(&self.at(node), &somebody.tokens).await {
                living.push(format!("tokens at node {node}"));
            }
            if end != End::Revocation {
                let browser = self.browser_at(node);
                browser.plant(somebody.agent.cookie("insula_session"));
                let url = self.at(node).begin_with(&[("prompt", "none")]).url;
                let answer = browser.get(url).await;
                let back = Back::of(answer.location(), Vec::new());
                if back.get("error") != "login_required" {
                    living.push(format!("the session at node {node}: {}", back.url));
                }
            }
        }
        living
    }
}

/// Ends sessions, tokens and people while Redis is away, and before it comes back empty or as it was.
pub async fn ends_while_the_cache_is_away(scale: Scale) -> Vec<Proof> {
    let mut cases = Vec::new();
    for round in 0..scale.of(1, 5) {
        for cache in [Cache::Away, Cache::Empty, Cache::Stale] {
            for end in [End::Logout, End::Revocation, End::Removal] {
                let name = format!("{end:?}-{cache:?}-{round}").to_lowercase();
                cases.push((cache, end, name));
            }
        }
    }
    let mut people: Vec<_> = cases.iter().map(|(_, _, name)| name.clone()).collect();
    people.push("stays".to_owned());
    let Some(mut scene) = Scene::set(&people).await else {
        return Vec::new();
    };
    let mut living = Vec::new();
    let many = cases.len();
    for (cache, end, name) in cases {
        let somebody = scene.log_in(&name).await;
        scene.redis.save();
        scene.is_known_everywhere(&somebody).await;
        if cache == Cache::Away {
            scene.relay.cut();
        }
        scene.end(end, &somebody, &mut people).await;
        let mut lives = scene.outlives(end, Instant::now(), &somebody).await;
        match cache {
            Cache::Away => scene.relay.mend(),
            Cache::Empty => scene.redis.crash_and_restart(Memory::None).await,
            Cache::Stale => scene.redis.crash_and_restart(Memory::Saved).await,
        }
        lives.extend(scene.lives(end, &somebody).await);
        scene.is_served().await;
        lives.extend(scene.lives(end, &somebody).await);
        if !lives.is_empty() {
            living.push(format!("{end:?} while the cache is {cache:?}: {lives:?}"));
        }
    }
    vec![Proof {
        attack: format!(
            "{many} people logged out, revoked or removed at one of two nodes, while Redis cannot be \
             reached or before it comes back empty or as it was"
        ),
        seen: format!("{} sessions or tokens lived on {living:?}", living.len()),
        bound: "none, at either node, asked for 2 s after its end".to_owned(),
        held: living.is_empty(),
    }]
}
