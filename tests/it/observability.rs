//! What an operator sees from outside: metrics, health, logs, and a process that ends when asked.

use std::time::{Duration, Instant};

use insula_tests::{Agent, Deployment, Metrics, Relay, execute_on, service, unique};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::shared_server::{self, JANE, shared_server};

#[tokio::test]
async fn metrics_have_the_format_and_the_names_dashboards_read() {
    let shared_server = shared_server().await;
    shared_server.portal().log_in(&Agent::new(), &JANE).await;
    let metrics = shared_server.process.metrics().await;
    for name in [
        "http_requests_total",
        "request_duration_seconds_count",
        "response_size_bytes_count",
        "insula_token_requests_total",
        "insula_logins_total",
        "insula_tenant_requests_total",
        "insula_sql_statements_total",
        "insula_sql_pool_connections",
        "insula_build_info",
    ] {
        assert!(metrics.has(name), "{name} is missing:\n{}", metrics.text);
    }
    let tokens = metrics.sum(
        "insula_token_requests_total",
        &["grant=\"authorization_code\"", "result=\"ok\""],
    );
    assert!(tokens >= 1.0);
    let requests = metrics.sum(
        "http_requests_total",
        &["handler=\"/token\"", "code=\"200\""],
    );
    assert!(requests >= 1.0);
}

#[tokio::test]
async fn no_stranger_makes_metrics_grow() {
    // A server of its own: at the shared one, other tests make series.
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .tenant("acme", shared_server::ACME)
        .done();
    let process = deployment.open().await;
    let hooli = shared_server::hooli(deployment.port);
    let strange = || async {
        let words = unique();
        let agent = Agent::new().with_header("user-agent", &words);
        agent.get(hooli.at(&format!("/{words}"))).await.expect(404);
        let method = reqwest::Method::from_bytes(words.to_uppercase().as_bytes()).unwrap();
        agent.send(method, &hooli.at("/auth"), &[], None).await;
        let host = format!("http://{words}.localhost:{}/", deployment.port);
        agent.get(host).await.expect(404);
        let client = format!("/auth?client_id={words}&response_type={words}&scope={words}");
        agent.get(hooli.at(&client)).await.expect(400);
        let grant = [
            ("grant_type", words.as_str()),
            ("client_id", words.as_str()),
        ];
        agent.post(hooli.at("/token"), &grant).await;
        words
    };
    // The first of each kind may make the series that all of its kind share.
    strange().await;
    let before = process.metrics().await;
    let mut words = Vec::new();
    for _ in 0..5 {
        words.push(strange().await);
    }
    let after = process.metrics().await;
    let grown: Vec<_> = after
        .series()
        .difference(&before.series())
        .copied()
        .collect();
    // What the server does by itself meanwhile is no stranger's.
    let of_requests = |series: &&&str| !series.starts_with("insula_sql_");
    assert_eq!(grown.iter().find(of_requests), None, "{grown:#?}");
    let text = after.text.to_lowercase();
    let told = words
        .iter()
        .find(|word| text.contains(&word.to_lowercase()));
    assert_eq!(told, None, "{}", after.text);
    let counted = |metrics: &Metrics| metrics.sum("http_requests_total", &["handler=\"/token\""]);
    let more = counted(&after) - counted(&before);
    assert!(more >= 5.0, "they are counted: {more}");
    process.terminate().await;
}

#[tokio::test]
async fn health_is_told_in_three_ways() {
    let shared_server = shared_server().await;
    for path in ["/healthz", "/healthz/live", "/healthz/ready"] {
        let url = shared_server.process.telemetry(path);
        Agent::new().get(url).await.expect(200);
    }
    // Nobody of the tenants' world sees any of it.
    Agent::new()
        .get(shared_server.portal().at("/metrics"))
        .await
        .expect(404);
}

#[tokio::test]
async fn an_admin_api_that_is_asked_for_is_told_not_to_be_served() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .setting("listen: { admin: '127.0.0.1:0' }")
        .done();
    let process = deployment.open().await;
    let told = "listen.admin is set, but this version serves no admin API";
    process.says(told).await;
    process.terminate().await;
}

