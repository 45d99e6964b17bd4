//! Refresh tokens: rotation, reuse, and what is left of them.

use insula_tests::{Agent, unique};
use serde_json::Value;

use crate::shared_server::{JANE, MOCK, shared_server, tokens_live};

#[tokio::test]
async fn a_refresh_token_is_rotated_with_every_use() {
    let shared_server = shared_server().await;
    for (party, person, repeats_nonce) in [
        (shared_server.portal(), JANE, false),
        (shared_server.globex(), MOCK, true),
    ] {
        let first = party.log_in(&Agent::new(), &person).await;
        let answer = party.refresh(first.refresh(), &[]).await.expect(200);
        let second = party.read(&answer).await;
        assert_ne!(second.refresh(), first.refresh());
        for claim in ["sub", "aud", "iss", "auth_time"] {
            assert_eq!(second.claim(claim), first.claim(claim), "{claim}");
        }
        assert!(first.claim("nonce").is_string());
        assert_eq!(second.claim("nonce").is_string(), repeats_nonce);
        assert_eq!(second.claim("c_hash"), &Value::Null);
        assert_ne!(second.claim("jti"), first.claim("jti"));
        let answer = party.refresh(second.refresh(), &[]).await.expect(200);
        let third = party.read(&answer).await;
        assert_eq!(tokens_live(&party, &third).await, (true, true));
    }
}

#[tokio::test]
async fn one_that_was_replaced_takes_its_family_with_it() {
    let portal = shared_server().await.portal();
    let first = portal.log_in(&Agent::new(), &JANE).await;
    let second = portal.refresh(first.refresh(), &[]).await.expect(200);
    let second = portal.read(&second).await;
    let answer = portal.refresh(first.refresh(), &[]).await.expect(400);
    assert_eq!(answer.error(), "invalid_grant");
    assert_eq!(tokens_live(&portal, &second).await, (false, false));
    let answer = portal.refresh(second.refresh(), &[]).await.expect(400);
    assert_eq!(answer.error(), "invalid_grant");
    assert_eq!(tokens_live(&portal, &first).await, (false, false));
}

#[tokio::test]
async fn dex_refuses_one_that_was_replaced_and_logs_nobody_out() {
    let globex = shared_server().await.globex();
    let first = globex.log_in(&Agent::new(), &MOCK).await;
    let second = globex.refresh(first.refresh(), &[]).await.expect(200);
    let second = globex.read(&second).await;
    for _ in 0..2 {
        let answer = globex.refresh(first.refresh(), &[]).await.expect(400);
        assert_eq!(answer.error(), "invalid_request");
        assert_eq!(
            answer.json()["error_description"],
            "Refresh token is invalid or has already been claimed by another client."
        );
    }
    assert_eq!(tokens_live(&globex, &second).await, (true, true));
}

/// dex's clients do this every day: several threads notice at once that a token is old.
#[tokio::test]
async fn dexs_clients_that_refresh_at_once_stay_logged_in() {
    let globex = shared_server().await.globex();
    let mut token = globex
        .log_in(&Agent::new(), &MOCK)
        .await
        .refresh()
        .to_owned();
    for _ in 0..5 {
        let (one, two, three) = tokio::join!(
            globex.refresh(&token, &[]),
            globex.refresh(&token, &[]),
            globex.refresh(&token, &[])
        );
        let mut next = None;
        for answer in [one, two, three] {
            if answer.status == 200 {
                let won = globex.read(&answer).await.refresh().to_owned();
                assert_eq!(next.get_or_insert(won.clone()), &won, "one chain");
            } else {
                assert_eq!(answer.expect(400).error(), "invalid_request");
            }
        }
        token = next.expect("somebody wins");
    }
    globex.refresh(&token, &[]).await.expect(200);
}

