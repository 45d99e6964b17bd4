//! Guesses at one person's password from many addresses, and at a client's secret from one.

use super::{Proof, Scale};
use crate::{Agent, Deployment, Person, RelyingParty, walk};

const REDIRECT_URI: &str = "https://app.example/callback";
const TENANT: &str = "issuer: http://acme.localhost:PORT
connectors: [{ type: mockPassword, id: directory, name: Directory, config: { username: jane, password: right } }]
staticClients:
  - { id: app, name: App, secret: s, redirectURIs: ['https://app.example/callback'], skipApprovalScreen: true }
limits: { requests: 100000/s, passwordFailures: 5/h, passwordFailuresPerAddress: 20/h, passwordFailuresPerTenant: 60/h, clientFailures: 5/h }
";

/// What became of guesses.
#[derive(Default)]
struct Told {
    looked_at: usize,
    refused: usize,
}

/// Strangers guess at one name from many addresses and at many names from one, and meanwhile its owner
/// logs in where they did before.
pub async fn passwords_guessed_from_many_addresses(scale: Scale) -> Vec<Proof> {
    let deployment = Deployment::build()
        .tenant("acme", TENANT)
        .setting("trustedProxies: [127.0.0.0/8]")
        .log("warn")
        .done();
    let _process = deployment.open().await;
    let issuer = format!("http://acme.localhost:{}", deployment.port);
    let party = RelyingParty::new(&issuer, "app", "s", REDIRECT_URI);
    let jane = Person {
        connector: Some("directory"),
        ..Person::new("jane", "right")
    };
    let home = Agent::new().with_header("x-forwarded-for", "198.51.100.1");
    walk(&home, &party.begin(), &jane).await.code();
    let addresses = scale.of(20, 200);
    let mut at_jane = Told::default();
    for n in 0..addresses {
        guess(
            &party,
            &format!("203.0.113.{n}"),
            3,
            |_| "jane".to_owned(),
            &mut at_jane,
        )
        .await;
    }
    let mut sprayed = Told::default();
    let name = |n: usize| format!("person-{n}");
    guess(&party, "192.0.2.1", scale.of(50, 500), name, &mut sprayed).await;
    let logins = scale.of(3, 30);
    let mut let_in = 0;
    for _ in 0..logins {
        let login = party.begin_with(&[("prompt", "login")]);
        let back = walk(&home, &login, &jane).await;
        let_in += usize::from(!back.get("code").is_empty());
    }
    let guesses = at_jane.looked_at + at_jane.refused;
    let names = sprayed.looked_at + sprayed.refused;
    vec![
        Proof {
            attack: format!(
                "{guesses} guesses at one person's password from {addresses} addresses"
            ),
            seen: format!(
                "{} were looked at; of her own {logins} logins meanwhile, in the browser she uses, {let_in} succeeded",
                at_jane.looked_at
            ),
            bound: "at most 5 are looked at; every login succeeds".to_owned(),
            held: at_jane.looked_at <= 5 && at_jane.refused > 0 && let_in == logins,
        },
        Proof {
            attack: format!("one password tried on {names} names from one address"),
            seen: format!("{} were looked at", sprayed.looked_at),
            bound: "at most 20 are".to_owned(),
            held: sprayed.looked_at <= 20 && sprayed.refused > 0,
        },
        secrets(&party, &issuer, scale.of(30, 300)).await,
    ]
}

/// Sends wrong passwords from one address.
async fn guess(
    party: &RelyingParty,
    address: &str,
    times: usize,
    name: impl Fn(usize) -> String,
    told: &mut Told,
) {
    let stranger = Agent::new().with_header("x-forwarded-for", address);
    let begun = stranger.get(party.begin().url).await;
    let form = stranger.get(begun.location()).await.expect(200).url;
    for n in 0..times {
        let (name, password) = (name(n), format!("guess-{n}"));
        let typed = [("login", name.as_str()), ("password", &password)];
        let answer = stranger.post(&form, &typed).await;
        match answer.status {
            401 => told.looked_at += 1,
            429 if !answer.header("retry-after").is_empty() => told.refused += 1,
            other => panic!("{other} {}", answer.words()),
        }
    }
}

/// Guesses at a client's secret, and the client itself at another address.
async fn secrets(party: &RelyingParty, issuer: &str, guesses: usize) -> Proof {
    let ask = async |address: &str, secret: &str| {
        let agent = Agent::new().with_header("x-forwarded-for", address);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", "no-such-code"),
            ("redirect_uri", REDIRECT_URI),
            ("client_id", "app"),
            ("client_secret", secret),
        ];
        agent.post(format!("{issuer}/token"), &form).await.status
    };
    let mut looked_at = 0;
    for n in 0..guesses {
        looked_at += usize::from(ask("192.0.2.9", &format!("guess-{n}")).await == 401);
    }
    // 400: the secret is right, and there is no such code.
    let elsewhere = ask("198.51.100.9", &party.secret).await;
    Proof {
        attack: format!("{guesses} guesses at a client's secret from one address"),
        seen: format!(
            "{looked_at} were looked at; the client itself, from another, was answered {elsewhere}"
        ),
        bound: "at most 5 are; the client is served".to_owned(),
        held: looked_at <= 5 && elsewhere == 400,
    }
}