#[tokio::test]
async fn the_log_is_one_json_object_a_line_and_names_tenant_and_request() {
    let shared_server = shared_server().await;
    shared_server.portal().log_in(&Agent::new(), &JANE).await;
    let log = shared_server.process.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let is_login = |line: &&Value| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("login successful")
    };
    let logins: Vec<_> = lines.iter().filter(is_login).collect();
    for login in &logins {
        assert!(login["tenant.id"].is_string(), "{login}");
        let request = login["request.id"].as_str().unwrap_or_default();
        assert!(!request.is_empty(), "{login}");
    }
    let of_acme = logins.iter().filter(|login| login["tenant.id"] == "acme");
    let requests: Vec<_> = of_acme.map(|login| &login["request.id"]).collect();
    assert!(!requests.is_empty(), "{logins:?}");
    let distinct = requests.iter().enumerate();
    let repeated = distinct.filter(|(at, id)| requests.iter().take(*at).any(|other| other == *id));
    assert_eq!(
        repeated.count(),
        0,
        "each request has an id of its own: {requests:?}"
    );
}

#[tokio::test]
async fn what_a_stranger_sends_is_no_error_and_a_refusal_names_client_and_redirect_uri() {
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .done();
    let process = deployment.open().await;
    for nonsense in [
        "\x16\x03\x01\x02",
        "GET  HTTP\r\n\r\n",
        "GET / HTTP/1.1\r\na b: c\r\n\r\n",
    ] {
        let mut wire = TcpStream::connect(("127.0.0.1", deployment.port))
            .await
            .unwrap();
        wire.write_all(nonsense.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(1), wire.read_to_end(&mut answer));
        let _silent = ended.await;
    }
    let evil = "https://evil.example/%0Aforged%1B%5B2J";
    let hooli = shared_server::hooli(deployment.port);
    let login = hooli.begin_with(&[("redirect_uri", evil)]);
    Agent::new().get(login.url).await.expect(400);
    let log = process.terminate().await;
    assert!(!log.contains("\"ERROR\""), "{log}");
    let refused = log.lines().find(|line| line.contains("evil.example"));
    let refused: Value = serde_json::from_str(refused.expect("it is told")).unwrap();
    assert_eq!(refused["redirect_uri"], evil);
    assert_eq!(refused["client_id"], hooli.client_id.as_str());
    assert!(refused["client_remote_addr"].is_string(), "{refused}");
}

