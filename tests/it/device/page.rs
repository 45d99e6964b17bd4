//! The pages people meet.

use insula_tests::scripts::{node, run};
use insula_tests::{Agent, program, walk_to};

use super::{asks, connects, device_server, polls, types};
use crate::shared_server::JANE;

#[tokio::test]
async fn an_address_with_the_code_asks_and_never_goes_on_alone() {
    let server = device_server().await;
    let party = server.tv();
    let codes = asks(&party).await;
    let agent = Agent::new();
    let page = agent.get(&codes.complete).await.expect(200);
    let shown = page.page();
    assert_eq!(shown.text_of("#user-code").as_deref(), Some(&*codes.user));
    assert_eq!(shown.text_of("#device-client").as_deref(), Some("Acme TV"));
    assert_eq!(shown.text_of("#device-from").as_deref(), Some("127.0.0.1"));
    let when = shown.text_of("#device-when").unwrap();
    assert_eq!(when, "Less than a minute ago");
    assert_eq!(polls(&party, &codes).await.error(), "authorization_pending");
    let done = walk_to(&agent, page, "device-answer", &JANE).await;
    let said = done.words();
    assert!(
        said.contains("Return to your device: Acme TV goes on by itself."),
        "{said}"
    );
    polls(&party, &codes).await.expect(200);
}

#[tokio::test]
async fn a_code_is_typed_in_any_case_with_or_without_its_dash() {
    let server = device_server().await;
    let party = server.tv();
    for written in [
        |code: &str| code.to_lowercase(),
        |code: &str| code.replace('-', ""),
        |code: &str| format!(" {} ", code.replace('-', " ")),
    ] {
        let codes = asks(&party).await;
        let asked = types(&Agent::new(), &codes.page, &written(&codes.user)).await;
        assert!(asked.page().has("user-code"), "{}", asked.words());
    }
}

#[tokio::test]
async fn a_wrong_code_a_used_one_and_none_are_told_apart() {
    let server = device_server().await;
    let party = server.tv();
    let codes = asks(&party).await;
    connects(&Agent::new(), &codes, &JANE).await;
    for (typed, said) in [
        ("BBBB-BBBB", "No device is waiting with this code."),
        ("what?", "No device is waiting with this code."),
        ("", "No device is waiting with this code."),
        (&codes.user, "This code has expired or was used already."),
    ] {
        let answer = types(&Agent::new(), &codes.page, typed).await;
        assert_eq!(answer.status, 400, "{typed}");
        assert!(answer.words().contains(said), "{typed}: {}", answer.words());
        assert!(answer.page().has("error-summary"));
    }
}

#[tokio::test]
async fn a_confirmation_counts_in_its_own_browser_and_with_its_proof_alone() {
    let server = device_server().await;
    let party = server.tv();
    let codes = asks(&party).await;
    let page = types(&Agent::new(), &codes.page, &codes.user).await;
    let form = page.page().form_with("submit-approve").unwrap().clone();
    let values = form.filled(&[], "submit-approve");
    let pairs: Vec<_> = values
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let victim = Agent::new();
    victim.get(party.at("/device")).await;
    let forged = victim.post(party.at("/device"), &pairs).await;
    assert_eq!(forged.status, 400);
    let without: Vec<_> = pairs
        .iter()
        .copied()
        .filter(|(n, _)| *n != "hmac")
        .collect();
    let forged = victim.post(party.at("/device"), &without).await;
    assert_eq!(forged.status, 400);
    assert_eq!(polls(&party, &codes).await.error(), "authorization_pending");
}

#[tokio::test]
async fn a_code_that_another_site_posts_is_asked_about() {
    let server = device_server().await;
    let party = server.tv();
    let codes = asks(&party).await;
    let agent = Agent::new();
    let elsewhere = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ];
    let form = [("user_code", codes.user.as_str())];
    let sent = agent
        .post_with(party.at("/device"), &form, &elsewhere)
        .await;
    assert_eq!(sent.status, 303);
    let asked = agent.get(sent.location()).await;
    assert!(asked.page().has("user-code"), "{}", asked.words());
    assert_eq!(polls(&party, &codes).await.error(), "authorization_pending");
}

#[tokio::test]
async fn axe_finds_nothing_wrong_with_the_pages_of_a_device() {
    let (Some(clients), Some(chromium)) = (
        program("INSULA_TEST_CLIENTS"),
        program("INSULA_TEST_CHROMIUM"),
    ) else {
        return;
    };
    let server = device_server().await;
    let party = server.tv();
    let mut user_codes = Vec::new();
    for _look in 0..4 {
        for _ in 0..2 {
            user_codes.push(asks(&party).await.user);
        }
        let used = asks(&party).await;
        connects(&Agent::new(), &used, &JANE).await;
        user_codes.push(used.user);
    }
    let mut command = node(&clients, "device_pages.mjs");
    command
        .env("INSULA_TEST_CHROMIUM", chromium)
        .env("DEVICE_URL", party.at("/device"))
        .env("USER_CODES", user_codes.join(","))
        .env("CONNECTOR", "local")
        .env("LOGIN", JANE.login)
        .env("PASSWORD", JANE.password);
    let told = run(command).await;
    let pages = told["pages"].as_array().unwrap();
    assert_eq!(pages.len(), 28, "seven pages in four looks: {pages:?}");
    for kind in ["violations", "doubts"] {
        let found = told[kind].as_array().unwrap();
        assert!(found.is_empty(), "{kind}: {found:#?}");
    }
}
