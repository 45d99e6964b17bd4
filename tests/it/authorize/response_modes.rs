//! How the answer travels back.

use data_encoding::BASE64URL_NOPAD;
use insula_tests::{Agent, Back, walk};

use crate::shared_server::{MOCK, shared_server};

#[tokio::test]
async fn form_post_brings_the_answer_in_a_form_that_works_without_a_script() {
    let hooli = shared_server().await.hooli();
    let login = hooli.begin_with(&[("response_mode", "form_post")]);
    let agent = Agent::new();
    let back = walk(&agent, &login, &MOCK).await;
    assert_eq!(back.url.query(), None, "nothing in the address");
    hooli.tokens(&login, &back).await;
}

#[tokio::test]
async fn the_page_of_form_post_holds_one_form_and_it_goes_to_the_client() {
    let hooli = shared_server().await.hooli();
    let login = hooli.begin_with(&[("response_mode", "form_post"), ("prompt", "none")]);
    let answer = Agent::new().get(login.url).await.expect(200);
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("form-action"), "{policy}");
    let page = answer.page();
    assert_eq!(page.forms.len(), 1);
    let form = &page.forms[0];
    assert_eq!(form.id, "form-post");
    assert_eq!(form.action, "https://phone.example/callback");
    assert_eq!(form.value("error"), Some("login_required"));
    assert_eq!(form.value("state"), Some(login.state.as_str()));
    assert_eq!(form.value("iss"), Some(hooli.issuer.as_str()));
    answer.assert_uncached();
}

#[tokio::test]
async fn a_request_object_is_refused_in_the_mode_and_with_the_state_it_carries() {
    let hooli = shared_server().await.hooli();
    let claims = r#"{"state":"inside","response_mode":"form_post",
        "redirect_uri":"https://phone.example/callback"}"#;
    let object = format!("e30.{}.", BASE64URL_NOPAD.encode(claims.as_bytes()));
    let query = format!(
        "client_id={}&response_type=code&scope=openid",
        hooli.client_id
    );
    let url = hooli.at(&format!("/auth?{query}&request={object}"));
    let page = Agent::new().get(url).await.expect(200).page();
    let form = &page.forms[0];
    assert_eq!(form.action, "https://phone.example/callback");
    assert_eq!(form.value("error"), Some("request_not_supported"));
    assert_eq!(form.value("state"), Some("inside"));

    let foreign = BASE64URL_NOPAD.encode(br#"{"redirect_uri":"https://evil.example/"}"#);
    let url = hooli.at(&format!("/auth?{query}&request=e30.{foreign}."));
    let answer = Agent::new().get(url).await.expect(400);
    assert!(!answer.body.contains("evil.example"), "{}", answer.body);
}

#[tokio::test]
async fn a_client_may_have_the_fragment() {
    let hooli = shared_server().await.hooli();
    let login = hooli.begin_with(&[("response_mode", "fragment"), ("prompt", "none")]);
    let answer = Agent::new().get(login.url).await.expect(303);
    let to = answer.location();
    assert_eq!(to.query(), None);
    assert!(to.fragment().unwrap().contains("error=login_required"));
}

#[tokio::test]
async fn dex_does_not_know_the_parameter() {
    let umbrella = shared_server().await.umbrella();
    let login = umbrella.begin_with(&[("response_mode", "form_post")]);
    let back = walk(&Agent::new(), &login, &MOCK).await;
    assert!(back.url.query().unwrap().contains("code="));
}

#[tokio::test]
async fn the_query_a_redirect_uri_has_is_kept() {
    let mut portal = shared_server().await.portal();
    portal.redirect_uri = "https://portal.example/other?tab=1".to_owned();
    let login = portal.begin_with(&[("prompt", "none")]);
    let answer = Agent::new().get(&login.url).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    assert!(
        back.url
            .as_str()
            .starts_with("https://portal.example/other?tab=1&")
    );
    portal.check_response(&login, &back);
}

#[tokio::test]
async fn no_redirect_is_kept_or_told_on() {
    let hooli = shared_server().await.hooli();
    let answer = Agent::new().get(hooli.begin().url).await.expect(303);
    answer.assert_uncached();
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
}
