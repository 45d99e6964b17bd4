//! What strangers and people can write into the log, and what they cannot.

use std::time::Duration;

use insula_tests::{Agent, Answer, Deployment, RelyingParty};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::shared_server::{self, ADMIN};

/// A dex tenant of a name, with more lines.
fn dex(name: &str, more: &str) -> String {
    shared_server::GLOBEX.replace("globex.localhost", &format!("{name}.localhost")) + more
}

/// The client of such a tenant.
fn client(deployment: &Deployment, name: &str) -> RelyingParty {
    let mut party = shared_server::globex(deployment.port);
    party.issuer = format!("http://{name}.localhost:{}", deployment.port);
    party
}

/// Goes to the password form of a login.
async fn password_form(agent: &Agent, party: &RelyingParty) -> Answer {
    let login = party.begin_with(&[("connector_id", "local")]);
    let mut answer = agent.get(login.url).await;
    while (300..400).contains(&answer.status) {
        answer = agent.get(answer.location()).await;
    }
    answer.expect(200)
}

/// Sends a password form; the answer.
async fn types(agent: &Agent, shown: &Answer, login: &str, password: &str) -> Answer {
    let page = shown.page();
    let form = page.form_with("password").expect("a password form");
    let values = form.filled(&[("login", login), ("password", password)], "submit-login");
    let values: Vec<_> = values.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    let to = shown.url.join(&form.action).unwrap();
    agent.post(to, &values).await
}

fn records(log: &str) -> Vec<Value> {
    let lines = log.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn errors(log: &str) -> Vec<Value> {
    let mut records = records(log);
    records.retain(|record| record["level"] == "ERROR");
    records
}

/// Sends bytes and waits until the server has judged them: it answers, closes, or waits for more.
async fn sends(port: u16, bytes: &[u8]) {
    let mut wire = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // A server that closed already has judged.
    let _closed = wire.write_all(bytes).await;
    let _closed = wire.shutdown().await;
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), wire.read_to_end(&mut answer));
    let _closed = ended.await.expect("it closes what cannot go on");
}

#[tokio::test]
async fn bytes_that_are_no_request_are_no_error_whatever_is_asked_of_the_log() {
    let garbage: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\xff\xfe\x1b[2J\r\n\r\n",
        b"GET  HTTP\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\na b: c\r\n\r\n",
        b"POST /token HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for level in [
        "info",
        "trace",
        "insula=debug",
        "debug,rustls=info",
        "info,actix_http=trace",
        "error",
    ] {
        let deployment = Deployment::build()
            .tenant("hooli", shared_server::HOOLI)
            .log(level)
            .done();
        let process = deployment.open().await;
        for bytes in garbage {
            sends(process.port, bytes).await;
            sends(process.telemetry, bytes).await;
        }
        let log = process.terminate().await;
        let errors = errors(&log);
        assert_eq!(errors, [] as [Value; 0], "{level}");
    }
}

#[tokio::test]
async fn fields_that_a_dex_file_or_the_server_excludes_are_in_no_line() {
    let excluding = "logger: { excludeFields: [email, username, user, client_remote_addr] }\n";
    let deployment = Deployment::build()
        .tenant("quiet", &dex("quiet", excluding))
        .tenant("open", &dex("open", ""))
        .variable("INSULA_LOG_EXCLUDE", "user_id")
        .done();
    let process = deployment.open().await;
    for name in ["quiet", "open"] {
        let party = client(&deployment, name);
        let agent = Agent::new();
        let form = password_form(&agent, &party).await;
        types(&agent, &form, "somebody@example.com", "wrong").await;
        party.log_in(&Agent::new(), &ADMIN).await;
        let refused = party.begin_with(&[("redirect_uri", "https://evil.example/")]);
        Agent::new().get(refused.url).await.expect(400);
    }
    let records = records(&process.terminate().await);
    let of = |tenant: &str, words: &str| {
        let one = records.iter().find(|record| {
            let message = record["message"].as_str().unwrap_or_default();
            record["tenant.id"] == tenant && message.contains(words)
        });
        one.unwrap_or_else(|| panic!("{tenant}: {words}")).clone()
    };
    for (words, fields) in [
        (
            "login successful",
            &["email", "username", "client_remote_addr"][..],
        ),
        ("failed login attempt", &["user", "client_remote_addr"]),
        ("refused:", &["client_remote_addr"]),
    ] {
        let (open, quiet) = (of("open", words), of("quiet", words));
        for field in fields {
            assert!(open[field].is_string(), "{field}: {open}");
            assert!(quiet.get(field).is_none(), "{field}: {quiet}");
        }
        for record in [open, quiet] {
            assert!(record.get("user_id").is_none(), "{record}");
        }
    }
    for record in records
        .iter()
        .filter(|record| record["tenant.id"] == "quiet")
    {
        for word in ["admin@example.com", "somebody@example.com", "127.0.0.1\""] {
            assert!(!record.to_string().contains(word), "{word}: {record}");
        }
    }
}

/// Text that would begin a line of its own, clear a terminal, colour it, and turn round what is read.
const FORGED: &str =
    "x\r\n2026-01-01T00:00:00Z ERROR forged: line\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2028}";

fn is_odd(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{2028}'..='\u{202e}')
}

