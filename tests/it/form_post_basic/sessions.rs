//! Second requests of a browser that is logged in.

use insula_tests::{Agent, Tokens};

use super::{Client, until_older_than};

/// Who logs in is the same as at first, and did so then.
fn assert_is_the_same_login(first: &Tokens, second: &Tokens) {
    assert!(first.claim("auth_time").is_i64());
    for claim in ["sub", "auth_time"] {
        assert_eq!(first.claim(claim), second.claim(claim), "{claim}");
    }
}

/// Whoever it is logs in once more, and the ID token says when.
async fn assert_logs_in_again(more: &[(&str, &str)]) {
    let client = Client::new().await;
    let first = client.log_in(&[]).await;
    until_older_than(first.claim("auth_time"), 1).await;
    let login = client.request(more);
    let back = client.answer(&login).await;
    let form = back
        .steps
        .iter()
        .find(|step| step.starts_with("POST /auth/local/login"));
    assert!(form.is_some(), "{:?}", back.steps);
    let second = client.tokens(&login, &back).await;
    assert_eq!(first.claim("sub"), second.claim("sub"));
    let times = [&first, &second].map(|tokens| tokens.claim("auth_time").as_u64().unwrap());
    assert!(times[0] < times[1], "{times:?}");
    let issued = second.claim("iat").as_u64().unwrap();
    assert!(issued - times[1] <= 60, "{issued} {times:?}");
}

#[tokio::test]
async fn prompt_login_asks_for_a_new_login() {
    assert_logs_in_again(&[("prompt", "login")]).await;
}

#[tokio::test]
async fn max_age_asks_who_logged_in_longer_ago_for_a_new_login() {
    assert_logs_in_again(&[("max_age", "1")]).await;
}

#[tokio::test]
async fn prompt_none_is_an_error_for_who_is_not_logged_in() {
    let client = Client::new().await;
    let state = "s".repeat(128);
    let mut login = client.request(&[("prompt", "none"), ("state", &state)]);
    login.state = state;
    let answer = Agent::new().get(&login.url).await.expect(200);
    let back = client.answer_after(&login, answer).await;
    let errors = [
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
    ];
    client.assert_is_error(&login, &back, &errors);
}

#[tokio::test]
async fn prompt_none_is_answered_at_once_for_who_is_logged_in() {
    let client = Client::new().await;
    let first = client.log_in(&[]).await;
    let login = client.request(&[("prompt", "none")]);
    let back = client.answer(&login).await;
    assert_eq!(back.steps, ["GET /auth 200"]);
    assert_is_the_same_login(&first, &client.tokens(&login, &back).await);
}

#[tokio::test]
async fn max_age_of_hours_keeps_the_login_and_the_id_token_says_when_it_was() {
    let client = Client::new().await;
    let first = client.log_in(&[("max_age", "15000")]).await;
    let login = client.request(&[("max_age", "10000")]);
    let back = client.answer(&login).await;
    assert_eq!(back.steps, ["GET /auth 200"]);
    assert_is_the_same_login(&first, &client.tokens(&login, &back).await);
}

#[tokio::test]
async fn an_id_token_hint_of_who_is_logged_in_is_answered_at_once() {
    let client = Client::new().await;
    let first = client.log_in(&[]).await;
    let hint = first.id().token.as_str();
    let login = client.request(&[("prompt", "none"), ("id_token_hint", hint)]);
    let back = client.answer(&login).await;
    assert_eq!(back.steps, ["GET /auth 200"]);
    assert_is_the_same_login(&first, &client.tokens(&login, &back).await);
}
