//! Token exchange (RFC 8693): somebody else's token for ours.

mod floods;
mod issuer;
mod of_ours;

use std::time::{Duration, Instant};

use insula_tests::{Agent, Answer, ClientAuth, Deployment, Process, RelyingParty, claims_of};
use serde_json::{Value, json};

use self::issuer::{Issuer, but, forged, signed};
use crate::shared_server::{self, INITECH, KIM};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

const ACME: &str = r#"
issuer: http://acme.localhost:PORT
connectors:
  - { type: mockCallback, id: mock, name: Mock }
  - type: oidc
    id: github-actions
    name: GitHub Actions
    grantTypes: [urn:ietf:params:oauth:grant-type:token-exchange]
    timeout: 1s
    config: { issuer: JOBS, userNameKey: sub, scopes: [openid, groups] }
  - type: oidc
    id: kubernetes
    name: Kubernetes
    grantTypes: [urn:ietf:params:oauth:grant-type:token-exchange]
    tokenExchange: { audiences: [acme-shop] }
    config: { issuer: JOBS, userNameKey: sub, scopes: [openid] }
  - type: oidc
    id: initech
    name: Initech
    tokenExchange: { accessTokens: true }
    config: { issuer: "http://login.localhost:PORT/initech", clientID: acme, clientSecret: acme-at-initech, getUserInfo: true }
  - type: oidc
    id: strict
    name: Strict
    config: { issuer: "http://login.localhost:PORT/initech", clientID: acme, clientSecret: acme-at-initech, getUserInfo: true }
oauth2: { grantTypes: [authorization_code, refresh_token, "urn:ietf:params:oauth:grant-type:token-exchange"] }
staticClients:
  - id: deploy
    name: Deploy
    public: true
    redirectURIs: ["http://127.0.0.1/cb"]
    tokenExchange:
      connectors:
        - id: github-actions
          condition: >-
            claims.repository == "acme/shop" && claims.ref == "refs/heads/main" &&
            claims.environment == "production"
        - id: kubernetes
          condition: claims["kubernetes.io"].namespace == "shop"
  - id: broken
    secret: broken-secret
    redirectURIs: ["https://broken.example/cb"]
    tokenExchange:
      connectors: [{ id: github-actions, condition: 'claims.run_attempt < 3' }]
  - id: desk
    secret: desk-secret
    redirectURIs: ["https://desk.example/cb"]
    tokenExchange: { connectors: [{ id: initech }, { id: strict }] }
  - id: portal
    secret: portal-secret
    redirectURIs: ["https://portal.example/callback"]
    skipApprovalScreen: true
"#;

/// As dex's guide has it.
const GLOBEX: &str = r#"# dex
issuer: http://globex.localhost:PORT
storage: { type: memory }
connectors:
- type: mockCallback
  id: mock
  name: Mock
- type: mockPassword
  id: directory
  name: Directory
  config: { username: kilgore, password: trout }
- type: oidc
  id: github-actions
  name: github-actions
  config:
    issuer: JOBS
    scopes:
      - openid
      - groups
    userNameKey: sub
staticClients:
  - name: My app
    id: my-app
    secret: my-secret
    public: true
"#;

struct World {
    jobs: Issuer,
    deployment: Deployment,
    _process: Process,
}

impl World {
    async fn new() -> Self {
        let jobs = Issuer::open().await;
        let initech = INITECH.replace(
            "http://acme.localhost:PORT/callback/initech",
            "http://acme.localhost:PORT/callback/initech\", \"https://acme.example/cb",
        );
        let deployment = Deployment::build()
            .tenant("acme", &ACME.replace("JOBS", &jobs.url))
            .tenant("globex", &GLOBEX.replace("JOBS", &jobs.url))
            .tenant("initech", &initech)
            .database("sqlite://insula.db")
            .done();
        let process = deployment.open().await;
        Self {
            jobs,
            deployment,
            _process: process,
        }
    }

    fn acme(&self, client: &str) -> RelyingParty {
        let secret = match client {
            "deploy" => String::new(),
            named => format!("{named}-secret"),
        };
        let issuer = shared_server::issuer(self.deployment.port, "acme");
        RelyingParty::new(&issuer, client, &secret, "https://portal.example/callback")
    }

