use std::sync::Arc;
use std::time::Duration;

use insula_ambient::ManualClock;
use insula_connector_kit::ConnectorError;
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::upstream::Answer;
use super::*;
use crate::testing::{a_clock, local_http, strict_http};

fn settings(clock: &ManualClock) -> UpstreamSettings {
    UpstreamSettings {
        connector: "up".to_owned(),
        timeout: Duration::from_secs(5),
        calls: 4,
        trust: Trust::default(),
        clock: Arc::new(clock.clone()),
    }
}

fn an_upstream() -> Upstream {
    Upstream::open(&local_http(), settings(&a_clock())).unwrap()
}

async fn serving(at: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(at))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

fn get(server: &MockServer, at: &str) -> Ask {
    Ask::get(Url::parse(&format!("{}{at}", server.uri())).unwrap())
}

fn said(answered: Result<Answer, ConnectorError>) -> String {
    answered.err().unwrap().to_string()
}

#[tokio::test]
async fn an_answer_is_read() {
    let server = serving("/", ResponseTemplate::new(200).set_body_string("{\"a\":1}")).await;
    let answer = an_upstream().ask(get(&server, "/")).await.unwrap();
    let document = answer.ok("document").unwrap().document("document").unwrap();
    assert_eq!(document.get("a"), Some(&serde_json::json!(1)));
}

#[tokio::test]
async fn an_answer_beyond_a_mebibyte_is_refused() {
    let huge = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 1024 * 1024 + 1]);
    let server = serving("/", huge).await;
    let refused = said(an_upstream().ask(get(&server, "/")).await);
    assert!(refused.contains("larger than 1048576 bytes"), "{refused}");
}

#[tokio::test]
async fn a_silent_upstream_is_given_up() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_mins(10));
    let server = serving("/", slow).await;
    let hasty = UpstreamSettings {
        timeout: Duration::from_millis(30),
        ..settings(&a_clock())
    };
    let upstream = Upstream::open(&local_http(), hasty).unwrap();
    let refused = said(upstream.ask(get(&server, "/")).await);
    assert!(refused.contains("did not answer within 30 ms"), "{refused}");
}

#[tokio::test]
async fn private_addresses_are_refused_before_anything_is_sent() {
    let server = serving("/", ResponseTemplate::new(200)).await;
    let upstream = Upstream::open(&strict_http(), settings(&a_clock())).unwrap();
    let port = server.address().port();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://acme.localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://[::ffff:10.0.0.1]/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let refused = said(upstream.ask(Ask::get(Url::parse(&url).unwrap())).await);
        assert!(
            refused.contains("address; allow it for outbound calls"),
            "{url}: {refused}"
        );
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn redirects_are_followed_within_the_origin_and_only_where_asked_for() {
    let to = |location: &str| ResponseTemplate::new(302).insert_header("location", location);
    let server = serving("/here", to("/there")).await;
    Mock::given(path("/there"))
        .respond_with(ResponseTemplate::new(200).set_body_string("found"))
        .mount(&server)
        .await;
    for (at, location) in [
        ("/meta", "http://169.254.169.254/"),
        ("/other", "https://idp.test/"),
    ] {
        Mock::given(path(at))
            .respond_with(to(location))
            .mount(&server)
            .await;
    }
    Mock::given(path("/circle"))
        .respond_with(to("/circle"))
        .mount(&server)
        .await;
    let upstream = an_upstream();

    let plain = upstream.ask(get(&server, "/here")).await.unwrap();
    assert_eq!(plain.status, 302);
    let followed = upstream
        .ask(get(&server, "/here").following_redirects())
        .await
        .unwrap();
    assert_eq!(followed.body, b"found");
    for at in ["/meta", "/other"] {
        let refused = said(upstream.ask(get(&server, at).following_redirects()).await);
        assert!(refused.contains("another origin"), "{refused}");
    }
    let circle = said(
        upstream
            .ask(get(&server, "/circle").following_redirects())
            .await,
    );
    assert!(circle.contains("in circles"), "{circle}");
}

#[tokio::test]
async fn beyond_its_calls_at_once_an_upstream_is_busy() {
    let server = serving("/", ResponseTemplate::new(200)).await;
    let narrow = UpstreamSettings {
        calls: 1,
        ..settings(&a_clock())
    };
    let upstream = Upstream::open(&local_http(), narrow).unwrap();
    let held = upstream.enter().unwrap();
    let refused = upstream.ask(get(&server, "/")).await;
    assert!(matches!(refused.err(), Some(ConnectorError::Busy(_))));
    drop(held);
    assert!(upstream.ask(get(&server, "/")).await.is_ok());
}

#[tokio::test]
async fn exchanges_leave_half_of_the_calls_to_logins() {
    let server = serving("/", ResponseTemplate::new(200)).await;
    let upstream = an_upstream();
    let held = [(); 2].map(|()| upstream.enter_as_exchange().unwrap());
    let refused = upstream.ask(get(&server, "/").of_an_exchange()).await;
    assert!(matches!(refused.err(), Some(ConnectorError::Busy(_))));
    assert!(upstream.ask(get(&server, "/")).await.is_ok());
    drop(held);
    let exchange = upstream.ask(get(&server, "/").of_an_exchange()).await;
    assert!(exchange.is_ok());
}

#[tokio::test]
async fn an_upstream_that_keeps_failing_is_left_alone_and_tried_again() {
    let server = MockServer::start().await;
    let failing = Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(503))
        .mount_as_scoped(&server)
        .await;
    let clock = a_clock();
    let upstream = Upstream::open(&local_http(), settings(&clock)).unwrap();
    for _ in 0..5 {
        assert_eq!(upstream.ask(get(&server, "/")).await.unwrap().status, 503);
    }
    let left_alone = said(upstream.ask(get(&server, "/")).await);
    assert!(left_alone.contains("left alone for 10 s"), "{left_alone}");
    assert_eq!(failing.received_requests().await.len(), 5);

    drop(failing);
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    clock.advance(Duration::from_secs(10));
    assert_eq!(upstream.ask(get(&server, "/")).await.unwrap().status, 200);
    assert_eq!(upstream.ask(get(&server, "/")).await.unwrap().status, 200);
}

