//! Which tenant is asked, and what becomes of it when its files change.

use std::time::{Duration, Instant};

use insula_tests::{Agent, Deployment};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::shared_server::{self, shared_server};

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A tenant with one client.
fn small(issuer: &str, client: &str) -> String {
    format!(
        "issuer: {issuer}
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - {{ id: {client}, secret: s, redirectURIs: [\"https://{client}.example/cb\"] }}
"
    )
}

/// Asks again until the answer is as wanted, or for too long.
async fn becomes(what: &str, wanted: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !wanted().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether a tenant knows a client.
async fn knows(issuer: &str, client: &str) -> bool {
    let redirect_uri = format!("https://{client}.example/cb");
    let url = format!(
        "{issuer}/auth?client_id={client}&redirect_uri={redirect_uri}&response_type=code&scope=openid"
    );
    let answer = Agent::new().get(url).await;
    answer.status == 303
}

#[tokio::test]
async fn a_host_nobody_has_is_answered_plainly() {
    let port = shared_server().await.deployment.port;
    for host in [
        "nobody.localhost",
        "127.0.0.1",
        "acme.localhost.evil.example",
        "alg.localhost",
    ] {
        let url = format!("http://{host}:{port}/");
        let answer = Agent::through(&[port]).get(url).await.expect(404);
        assert!(answer.body.len() < 2000, "{host}");
        assert_eq!(answer.header("set-cookie"), "");
        for name in ["acme", "globex", "initech"] {
            assert!(!answer.body.contains(name), "{host}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_dex_file_that_is_the_whole_server_answers_whatever_the_host() {
    let file = small("http://dex.example:PORT/dex", "app");
    let dex = format!("# dex\n{}", file.replace("id: app", "id: app, name: App"));
    let deployment = Deployment::build().tenant("dex", &dex).done();
    let process = deployment.open().await;
    let issuer = format!("http://dex.example:{}/dex", deployment.port);
    for host in ["127.0.0.1", "pod.localhost"] {
        let url = format!("http://{host}:{}/dex{DISCOVERY}", deployment.port);
        let answer = Agent::through(&[deployment.port])
            .get(url)
            .await
            .expect(200);
        assert_eq!(answer.json()["issuer"], issuer, "{host}");
    }
    for path in [
        "/healthz",
        "/healthz/live",
        "/healthz/ready",
        "/dex/healthz",
    ] {
        let answer = raw(deployment.port, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
        assert!(answer.contains(" 200 OK\r\n"), "{path}: {answer}");
        assert!(answer.len() < 400, "{path}: {answer}");
    }
    process.terminate().await;
}

/// What comes back for these bytes, until the server closes.
async fn raw(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn hosts_are_compared_without_case_and_with_all_their_names() {
    let shared_server = shared_server().await;
    let port = shared_server.deployment.port;
    let agent = Agent::through(&[port]);
    for host in ["ACME.localhost", "acme.localhost", "login.acme.example"] {
        let url = format!("http://{host}:{port}{DISCOVERY}");
        let answer = agent.get(url).await.expect(200);
        assert_eq!(
            answer.json()["issuer"],
            shared_server.issuer("acme"),
            "{host}"
        );
    }
}

#[tokio::test]
async fn the_longest_path_wins_and_ends_at_a_segment() {
    let deployment = Deployment::build()
        .tenant("root", &small("http://many.localhost:PORT", "root"))
        .tenant("west", &small("http://many.localhost:PORT/west", "west"))
        .tenant("far", &small("http://many.localhost:PORT/west/far", "far"))
        .done();
    let _process = deployment.open().await;
    let base = format!("http://many.localhost:{}", deployment.port);
    for path in ["", "/west", "/west/far"] {
        let issuer = format!("{base}{path}");
        let answer = Agent::new().get(format!("{issuer}{DISCOVERY}")).await;
        assert_eq!(answer.expect(200).json()["issuer"], issuer);
    }
    assert!(knows(&format!("{base}/west/far"), "far").await);
    for path in ["/western", "/west/farther", "/WEST"] {
        let url = format!("{base}{path}{DISCOVERY}");
        Agent::new().get(url).await.expect(404);
    }
}

#[tokio::test]
async fn a_changed_file_is_taken_without_a_restart() {
    let issuer = "http://changing.localhost:PORT";
    let deployment = Deployment::build()
        .tenant("changing", &small(issuer, "before"))
        .done();
    let process = deployment.open().await;
    let at = shared_server::issuer(deployment.port, "changing");
    assert!(knows(&at, "before").await);
    assert!(!knows(&at, "after").await);
    deployment.write_tenant("changing", &small(issuer, "after"));
    becomes("the new client is known", async || {
        knows(&at, "after").await
    })
    .await;
    assert!(!knows(&at, "before").await);

    // Told by a signal, it need not wait for anybody to look.
    deployment.write_tenant("changing", &small(issuer, "third"));
    process.signal(Signal::SIGHUP);
    becomes("the third client is known", async || {
        knows(&at, "third").await
    })
    .await;
    process.terminate().await;
}

#[tokio::test]
async fn a_bad_file_never_takes_the_place_of_a_good_one() {
    let issuer = "http://steady.localhost:PORT";
    let deployment = Deployment::build()
        .tenant("steady", &small(issuer, "good"))
        .tenant(
            "neighbour",
            &small("http://neighbour.localhost:PORT", "calm"),
        )
        .done();
    let process = deployment.open().await;
    let at = shared_server::issuer(deployment.port, "steady");
    assert!(knows(&at, "good").await);
    deployment.write_tenant("steady", "issuer: [this is no issuer\n");
    process.signal(Signal::SIGHUP);
    becomes("the trouble is told", async || {
        process.log().contains("steady/tenant.yaml")
    })
    .await;
    assert!(knows(&at, "good").await);
    assert!(knows(&shared_server::issuer(deployment.port, "neighbour"), "calm").await);
    let log = process.log();
    assert!(log.contains("tenant.yaml:"), "with file and line: {log}");
    // And once it is mended it is taken.
    deployment.write_tenant("steady", &small(issuer, "mended"));
    becomes("the mended file is taken", async || {
        knows(&at, "mended").await
    })
    .await;
    process.terminate().await;
}

#[tokio::test]
async fn a_folder_that_appears_is_served_and_one_that_goes_is_not() {
    let deployment = Deployment::build()
        .tenant("first", &small("http://first.localhost:PORT", "one"))
        .tenant("other", &small("http://other.localhost:PORT", "other"))
        .done();
    let process = deployment.open().await;
    let at = shared_server::issuer(deployment.port, "second");
    assert!(!knows(&at, "two").await);
    deployment.write_tenant("second", &small("http://second.localhost:PORT", "two"));
    becomes("the new tenant is served", async || knows(&at, "two").await).await;
    deployment.remove_tenant("second");
    becomes("the old tenant is gone", async || {
        Agent::new().get(format!("{at}{DISCOVERY}")).await.status == 404
    })
    .await;
    assert!(knows(&shared_server::issuer(deployment.port, "first"), "one").await);
    process.terminate().await;
}

#[tokio::test]
async fn a_tenant_whose_file_was_never_good_keeps_nobody_else_from_being_served() {
    let deployment = Deployment::build()
        .tenant(
            "broken",
            "issuer: http://broken.localhost:PORT\nstaticClient: []\n",
        )
        .tenant("whole", &small("http://whole.localhost:PORT", "app"))
        .done();
    let process = deployment.open().await;
    assert!(knows(&shared_server::issuer(deployment.port, "whole"), "app").await);
    let at = shared_server::issuer(deployment.port, "broken");
    Agent::new()
        .get(format!("{at}{DISCOVERY}"))
        .await
        .expect(404);
    process.terminate().await;
}

#[tokio::test]
async fn a_tenant_that_changed_its_connector_logs_people_in_with_the_new_one() {
    let issuer = "http://moving.localhost:PORT";
    let deployment = Deployment::build()
        .tenant("moving", &small(issuer, "app"))
        .done();
    let process = deployment.open().await;
    let at = shared_server::issuer(deployment.port, "moving");
    let second = small(issuer, "app").replace("id: mock,", "id: other,");
    deployment.write_tenant("moving", &second);
    let app = insula_tests::RelyingParty::new(&at, "app", "s", "https://app.example/cb");
    becomes("the new connector is gone to", async || {
        let agent = Agent::new();
        let to = agent
            .get(app.begin_with(&[("connector_id", "other")]).url)
            .await;
        to.header("location").contains("/callback/other?")
    })
    .await;
    let person = insula_tests::Person::at("other");
    let tokens = app.log_in(&Agent::new(), &person).await;
    assert_eq!(tokens.claim("name"), "Kilgore Trout");
    process.terminate().await;
}

#[tokio::test]
async fn a_flood_at_one_tenant_stops_at_its_wall() {
    let flooded = small("http://flooded.localhost:PORT", "app") + "limits: { requests: 5/m }\n";
    let deployment = Deployment::build()
        .tenant("flooded", &flooded)
        .tenant("calm", &small("http://calm.localhost:PORT", "app"))
        .done();
    let process = deployment.open().await;
    let at = shared_server::issuer(deployment.port, "flooded");
    let mut last = Agent::new().get(format!("{at}/userinfo")).await;
    for _ in 0..20 {
        last = Agent::new().get(format!("{at}/userinfo")).await;
    }
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").parse::<u64>().is_ok());
    assert!(knows(&shared_server::issuer(deployment.port, "calm"), "app").await);
    process.terminate().await;
}

#[tokio::test]
async fn the_servers_own_quota_holds_for_tenants_that_name_none_and_for_no_others() {
    let file = |name: &str| small(&format!("http://{name}.localhost:PORT"), "app");
    let dex = file("dexs").replace("id: app", "id: app, name: App");
    let deployment = Deployment::build()
        .setting("limits: { requests: 5/h }")
        .tenant("dexs", &format!("# dex\n{dex}"))
        .tenant("silent", &file("silent"))
        .tenant("own", &(file("own") + "limits: { requests: 1000/h }\n"))
        .tenant("free", &(file("free") + "limits: { requests: none }\n"))
        .done();
    let process = deployment.open().await;
    for (tenant, limited) in [
        ("dexs", true),
        ("silent", true),
        ("own", false),
        ("free", false),
    ] {
        let at = shared_server::issuer(deployment.port, tenant);
        let mut statuses = Vec::new();
        for _ in 0..12 {
            let answer = Agent::new().get(format!("{at}/userinfo")).await;
            statuses.push(answer.status);
        }
        assert_ne!(statuses.first(), Some(&429), "{tenant}: {statuses:?}");
        assert_eq!(
            statuses.last() == Some(&429),
            limited,
            "{tenant}: {statuses:?}"
        );
        assert_eq!(statuses.contains(&429), limited, "{tenant}: {statuses:?}");
    }
    process.terminate().await;
}

#[tokio::test]
async fn an_issuer_over_tls_sets_the_cookies_that_browsers_guard() {
    let deployment = Deployment::build()
        .tenant("host", &small("https://secure.example", "app"))
        .tenant("path", &small("https://paths.example/here", "app"))
        .done();
    let _process = deployment.open().await;
    for (issuer, tenant) in [
        ("https://secure.example", "host"),
        ("https://paths.example/here", "path"),
    ] {
        let app = insula_tests::RelyingParty::new(issuer, "app", "s", "https://app.example/cb");
        let app = app.through(&[deployment.port]);
        let agent = Agent::through(&[deployment.port]);
        app.log_in(&agent, &insula_tests::Person::at("mock")).await;
        let cookies = agent.cookies();
        let mut names: Vec<_> = cookies.iter().map(|cookie| &cookie.name[..]).collect();
        names.sort_unstable();
        let expected =
            ["browser", "finished", "session"].map(|name| format!("__Host-insula_{name}.{tenant}"));
        assert_eq!(names, expected);
        for cookie in cookies {
            assert!(cookie.secure && cookie.http_only);
            assert_eq!(cookie.path, "/");
            assert_eq!(cookie.domain, None);
        }
        let page = agent.get(format!("{issuer}/")).await;
        assert!(
            page.header("strict-transport-security")
                .contains("max-age=")
        );
    }
}