    fn globex(&self) -> RelyingParty {
        let issuer = shared_server::issuer(self.deployment.port, "globex");
        let party = RelyingParty::new(&issuer, "my-app", "my-secret", "http://127.0.0.1/cb");
        party.of_dex().without_pkce()
    }
}

/// Exchanges a token of a connector's upstream.
async fn exchange(
    party: &RelyingParty,
    connector: &str,
    (kind, token): (&str, &str),
    more: &[(&str, &str)],
) -> Answer {
    let mut form = vec![
        ("grant_type", GRANT),
        ("connector_id", connector),
        ("subject_token", token),
        ("subject_token_type", kind),
    ];
    form.extend_from_slice(more);
    form.retain(|(_, value)| !value.is_empty());
    party.post("/token", &form).await
}

const SCOPE: (&str, &str) = ("scope", "openid groups federated:id");

#[tokio::test]
async fn a_token_of_an_upstream_is_exchanged_by_the_clients_whose_policy_says_so() {
    let world = World::new().await;
    let deploy = world.acme("deploy");
    let job = signed(&world.jobs.job(&deploy.issuer));
    for (kind, requested, issued) in [(ID, "", ACCESS), (ACCESS, ACCESS, ACCESS), (JWT, JWT, JWT)] {
        let more = [SCOPE, ("requested_token_type", requested)];
        let answer = exchange(&deploy, "github-actions", (kind, &job), &more).await;
        let answer = answer.expect(200);
        answer.assert_uncached();
        let json = answer.json();
        assert_eq!(json["issued_token_type"], issued);
        assert_eq!(json["token_type"], "Bearer");
        assert_eq!(json["scope"], SCOPE.1);
        assert_eq!(json["refresh_token"], Value::Null);
        assert_eq!(json["id_token"], Value::Null);
        let claims = claims_of(json["access_token"].as_str().unwrap());
        assert_eq!(claims["iss"], deploy.issuer.as_str());
        assert_eq!(claims["client_id"], "deploy");
        assert_eq!(claims["scope"], SCOPE.1);
        assert!(claims["sub"].is_string());
    }
    // The one person who may not: a client without a policy, and one whose policy names another.
    let answer = exchange(&world.acme("portal"), "github-actions", (ID, &job), &[]).await;
    assert_eq!(answer.expect(400).error(), "unauthorized_client");
    let answer = exchange(&world.acme("desk"), "github-actions", (ID, &job), &[]).await;
    assert_eq!(answer.expect(400).error(), "invalid_grant");
    let unproven = world.acme("desk").with_auth(ClientAuth::None);
    let answer = exchange(&unproven, "initech", (ID, &job), &[]).await;
    assert_eq!(answer.expect(401).error(), "invalid_client");
    assert_eq!(world.jobs.keys_asked(), 1, "keys are remembered");
}