#[tokio::test]
async fn nobody_writes_lines_or_terminal_codes_into_a_log_of_either_format() {
    for format in ["json", "pretty"] {
        let deployment = Deployment::build()
            .tenant("open", &dex("open", ""))
            .variable("INSULA_LOG_FORMAT", format)
            .log("debug")
            .done();
        let process = deployment.open().await;
        let party = client(&deployment, "open");
        let agent = Agent::new();
        let form = password_form(&agent, &party).await;
        types(&agent, &form, FORGED, FORGED).await;
        let at = |path: &str, params: &[(&str, &str)]| {
            let mut url = Url::parse(&party.at(path)).unwrap();
            url.query_pairs_mut().extend_pairs(params);
            String::from(url)
        };
        let redirect = party.begin_with(&[("redirect_uri", FORGED)]);
        for url in [
            party.begin_with(&[("client_id", FORGED)]).url,
            redirect.url,
            at("/auth", &[("client_id", FORGED), ("scope", FORGED)]),
            at("/callback", &[("state", FORGED), ("error", FORGED)]),
            at(
                "/logout",
                &[("client_id", FORGED), ("post_logout_redirect_uri", FORGED)],
            ),
            at("/logout", &[("id_token_hint", FORGED)]),
            at("/auth/local/login", &[("state", FORGED), ("back", FORGED)]),
        ] {
            agent.get(url).await;
        }
        let token = [
            ("grant_type", FORGED),
            ("client_id", FORGED),
            ("code", FORGED),
        ];
        let refused = party.post("/token", &token).await;
        assert_eq!(refused.expect(400).error(), "unsupported_grant_type");
        // In a head they are no request, or stand there as they may.
        for line in [
            "User-Agent: \x1b[2J",
            "User-Agent: \u{9b}31m",
            "Referer: \u{202e}",
        ] {
            let head = format!("GET /auth HTTP/1.1\r\nHost: open.localhost\r\n{line}\r\n\r\n");
            sends(process.port, head.as_bytes()).await;
        }
        let log = process.terminate().await;
        let odd: Vec<char> = log.chars().filter(|c| is_odd(*c)).collect();
        assert!(odd.is_empty(), "{format}: {odd:?}: {log}");
        for line in log.lines() {
            let level = if format == "json" {
                let record: Value = serde_json::from_str(line).expect(line);
                record["level"].as_str().unwrap().to_owned()
            } else {
                line.split_whitespace()
                    .nth(1)
                    .unwrap_or_default()
                    .to_owned()
            };
            assert!(["INFO", "WARN", "DEBUG"].contains(&&level[..]), "{line}");
        }
        assert!(log.contains("failed login attempt"), "{log}");
        if format == "json" {
            let records = records(&log);
            let known = |field: &str| records.iter().any(|record| record[field] == FORGED);
            for field in [
                "client_id",
                "redirect_uri",
                "post_logout_redirect_uri",
                "user",
            ] {
                assert!(known(field), "{field} is told whole: {log}");
            }
        }
    }
}

#[tokio::test]
async fn a_logout_that_leads_nowhere_names_the_client_and_the_page_that_was_asked_for() {
    let deployment = Deployment::build()
        .tenant("acme", shared_server::ACME)
        .done();
    let process = deployment.open().await;
    let portal = shared_server::portal(deployment.port);
    let tokens = portal.log_in(&Agent::new(), &shared_server::JANE).await;
    let evil = format!("https://evil.example/{}", "a".repeat(1_000));
    for (name, value) in [
        ("client_id", portal.client_id.as_str()),
        ("id_token_hint", &tokens.id().token),
    ] {
        let mut url = Url::parse(&portal.at("/logout")).unwrap();
        url.query_pairs_mut()
            .append_pair(name, value)
            .append_pair("post_logout_redirect_uri", &evil);
        Agent::new().get(url).await.expect(200);
    }
    let records = records(&process.terminate().await);
    let refused: Vec<_> = records
        .iter()
        .filter(|record| {
            let message = record["message"].as_str().unwrap_or_default();
            message.starts_with("a logout leads back to no client: ")
        })
        .collect();
    assert_eq!(refused.len(), 2, "{records:?}");
    for record in refused {
        assert_eq!(record["client_id"], portal.client_id.as_str(), "{record}");
        let page = record["post_logout_redirect_uri"].as_str().unwrap();
        assert!(page.starts_with("https://evil.example/aaa"), "{page}");
        assert!(page.ends_with('…') && page.len() < 300, "{page}");
    }
}

#[tokio::test]
async fn an_error_that_a_browser_brings_from_an_upstream_is_a_warning_told_once() {
    let deployment = Deployment::build()
        .tenant("acme", shared_server::ACME)
        .tenant("initech", shared_server::INITECH)
        .done();
    let process = deployment.open().await;
    let portal = shared_server::portal(deployment.port);
    let agent = Agent::new();
    let login = portal.begin_with(&[("connector_id", "initech")]);
    let to = agent.get(login.url).await.location();
    let state = to.query_pairs().find(|(name, _)| name == "state");
    let (_, state) = state.expect("the upstream is told a state");
    for _ in 0..5 {
        let back = portal.at("/callback/initech");
        // It always tells its issuer, which is no secret.
        let iss = shared_server::issuer(deployment.port, "initech");
        let back = format!("{back}?state={state}&error=server_error&iss={iss}");
        agent.get(back).await.expect(502);
    }
    let log = process.terminate().await;
    assert_eq!(errors(&log), [] as [Value; 0]);
    let told = records(&log).into_iter().filter(|record| {
        let message = record["message"].as_str().unwrap_or_default();
        message.contains("server_error")
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["level"], "WARN");
    assert_eq!(told[0]["connector_id"], "initech");
}
