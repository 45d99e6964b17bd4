//! `response_mode=form_post`
//! ([OAuth 2.0 Form Post Response Mode](https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html)):
//! every answer, good or bad, is a page with one form.

use actix_web::test::TestRequest;
use data_encoding::BASE64URL_NOPAD;
use insula_engine::authorize::ReplyTo;
use insula_flows::{Fault, FlowError};
use insula_model::{RefusalForm, Rules};
use insula_oauth::{Params, ResponseMode, encode_pairs};
use insula_store::StoreError;

use super::errors::every_refusal;
use super::world::{AUTHORIZE, Answer, World, connecting};
use crate::respond::{Surface, fail, refuse};

const URI: &str = "https://app.test/cb";

fn to_the_app() -> ReplyTo {
    ReplyTo {
        client_id: insula_model::ClientId::parse("app").unwrap(),
        redirect_uri: URI.to_owned(),
        response_mode: ResponseMode::FormPost,
        state: Some("xyz".to_owned()),
    }
}

/// The fields of the form that an answer consists of, which works without a script and is kept
/// nowhere.
fn fields(answer: &Answer) -> Vec<(String, String)> {
    let text = answer.text();
    assert_eq!(answer.status, 200, "{text}");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache", "RFC 6749 §5.1");
    assert_eq!(answer.header("location"), "");
    assert_eq!(text.matches("<form").count(), 1, "{text}");
    assert!(
        text.contains(&format!("method=\"post\" action=\"{URI}\"")),
        "{text}"
    );
    assert_eq!(text.matches("type=\"submit\"").count(), 1, "{text}");
    let form = text.split("<form").nth(1).unwrap();
    let form = form.split("</form>").next().unwrap();
    let names = form.matches(" name=\"").count();
    let inputs: Vec<_> = form
        .split("<input type=\"hidden\" name=\"")
        .skip(1)
        .collect();
    assert_eq!(inputs.len(), names, "nothing else is sent: {form}");
    let field = |input: &str| {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        let (value, _) = rest.split_once("\">").unwrap();
        let value = value.replace("&#x2f;", "/").replace("&#39;", "'");
        (
            name.to_owned(),
            value.replace("&lt;", "<").replace("&gt;", ">"),
        )
    };
    inputs.into_iter().map(field).collect()
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    let found = fields.iter().find(|(n, _)| n == name);
    found.map_or("", |(_, value)| value.as_str())
}

#[actix_web::test]
async fn every_refusal_that_a_client_hears_comes_in_a_form() {
    let world = World::usual().await;
    let ctx = world.context("acme", TestRequest::get()).await;
    let mut heard = 0;
    for refusal in every_refusal() {
        if !refusal.is_for_client(&Rules::STANDARD) {
            continue;
        }
        let answer = refuse(&ctx, Surface::Browser, &refusal, Some(&to_the_app()));
        let fields = fields(&Answer::of(answer).await);
        let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["error", "error_description", "iss", "state"],
            "{refusal:?}"
        );
        assert_eq!(
            value(&fields, "error"),
            refusal.code(RefusalForm::Rfc).as_str()
        );
        assert_eq!(value(&fields, "iss"), "https://acme.test");
        assert_eq!(value(&fields, "state"), "xyz");
        heard += 1;
    }
    assert!(heard > 30, "{heard}");
}

#[actix_web::test]
async fn our_own_failing_comes_in_a_form_too() {
    let world = World::usual().await;
    let ctx = world.context("acme", TestRequest::get()).await;
    let store = StoreError::Unavailable {
        backend: "postgres",
        cause: "hunter2".to_owned(),
    };
    for (fault, error) in [
        (Fault::Signing("hunter2".into()), "server_error"),
        (Fault::KeysStale, "temporarily_unavailable"),
        (Fault::Store(store), "temporarily_unavailable"),
    ] {
        let failure = FlowError::Fault {
            fault,
            reply_to: Some(Box::new(to_the_app())),
        };
        let answer = Answer::of(fail(&ctx, Surface::Browser, failure)).await;
        assert!(!answer.text().contains("hunter2"));
        assert_eq!(value(&fields(&answer), "error"), error);
    }
}

/// [`AUTHORIZE`] with these parameters in the place of those of the same name.
fn asking(changes: &str) -> String {
    let (path, query) = AUTHORIZE.split_once('?').unwrap();
    let changed = Params::parse(changes).unwrap();
    let base = Params::parse(query).unwrap();
    let is_kept = |name: &str| changed.pairs().all(|(other, _)| other != name);
    let kept = base.pairs().filter(|(name, _)| is_kept(name));
    let pairs = encode_pairs(kept.chain(changed.pairs()));
    format!("{path}?{pairs}")
}

#[actix_web::test]
async fn a_request_for_form_post_is_refused_in_a_form_whatever_is_wrong_with_it() {
    let world = World::of([connecting("mock").build()]).await;
    let mode = "response_mode=form_post";
    let unsigned = format!(
        "e30.{}.",
        BASE64URL_NOPAD.encode(br#"{"state":"xyz","response_mode":"form_post"}"#)
    );
    for (changes, error) in [
        (format!("{mode}&prompt=none"), "login_required"),
        (format!("{mode}&prompt=none+login"), "invalid_request"),
        (format!("{mode}&prompt=dance"), "invalid_request"),
        (format!("{mode}&max_age=soon"), "invalid_request"),
        (
            format!("{mode}&id_token_hint=e30.e30.e30"),
            "invalid_request",
        ),
        (format!("{mode}&connector_id=nobody"), "invalid_request"),
        (format!("{mode}&code_challenge=short"), "invalid_request"),
        (format!("{mode}&code_challenge="), "invalid_request"),
        (format!("{mode}&scope=unheard_of"), "invalid_scope"),
        (
            format!("{mode}&scope=openid&scope=openid"),
            "invalid_request",
        ),
        (
            format!("{mode}&nonce={}", "n".repeat(2000)),
            "invalid_request",
        ),
        (format!("{mode}&response_type="), "invalid_request"),
        (
            format!("{mode}&response_type=magic"),
            "unsupported_response_type",
        ),
        (
            format!("{mode}&response_type=id_token"),
            "unsupported_response_type",
        ),
        (
            format!("{mode}&registration=%7B%7D"),
            "registration_not_supported",
        ),
        (
            format!("{mode}&request_uri=https%3A%2F%2Fapp.test%2Fr"),
            "request_uri_not_supported",
        ),
        (format!("{mode}&request=nonsense"), "request_not_supported"),
        (
            format!("{mode}&state=&request={unsigned}"),
            "request_not_supported",
        ),
        (
            format!("state=&request={unsigned}"),
            "request_not_supported",
        ),
    ] {
        let by_get = asking(&changes);
        let (path, form) = by_get.split_once('?').unwrap();
        let by_post = TestRequest::post()
            .uri(path)
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(form.to_owned());
        for answer in [world.get(&by_get).await, world.ask(by_post).await] {
            assert_eq!(answer.header("location"), "", "{changes}");
            let fields = fields(&answer);
            assert_eq!(value(&fields, "error"), error, "{changes}");
            assert_eq!(value(&fields, "state"), "xyz", "{changes}");
            assert_eq!(value(&fields, "iss"), "https://acme.test", "{changes}");
        }
    }
}