#[tokio::test]
async fn an_id_token_may_be_asked_for_and_is_for_the_client() {
    let world = World::new().await;
    let deploy = world.acme("deploy");
    let job = signed(&world.jobs.job(&deploy.issuer));
    let more = [SCOPE, ("requested_token_type", ID)];
    let answer = exchange(&deploy, "github-actions", (ID, &job), &more).await;
    let json = answer.expect(200).json();
    assert_eq!(json["issued_token_type"], ID);
    assert_eq!(json["token_type"], "N_A", "RFC 8693 §2.2.1");
    let token = json["access_token"].as_str().unwrap();
    let claims = deploy
        .keys()
        .await
        .verify(token, &deploy.issuer, "deploy")
        .claims;
    assert_eq!(claims["aud"], "deploy");
    let told = &claims["federated_claims"];
    assert_eq!(told["user_id"], "repo:acme/shop:environment:production");
    assert_eq!(told["connector_id"], "github-actions");
    assert_eq!(
        (&claims["at_hash"], &claims["nonce"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn another_repository_of_the_same_issuer_gets_nothing() {
    let world = World::new().await;
    let deploy = world.acme("deploy");
    let job = || world.jobs.job(&deploy.issuer);
    for other in [
        json!({"repository": "evil/shop"}),
        json!({"repository": "acme/shop-fork"}),
        json!({"ref": "refs/heads/feature"}),
        json!({"ref": "refs/pull/7/merge"}),
        json!({"environment": "staging"}),
        json!({"environment": null}),
        json!({"repository": null}),
        json!({"repository": ["acme/shop"]}),
    ] {
        let token = signed(&but(job(), &other));
        let answer = exchange(&deploy, "github-actions", (ID, &token), &[SCOPE]).await;
        let answer = answer.expect(400);
        assert_eq!(
            answer.error(),
            "invalid_request",
            "{other}: RFC 8693 §2.2.2"
        );
        assert!(!answer.body.contains("acme/shop"), "{}", answer.body);
    }
    // What cannot be judged is refused: run_attempt is a text.
    let token = signed(&job());
    let answer = exchange(&world.acme("broken"), "github-actions", (ID, &token), &[]).await;
    assert_eq!(answer.expect(400).error(), "invalid_request");
}

#[tokio::test]
async fn a_token_must_be_made_for_us_or_for_whom_the_connector_says() {
    let world = World::new().await;
    let deploy = world.acme("deploy");
    for (connector, audience, status) in [
        ("github-actions", deploy.issuer.as_str(), 200),
        ("github-actions", "https://github.com/acme", 400),
        ("github-actions", "acme-shop", 400),
        ("kubernetes", "acme-shop", 200),
        ("kubernetes", deploy.issuer.as_str(), 400),
        ("kubernetes", "https://kubernetes.default.svc", 400),
    ] {
        let claims = match connector {
            "kubernetes" => world.jobs.service_account(audience),
            _ => world.jobs.job(audience),
        };
        let token = signed(&claims);
        let answer = exchange(&deploy, connector, (JWT, &token), &[SCOPE]).await;
        assert_eq!(
            answer.status, status,
            "{connector} {audience}: {}",
            answer.body
        );
    }
    let other = but(
        world.jobs.service_account("acme-shop"),
        &json!({"kubernetes.io": {"namespace": "default"}}),
    );
    let answer = exchange(&deploy, "kubernetes", (JWT, &signed(&other)), &[]).await;
    assert_eq!(answer.expect(400).error(), "invalid_request");
}

#[tokio::test]
async fn a_token_that_is_forged_stale_or_of_another_issuer_is_refused_in_both_dialects() {
    let world = World::new().await;
    let (deploy, my_app) = (world.acme("deploy"), world.globex());
    let job = world.jobs.job(&deploy.issuer);
    let old = jsonwebtoken::get_current_timestamp() - 600;
    let mut tokens = vec![
        signed(&but(job.clone(), &json!({"iss": "https://token.example"}))),
        signed(&but(job.clone(), &json!({"iss": null}))),
        signed(&but(job.clone(), &json!({"exp": old}))),
        signed(&but(job.clone(), &json!({"exp": null}))),
        signed(&but(job.clone(), &json!({"nbf": old + 6000}))),
        signed(&but(job.clone(), &json!({"sub": null}))),
        "opaque".to_owned(),
        format!("{}x", signed(&job)),
    ];
    tokens.extend(forged(&job));
    for token in &tokens {
        for kind in [ID, ACCESS] {
            let answer = exchange(&deploy, "github-actions", (kind, token), &[]).await;
            assert_eq!(answer.expect(400).error(), "invalid_request", "{token}");
            let answer = exchange(&my_app, "github-actions", (kind, token), &[]).await;
            assert_eq!(answer.expect(401).error(), "access_denied", "{token}");
        }
    }
}

#[tokio::test]
async fn what_is_missing_or_unknown_in_a_request_is_named() {
    let world = World::new().await;
    let deploy = world.acme("deploy");
    let job = signed(&world.jobs.job(&deploy.issuer));
    let saml = "urn:ietf:params:oauth:token-type:saml2";
    for (connector, subject, more, error) in [
        ("github-actions", (ID, ""), vec![], "invalid_request"),
        (
            "github-actions",
            ("", job.as_str()),
            vec![],
            "invalid_request",
        ),
        ("github-actions", (saml, &job), vec![], "invalid_request"),
        (
            "github-actions",
            (ID, &job),
            vec![("requested_token_type", saml)],
            "invalid_request",
        ),
        (
            "github-actions",
            (ID, &job),
            vec![("scope", "openid magic")],
            "invalid_scope",
        ),
        (
            "github-actions",
            (ID, &job),
            vec![("scope", "audience:server:client_id:portal")],
            "invalid_scope",
        ),
        (
            "github-actions",
            (ID, &job),
            vec![("actor_token", "x"), ("actor_token_type", ACCESS)],
            "invalid_request",
        ),
        ("nowhere", (ID, &job), vec![], "invalid_request"),
        ("mock", (ID, &job), vec![], "invalid_grant"),
    ] {
        let answer = exchange(&deploy, connector, subject, &more).await;
        let answer = answer.expect(400);
        assert_eq!(
            answer.error(),
            error,
            "{connector} {more:?}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn dexs_guide_runs_unchanged_against_a_tenant_with_its_config() {
    let world = World::new().await;
    let my_app = world.globex();
    // Whomever it was made for, as in dex.
    let job = signed(&world.jobs.job("https://github.com/acme"));
    let requested = ("requested_token_type", ACCESS);
    // The guide calls the job's token an access token.
    for kind in [ACCESS, ID] {
        let answer = exchange(&my_app, "github-actions", (kind, &job), &[SCOPE, requested]).await;
        let answer = answer.expect(200);
        let json = answer.json();
        let members: Vec<_> = json.as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            [
                "access_token",
                "issued_token_type",
                "token_type",
                "expires_in"
            ]
        );
        assert_eq!(json["issued_token_type"], ACCESS);
        assert_eq!(json["token_type"], "bearer");
        assert!(json["expires_in"].as_u64().unwrap() > 86_000);
        let claims = claims_of(json["access_token"].as_str().unwrap());
        assert_eq!(claims["aud"], "my-app");
        let told = &claims["federated_claims"];
        assert_eq!(told["user_id"], "repo:acme/shop:environment:production");
        assert_eq!(told["connector_id"], "github-actions");
        assert_eq!(claims["nonce"], Value::Null);
    }
    let requested = ("requested_token_type", ID);
    let answer = exchange(&my_app, "github-actions", (ID, &job), &[requested]).await;
    let json = answer.expect(200).json();
    assert_eq!(
        (&json["issued_token_type"], &json["token_type"]),
        (&json!(ID), &json!("bearer"))
    );
    let claims = claims_of(json["access_token"].as_str().unwrap());
    assert_eq!(
        (&claims["at_hash"], &claims["aud"]),
        (&Value::Null, &json!("my-app"))
    );
    // Scopes nobody knows are passed over, and whatever is shown to the mock is Kilgore's.
    let more = [("scope", "magic email offline_access")];
    let answer = exchange(&my_app, "mock", (ACCESS, "whatever"), &more).await;
    let json = answer.expect(200).json();
    let claims = claims_of(json["access_token"].as_str().unwrap());
    assert_eq!(claims["email"], "kilgore@kilgore.trout");
    assert_eq!(json["refresh_token"], Value::Null);
}

#[tokio::test]
async fn dexs_refusals_are_dexs_to_the_letter() {
    let world = World::new().await;
    let my_app = world.globex();
    let gone = "Requested connector does not exist.";
    for (connector, subject, more, status, error, text) in [
        (
            "mock",
            (JWT, "t"),
            vec![],
            400,
            "request_not_supported",
            "Invalid subject_token_type.",
        ),
        (
            "mock",
            ("", "t"),
            vec![],
            400,
            "request_not_supported",
            "Invalid subject_token_type.",
        ),
        (
            "mock",
            (ID, ""),
            vec![],
            400,
            "invalid_request",
            "Missing subject_token",
        ),
        ("", (ID, "t"), vec![], 400, "invalid_request", gone),
        ("nowhere", (ID, "t"), vec![], 400, "invalid_request", gone),
        ("directory", (ID, "t"), vec![], 400, "invalid_request", gone),
        (
            "github-actions",
            (ID, "t"),
            vec![("requested_token_type", JWT)],
            401,
            "access_denied",
            "",
        ),
        (
            "mock",
            (ID, "t"),
            vec![("requested_token_type", JWT)],
            400,
            "request_not_supported",
            "Invalid requested_token_type.",
        ),
        (
            "mock",
            (ID, "t"),
            vec![("scope", "audience:server:client_id:other")],
            500,
            "server_error",
            "",
        ),
    ] {
        let answer = exchange(&my_app, connector, subject, &more).await;
        let answer = answer.expect(status);
        assert_eq!(answer.error(), error, "{connector}");
        let told = answer.json()["error_description"]
            .as_str()
            .unwrap_or("")
            .to_owned();
        assert_eq!(told, text, "{connector}");
    }
}

#[tokio::test]
async fn an_access_token_counts_only_where_the_connector_says_so() {
    let world = World::new().await;
    let issuer = shared_server::issuer(world.deployment.port, "initech");
    let at_initech = RelyingParty::new(
        &issuer,
        "acme",
        "acme-at-initech",
        "https://acme.example/cb",
    );
    let tokens = at_initech.log_in(&Agent::new(), &KIM).await;
    let desk = world.acme("desk");
    let more = [("scope", "openid email"), ("requested_token_type", ID)];
    let answer = exchange(&desk, "initech", (ACCESS, &tokens.access_token), &more).await;
    let json = answer.expect(200).json();
    let claims = claims_of(json["access_token"].as_str().unwrap());
    assert_eq!(claims["email"], "kim@initech.example");
    let answer = exchange(&desk, "strict", (ACCESS, &tokens.access_token), &more).await;
    assert_eq!(answer.expect(400).error(), "invalid_request");
    // An ID token was made for us as the client that we are there.
    let answer = exchange(&desk, "strict", (ID, &tokens.id().token), &more).await;
    answer.expect(200);
    // A revoked one is worth nothing.
    at_initech.revoke(&tokens.access_token).await.expect(200);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = exchange(&desk, "initech", (ACCESS, &tokens.access_token), &more).await;
        if answer.status == 400 {
            assert_eq!(answer.error(), "invalid_request");
            break;
        }
        assert!(Instant::now() < deadline, "a revoked token is taken");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_issuer_that_hangs_is_told_as_such_and_hurts_no_neighbour() {
    let world = World::new().await;
    world.jobs.hang();
    let (deploy, my_app) = (world.acme("deploy"), world.globex());
    let job = signed(&world.jobs.job(&deploy.issuer));
    let (waits, neighbours) = tokio::join!(
        exchange(&deploy, "github-actions", (ID, &job), &[]),
        async {
            let mut answers = Vec::new();
            for _ in 0..5 {
                answers.push(exchange(&my_app, "mock", (ID, "t"), &[]).await.status);
            }
            answers
        }
    );
    assert_eq!(neighbours, [200; 5]);
    assert_eq!(waits.status, 502, "{}", waits.body);
}

#[tokio::test]
async fn an_exchange_is_among_the_events_and_a_refused_one_too() {
    let world = World::new().await;
    let deploy = world.acme("deploy");
    let job = world.jobs.job(&deploy.issuer);
    exchange(&deploy, "github-actions", (ID, &signed(&job)), &[SCOPE])
        .await
        .expect(200);
    let evil = but(job, &json!({"repository": "evil/shop"}));
    exchange(&deploy, "github-actions", (ID, &signed(&evil)), &[SCOPE])
        .await
        .expect(400);
    let output = world.deployment.run_with("events", &["acme"]).await;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<_> = lines.filter(|line| line["client"] == "deploy").collect();
    assert_eq!(lines[0]["kind"], "token_exchanged");
    assert_eq!(lines[0]["connector"], "github-actions");
    assert!(lines[0]["subject"].is_string() && lines[0]["grant"].is_string());
    assert_eq!(lines[1]["kind"], "login_denied");
    assert_eq!(lines[1]["reason"], "denied");
}