#[tokio::test]
async fn within_the_reuse_interval_a_lost_answer_is_given_again() {
    let hooli = shared_server().await.hooli();
    let first = hooli.log_in(&Agent::new(), &MOCK).await;
    let second = hooli.refresh(first.refresh(), &[]).await.expect(200);
    let second = hooli.read(&second).await;
    let again = hooli.refresh(first.refresh(), &[]).await.expect(200);
    let again = hooli.read(&again).await;
    assert_eq!(again.refresh(), second.refresh());
    // Only the last one: what was replaced before it is stolen.
    let third = hooli.refresh(second.refresh(), &[]).await.expect(200);
    let third = hooli.read(&third).await;
    hooli.refresh(first.refresh(), &[]).await.expect(400);
    assert_eq!(tokens_live(&hooli, &third).await, (false, false));
}

#[tokio::test]
async fn less_may_be_asked_for_this_once_and_more_never() {
    let portal = shared_server().await.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let narrow = [("scope", "openid email")];
    let answer = portal.refresh(tokens.refresh(), &narrow).await.expect(200);
    let less = portal.read(&answer).await;
    assert_eq!(less.answer["scope"], "openid email");
    assert_eq!(less.claim("name"), &Value::Null);
    let more = [("scope", "openid federated:id")];
    let answer = portal.refresh(less.refresh(), &more).await.expect(400);
    assert_eq!(answer.error(), "invalid_scope");
    let answer = portal.refresh(less.refresh(), &[]).await.expect(200);
    let all = portal.read(&answer).await;
    assert_eq!(all.claim("name"), "Jane Doe");
}

#[tokio::test]
async fn dex_tells_of_a_scope_beyond_in_its_own_words() {
    let globex = shared_server().await.globex();
    let tokens = globex.log_in(&Agent::new(), &MOCK).await;
    let more = [("scope", "openid federated:id")];
    let answer = globex.refresh(tokens.refresh(), &more).await.expect(400);
    assert_eq!(answer.error(), "invalid_request");
    let description = answer.json()["error_description"].to_string();
    assert!(
        description.contains("unauthorized scope(s)"),
        "{description}"
    );
}

#[tokio::test]
async fn another_clients_token_is_refused_and_lives_on() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let answer = shared_server.wiki().refresh(tokens.refresh(), &[]).await;
    assert_eq!(answer.expect(400).error(), "invalid_grant");
    portal.refresh(tokens.refresh(), &[]).await.expect(200);
}

#[tokio::test]
async fn garbage_condemns_nobody() {
    let portal = shared_server().await.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let token = tokens.refresh();
    let mut forged = token[..token.len() - 6].to_owned();
    forged.push_str("aaaaaa");
    for garbage in [forged.as_str(), "x", &unique(), &tokens.access_token] {
        let answer = portal.refresh(garbage, &[]).await.expect(400);
        assert_eq!(answer.error(), "invalid_grant");
    }
    portal.refresh(token, &[]).await.expect(200);
}

#[tokio::test]
async fn two_who_refresh_at_once_get_one_family_between_them() {
    let hooli = shared_server().await.hooli();
    let first = hooli.log_in(&Agent::new(), &MOCK).await;
    let (one, other) = tokio::join!(
        hooli.refresh(first.refresh(), &[]),
        hooli.refresh(first.refresh(), &[])
    );
    let one = hooli.read(&one.expect(200)).await;
    let other = hooli.read(&other.expect(200)).await;
    assert_eq!(one.refresh(), other.refresh());
    hooli.refresh(one.refresh(), &[]).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_has_dexs_form() {
    use data_encoding::BASE64URL_NOPAD;
    let globex = shared_server().await.globex();
    let tokens = globex.log_in(&Agent::new(), &MOCK).await;
    let message = BASE64URL_NOPAD.decode(tokens.refresh().as_bytes()).unwrap();
    assert_eq!(message.len(), 54);
    assert_eq!(message[..2], [0x0a, 25]);
    assert_eq!(message[27..29], [0x12, 25]);
}

#[tokio::test]
async fn without_offline_access_there_is_none() {
    let hooli = shared_server().await.hooli().with_scope("openid");
    let tokens = hooli.log_in(&Agent::new(), &MOCK).await;
    assert_eq!(tokens.refresh_token, None);
}
