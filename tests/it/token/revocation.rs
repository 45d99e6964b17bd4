//! Ending a token (RFC 7009).

use insula_tests::Agent;

use crate::shared_server::{JANE, MOCK, shared_server, tokens_live};

#[tokio::test]
async fn a_revoked_refresh_token_takes_its_access_tokens_with_it() {
    let shared_server = shared_server().await;
    for (party, person) in [
        (shared_server.portal(), JANE),
        (shared_server.globex(), MOCK),
    ] {
        let tokens = party.log_in(&Agent::new(), &person).await;
        party.revoke(tokens.refresh()).await.expect(200);
        assert_eq!(tokens_live(&party, &tokens).await, (false, false));
        party.refresh(tokens.refresh(), &[]).await.expect(400);
    }
}

#[tokio::test]
async fn a_revoked_access_token_is_worth_nothing_anywhere() {
    let portal = shared_server().await.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    portal.revoke(&tokens.access_token).await.expect(200);
    assert_eq!(tokens_live(&portal, &tokens).await, (false, false));
}

#[tokio::test]
async fn a_token_nobody_knows_is_as_dead_as_was_wished_for() {
    let portal = shared_server().await.portal();
    let answer = portal.revoke("nobody-knows-this").await.expect(200);
    answer.assert_uncached();
    assert_eq!(answer.body, "", "RFC 7009 §2.2");
    portal.revoke("a.b.c").await.expect(200);
    let answer = portal.post("/revoke", &[]).await.expect(400);
    assert_eq!(answer.error(), "invalid_request");
}

#[tokio::test]
async fn another_clients_token_is_refused_and_lives_on() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    for token in [tokens.refresh(), &tokens.access_token] {
        let answer = shared_server.wiki().revoke(token).await.expect(400);
        assert_eq!(answer.error(), "invalid_grant");
    }
    assert_eq!(tokens_live(&portal, &tokens).await, (true, true));
}

#[tokio::test]
async fn an_id_token_is_nothing_that_could_be_revoked() {
    let portal = shared_server().await.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let answer = portal.revoke(&tokens.id().token).await.expect(400);
    assert_eq!(answer.error(), "unsupported_token_type");
}

#[tokio::test]
async fn nobody_revokes_without_saying_who_they_are() {
    let portal = shared_server().await.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let form = [("token", tokens.refresh())];
    Agent::new()
        .post(portal.at("/revoke"), &form)
        .await
        .expect(401);
    portal.refresh(tokens.refresh(), &[]).await.expect(200);
}

#[tokio::test]
async fn scripts_of_other_origins_may_revoke_the_tokens_they_hold() {
    let spa = shared_server().await.spa();
    let tokens = spa.log_in(&Agent::new(), &JANE).await;
    let form = [
        ("token", tokens.access_token.as_str()),
        ("client_id", &spa.client_id),
    ];
    let origin = [("origin", "https://spa.example")];
    let answer = Agent::new()
        .post_with(spa.at("/revoke"), &form, &origin)
        .await
        .expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(tokens_live(&spa, &tokens).await, (false, false));
}