#[tokio::test]
async fn a_process_that_is_asked_to_end_drains_and_exits_with_0() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let deployment = Deployment::build()
            .tenant("hooli", shared_server::HOOLI)
            .done();
        let mut process = deployment.open().await;
        let hooli = shared_server::hooli(deployment.port);
        hooli.log_in(&Agent::new(), &shared_server::MOCK).await;
        process.signal(signal);
        let status = process.ended().await;
        assert!(status.success(), "{status}: {}", process.log());
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_process_ends() {
    let deployment = Deployment::build()
        .tenant("initech", shared_server::INITECH)
        .done();
    let mut process = deployment.open().await;
    let printer = shared_server::initech(deployment.port);
    let agent = Agent::new();
    let form = agent.get(printer.begin().url).await.expect(302).location();
    let body = "login=kim%40initech.example&password=wrong";
    let cookie = agent.cookie("insula_browser").value;
    let head = format!(
        "POST {}?{} HTTP/1.1\r\nHost: login.localhost\r\nCookie: insula_browser.initech={cookie}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        form.path(),
        form.query().unwrap(),
        body.len()
    );
    let mut wire = TcpStream::connect(("127.0.0.1", deployment.port))
        .await
        .unwrap();
    wire.write_all(head.as_bytes()).await.unwrap();
    let mut said = vec![0; 25];
    wire.read_exact(&mut said).await.unwrap();
    assert_eq!(said, b"HTTP/1.1 100 Continue\r\n\r\n", "it has our request");

    process.signal(Signal::SIGTERM);
    process.says("SIGTERM: draining").await;
    wire.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    wire.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn readiness_fails_while_the_database_is_away_and_comes_back_with_it() {
    let Some(postgres) = service("INSULA_TEST_POSTGRES") else {
        return;
    };
    let (relay, through) = Relay::before(&postgres).await;
    let tenant = format!("t{}", unique());
    let text = shared_server::HOOLI.replace("hooli.localhost", &format!("{tenant}.localhost"));
    let deployment = Deployment::build()
        .tenant(&tenant, &text)
        .database(&through)
        .done();
    let process = deployment.open().await;
    let ready = process.telemetry("/healthz/ready");
    let keys = format!("http://{tenant}.localhost:{}/keys", deployment.port);
    Agent::new().get(&keys).await.expect(200);
    relay.cut();
    status_becomes(&ready, 503).await;
    // The tenants' port tells the same, with dex's status.
    let health = format!("http://{tenant}.localhost:{}/healthz", deployment.port);
    Agent::new().get(&health).await.expect(500);
    // It lives: restarting it would not bring the database back.
    Agent::new()
        .get(process.telemetry("/healthz/live"))
        .await
        .expect(200);
    // And what needs no database is still served.
    Agent::new().get(&keys).await.expect(200);
    relay.mend();
    status_becomes(&ready, 200).await;
    process.terminate().await;
}

#[tokio::test]
async fn a_database_that_takes_no_writes_makes_nobody_ready_and_the_cause_is_told() {
    let Some(postgres) = service("INSULA_TEST_POSTGRES") else {
        return;
    };
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .database(&postgres)
        .done();
    let process = deployment.open().await;
    let ready = process.telemetry("/healthz/ready");
    let name = deployment.database.rsplit('/').next().unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let read_only = |said: &str| {
        let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = {said}");
        // On the server's own database: this one may take no writes.
        execute_on(&postgres, &set);
        execute_on(&deployment.database, cut);
    };
    read_only("on");
    status_becomes(&ready, 503).await;
    process.says("not ready, for the database").await;
    let report = Agent::new().get(&ready).await.expect(503).json();
    let cause = report["checks"]["storage"]["message"].as_str().unwrap();
    assert!(cause.contains("read-only"), "{cause}");
    let live = process.telemetry("/healthz/live");
    Agent::new().get(live).await.expect(200);
    read_only("off");
    status_becomes(&ready, 200).await;
    process.says("ready: the database does").await;
    process.terminate().await;
}

#[tokio::test]
async fn a_process_without_its_cache_is_ready_but_for_logins_and_lives() {
    let Some(redis) = service("INSULA_TEST_REDIS") else {
        return;
    };
    let (relay, through) = Relay::before(&redis).await;
    let deployment = Deployment::build()
        .tenant("acme", shared_server::ACME)
        .cache(&through)
        .done();
    let process = deployment.open().await;
    let portal = shared_server::portal(deployment.port);
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    relay.cut();
    process.says("nobody can log in, for the cache").await;
    let ready = process.telemetry("/healthz/ready");
    let report = Agent::new().get(&ready).await.expect(200).json();
    assert_eq!(report["status"], "degraded", "{report}");
    assert_eq!(report["short"], serde_json::json!(["logins"]), "{report}");
    for path in ["/healthz", "/healthz/live", "/healthz/ready"] {
        Agent::new().get(portal.at(path)).await.expect(200);
    }
    // What is not short is served.
    let refreshed = portal.refresh(tokens.refresh(), &[]).await.expect(200);
    let refreshed = portal.read(&refreshed).await;
    portal.userinfo(&refreshed.access_token).await.expect(200);
    portal.keys().await;
    relay.mend();
    process.says("logins are served again").await;
    portal.log_in(&Agent::new(), &JANE).await;
    process.terminate().await;
}

async fn status_becomes(url: &str, status: u16) {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let answer = Agent::new().get(url).await;
        if answer.status == status {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{url} stays at {}: {}",
            answer.status,
            answer.body
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