#[tokio::test]
async fn what_the_upstream_refuses_does_not_count_as_its_failure() {
    let server = serving("/", ResponseTemplate::new(400)).await;
    let upstream = an_upstream();
    for _ in 0..9 {
        assert_eq!(upstream.ask(get(&server, "/")).await.unwrap().status, 400);
    }
}

#[tokio::test]
async fn errors_name_the_host_and_never_the_rest_of_the_url() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{nobody}/token?secret=hunter2");
    let refused = said(an_upstream().ask(Ask::get(Url::parse(&url).unwrap())).await);
    assert!(refused.contains("127.0.0.1 cannot be reached"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[tokio::test]
async fn what_is_outside_is_asked_through_the_proxy_and_what_is_inside_is_not() {
    let proxy = serving("/doc", ResponseTemplate::new(203)).await;
    let inside = serving("/doc", ResponseTemplate::new(200)).await;
    let policy = OutboundPolicy {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        allow_hosts: vec!["intern.test".to_owned()],
        proxy: Some(proxy.uri().parse().unwrap()),
    };
    let http = UpstreamHttp::new(policy, tokio::runtime::Handle::current()).unwrap();
    let upstream = Upstream::open(&http, settings(&a_clock())).unwrap();
    let asked = |url: String| upstream.ask(Ask::get(Url::parse(&url).unwrap()));
    // Names that nobody has: the proxy is asked for them, and answers itself.
    for outside in ["http://idp.test/doc", "http://93.184.215.14/doc"] {
        assert_eq!(asked(outside.to_owned()).await.unwrap().status, 203);
    }
    let at = inside.uri();
    assert_eq!(asked(format!("{at}/doc")).await.unwrap().status, 200);
    let here = at.replace("127.0.0.1", "acme.localhost");
    assert_eq!(asked(format!("{here}/doc")).await.unwrap().status, 200);
    // A proxy is no way around the guard.
    for refused in ["http://10.0.0.1/doc", "http://169.254.169.254/doc"] {
        let refused = asked(refused.to_owned()).await;
        assert!(matches!(refused, Err(ConnectorError::Settings(_))));
    }
    let unknown = asked("http://intern.test/doc".to_owned()).await;
    assert!(matches!(unknown, Err(ConnectorError::Unreachable(_))));
}

#[tokio::test]
async fn a_root_ca_is_taken_in_three_forms_or_refused() {
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let coded = data_encoding::BASE64.encode(pem.as_bytes());
    assert_eq!(root_ca(pem).unwrap(), pem);
    assert_eq!(root_ca(&coded).unwrap(), pem);
    assert!(matches!(
        root_ca("/no/such/file.pem"),
        Err(ConnectorError::Settings(_))
    ));
    let empty = UpstreamSettings {
        trust: Trust {
            root_cas: vec!["no certificate".to_owned()],
            insecure_skip_verify: false,
        },
        ..settings(&a_clock())
    };
    assert!(Upstream::open(&local_http(), empty).is_err());
}

#[test]
fn connections_outlive_the_runtime_that_asked_for_them() {
    let current = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let io = tokio::runtime::Runtime::new().unwrap();
    let server = io.block_on(serving("/", ResponseTemplate::new(200)));
    let upstream = io.block_on(async { an_upstream() });
    for _ in 0..2 {
        let arbiter = current();
        let answer = arbiter.block_on(upstream.ask(get(&server, "/")));
        assert_eq!(answer.unwrap().status, 200);
        drop(arbiter);
    }
}

#[tokio::test]
async fn who_trusts_more_than_the_others_has_a_client_of_its_own() {
    let trusting = UpstreamSettings {
        trust: Trust {
            root_cas: Vec::new(),
            insecure_skip_verify: true,
        },
        ..settings(&a_clock())
    };
    let server = serving("/", ResponseTemplate::new(200)).await;
    let upstream = Upstream::open(&local_http(), trusting).unwrap();
    assert_eq!(upstream.ask(get(&server, "/")).await.unwrap().status, 200);
}
