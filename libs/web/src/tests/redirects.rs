use actix_web::test::TestRequest;
use insula_engine::Refusal;
use insula_engine::authorize::ReplyTo;
use insula_flows::{Fault, FlowError};
use insula_oauth::ResponseMode;
use insula_store::StoreError;

use super::world::{AUTHORIZE, Answer, World, connecting};
use crate::respond::{Surface, fail, redirect, refuse, reply};

fn to(uri: &str, mode: ResponseMode, state: Option<&str>) -> ReplyTo {
    ReplyTo {
        client_id: insula_model::ClientId::parse("app").unwrap(),
        redirect_uri: uri.to_owned(),
        response_mode: mode,
        state: state.map(str::to_owned),
    }
}

fn code() -> Vec<(String, String)> {
    vec![("code".to_owned(), "c0de".to_owned())]
}

async fn location(tenant: &str, to: &ReplyTo) -> String {
    let world = World::usual().await;
    let ctx = world.context(tenant, TestRequest::get()).await;
    let answer = Answer::of(reply(&ctx, to, code())).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    answer.header("location").to_owned()
}

const URI: &str = "https://app.test/cb";

#[actix_web::test]
async fn an_answer_carries_state_and_issuer_sorted_by_name() {
    let found = location("acme", &to(URI, ResponseMode::Query, Some("x y"))).await;
    let iss = "iss=https%3A%2F%2Facme.test";
    assert_eq!(found, format!("{URI}?code=c0de&{iss}&state=x+y"));
    let found = location("acme", &to(URI, ResponseMode::Query, None)).await;
    assert_eq!(found, format!("{URI}?code=c0de&{iss}"));
    let found = location("acme", &to(URI, ResponseMode::Fragment, Some("s"))).await;
    assert_eq!(found, format!("{URI}#code=c0de&{iss}&state=s"));
}

#[actix_web::test]
async fn dex_sends_state_even_when_empty_and_no_issuer() {
    let found = location("globex", &to(URI, ResponseMode::Query, None)).await;
    assert_eq!(found, format!("{URI}?code=c0de&state="));
    let found = location("globex", &to(URI, ResponseMode::Query, Some("s"))).await;
    assert_eq!(found, format!("{URI}?code=c0de&state=s"));
}

#[actix_web::test]
async fn what_the_redirect_uri_has_already_is_kept() {
    for (uri, start) in [
        (
            "https://app.test/cb?tab=1",
            "https://app.test/cb?tab=1&code=",
        ),
        ("https://app.test/cb?", "https://app.test/cb?code="),
        ("https://app.test/cb?a=1&", "https://app.test/cb?a=1&code="),
        ("com.app:/cb", "com.app:/cb?code="),
    ] {
        let found = location("globex", &to(uri, ResponseMode::Query, Some("s"))).await;
        assert!(found.starts_with(start), "{found}");
    }
    let uri = "http://localhost/cb#part";
    let found = location("globex", &to(uri, ResponseMode::Query, Some("s"))).await;
    assert_eq!(found, "http://localhost/cb?code=c0de&state=s#part");
}

#[actix_web::test]
async fn nothing_in_a_redirect_can_end_its_line() {
    let hostile = "x\r\nSet-Cookie: a=b\r\n\r\n<script>";
    let found = location("acme", &to(URI, ResponseMode::Query, Some(hostile))).await;
    assert!(found.contains("x%0D%0ASet-Cookie"), "{found}");
    for uri in [
        "https://app.test/\r\nSet-Cookie: a=b",
        "https://app.test/\u{fc}\u{0}",
    ] {
        let answer = Answer::of(redirect(uri, false)).await;
        assert_eq!(answer.status, 302);
        assert!(answer.cookies().is_empty());
        let found = answer.header("location");
        assert!(found.bytes().all(|b| b.is_ascii_graphic()), "{found}");
    }
}

#[actix_web::test]
async fn a_form_post_goes_to_the_redirect_uri_and_wherever_that_leads() {
    let world = World::usual().await;
    let ctx = world.context("acme", TestRequest::get()).await;
    let hostile = "\"><script>alert(1)</script>";
    let to = to(URI, ResponseMode::FormPost, Some(hostile));
    let answer = Answer::of(reply(&ctx, &to, code())).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    assert!(text.contains("action=\"https://app.test/cb\""), "{text}");
    assert!(text.contains("name=\"iss\""), "{text}");
    assert!(!text.contains("<script>alert"), "{text}");
    let policy = answer.header("content-security-policy");
    assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
    assert_eq!(text.matches("<form").count(), 1, "{text}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[actix_web::test]
async fn a_refusal_is_told_to_the_client_where_it_asked_to_hear() {
    let world = World::usual().await;
    for (tenant, expected) in [
        (
            "acme",
            "error=invalid_scope&error_description=scope+is+not+known%3A+x&iss=https%3A%2F%2Facme.test&state=s",
        ),
        (
            "globex",
            "error=invalid_scope&error_description=Unrecognized+scope%28s%29+%5B%22x%22%5D&state=s",
        ),
    ] {
        let ctx = world.context(tenant, TestRequest::get()).await;
        let refusal = Refusal::UnknownScope(vec!["x".to_owned()]);
        for (mode, joiner) in [(ResponseMode::Query, '?'), (ResponseMode::Fragment, '#')] {
            let to = to(URI, mode, Some("s"));
            let answer = refuse(&ctx, Surface::Browser, &refusal, Some(&to));
            let answer = Answer::of(answer).await;
            assert_eq!(answer.status, 303);
            assert_eq!(
                answer.header("location"),
                format!("{URI}{joiner}{expected}")
            );
        }
    }
}

#[actix_web::test]
async fn our_own_failing_is_told_to_the_client_without_its_cause() {
    let world = World::usual().await;
    let ctx = world.context("acme", TestRequest::get()).await;
    let failing = |fault| FlowError::Fault {
        fault,
        reply_to: Some(Box::new(to(URI, ResponseMode::Query, Some("s")))),
    };
    for (fault, word) in [
        (Fault::KeysStale, "error=temporarily_unavailable"),
        (Fault::Signing("a key".to_owned()), "error=server_error"),
        (
            Fault::Store(StoreError::Unavailable {
                backend: "postgres",
                cause: "no route to secret@host".to_owned(),
            }),
            "error=temporarily_unavailable",
        ),
    ] {
        let answer = Answer::of(fail(&ctx, Surface::Browser, failing(fault))).await;
        let found = answer.header("location");
        assert!(found.contains(word), "{found}");
        assert!(
            !found.contains("secret") && !found.contains("key"),
            "{found}"
        );
    }
}

#[actix_web::test]
async fn an_error_of_a_request_reaches_the_client_end_to_end() {
    let world = World::of([connecting("mock").build()]).await;
    let twice = format!("{AUTHORIZE}&scope=openid");
    let answer = world.get(&twice).await;
    assert_eq!(answer.status, 303);
    let found = answer.header("location");
    assert!(
        found.starts_with("https://app.test/cb?error=invalid_request"),
        "{found}"
    );
    assert!(found.contains("state=xyz"), "{found}");
    let elsewhere = AUTHORIZE.replace("app.test", "evil.test");
    let answer = world.get(&elsewhere).await;
    assert_eq!(answer.status, 400, "an unproven URI is never redirected to");
    assert_eq!(answer.header("location"), "");
}
