//! Tickets that let nobody in, and what is shown instead.

use std::fs;

use insula_tests::program;

use super::realm::{Heard, Realm};
use super::{ACME, Directory, back, deployment, of_dex, party, to_the_form};

/// The form, and no ticket asked for again.
fn is_the_form(heard: &Heard) {
    assert_eq!(heard.status, 200, "{heard:?}");
    assert_eq!(heard.header("www-authenticate"), "");
    assert!(heard.body.contains("id=\"password\""), "{}", heard.body);
}

#[tokio::test]
async fn whose_ticket_lets_nobody_in_is_shown_the_form_and_the_log_says_why() {
    let Some(directory) = Directory::start().await else {
        return;
    };
    let Some(realm) = Realm::start("ACME.TEST").await else {
        return;
    };
    let deployment = deployment(&directory, &realm, ACME);
    let process = deployment.open().await;
    let party = party(&deployment, false);
    let here = [("connector_id", "directory")];

    for (person, why) in [
        ("john", "has no entry of that name"),
        ("jane/admin", "jane/admin@ACME.TEST is no name of a person"),
    ] {
        realm.log_in(person, "1h");
        let curl = realm.curl();
        let form = to_the_form(&curl, &party.begin_with(&here)).await;
        is_the_form(&curl.negotiates(&form).await);
        process.says(why).await;
    }

    realm.log_in("jane", "1h");
    let curl = realm.curl();
    let form = to_the_form(&curl, &party.begin_with(&here)).await;
    let spent = curl.token_for(&form).await;
    let ntlm = "TlRMTVNTUAABAAAAB4IIAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
    for (token, why) in [
        (spent, "was shown before"),
        (ntlm, "offers NTLM instead of a Kerberos ticket"),
        ("not base64".to_owned(), "cannot be read"),
        ("A".repeat(40_000), "cannot be read"),
    ] {
        let curl = realm.curl();
        let form = to_the_form(&curl, &party.begin_with(&here)).await;
        let header = format!("Authorization: negotiate {token}");
        is_the_form(&curl.asks(&form, &["-H", &header]).await);
        process.says(why).await;
    }
    let header = format!("Authorization: Negotiate {}", "A".repeat(80_000));
    assert!(curl.is_refused(&form, &["-H", &header]).await);

    for more in [("prompt", "login"), ("max_age", "3600")] {
        let curl = realm.curl();
        let form = to_the_form(&curl, &party.begin_with(&[here[0], more])).await;
        is_the_form(&curl.negotiates(&form).await);
    }
    let (curl, stranger) = (realm.curl(), realm.curl());
    let form = to_the_form(&curl, &party.begin_with(&here)).await;
    let heard = stranger.negotiates(&form).await;
    assert_eq!(heard.status, 400, "another browser's login: {heard:?}");
}

#[tokio::test]
async fn without_the_form_who_has_no_ticket_is_told_so_in_both_dialects() {
    let Some(directory) = Directory::start().await else {
        return;
    };
    for (text, is_dex) in [(ACME.to_owned(), false), (of_dex(), true)] {
        let Some(realm) = Realm::start("ACME.TEST").await else {
            return;
        };
        let text = text.replace("fallbackToPassword: true", "expectedRealm: OTHER.TEST");
        let deployment = deployment(&directory, &realm, &text);
        let process = deployment.open().await;
        let party = party(&deployment, is_dex);
        realm.log_in("jane", "1h");
        let curl = realm.curl();
        let login = party.begin_with(&[("connector_id", "directory")]);
        let form = to_the_form(&curl, &login).await;
        for heard in [curl.asks(&form, &[]).await, curl.negotiates(&form).await] {
            assert_eq!(heard.status, 401, "{heard:?}");
            assert_eq!(heard.header("www-authenticate"), "Negotiate");
            assert!(!heard.body.contains("id=\"password\""), "{}", heard.body);
        }
        let why = "jane@ACME.TEST is of another realm than is expected";
        process.says(why).await;
    }
}

#[tokio::test]
async fn new_keys_of_the_service_are_taken_without_a_restart() {
    let Some(directory) = Directory::start().await else {
        return;
    };
    let Some(realm) = Realm::start("ACME.TEST").await else {
        return;
    };
    let deployment = deployment(&directory, &realm, ACME);
    let process = deployment.open().await;
    let party = party(&deployment, false);
    let here = [("connector_id", "directory")];
    let renewed = realm.keytab("HTTP/acme.localhost");
    realm.log_in("jane", "1h");
    let curl = realm.curl();
    let form = to_the_form(&curl, &party.begin_with(&here)).await;
    is_the_form(&curl.negotiates(&form).await);
    process
        .says("which wants version 3 (the keytab has 2)")
        .await;

    let beside = deployment.tenant_file("acme");
    fs::copy(renewed, beside.with_file_name("service.keytab")).unwrap();
    process.says("tenant acme is reloaded").await;
    let login = party.begin_with(&here);
    let form = to_the_form(&curl, &login).await;
    let heard = curl.negotiates(&form).await;
    let back = back(&curl, heard, &form).await;
    party.tokens(&login, &back).await;
}

#[tokio::test]
async fn clocks_that_are_apart_are_told_and_a_realm_that_is_away_hinders_no_ticket() {
    let Some(directory) = Directory::start().await else {
        return;
    };
    let Some(mut realm) = Realm::start("ACME.TEST").await else {
        return;
    };
    let deployment = deployment(&directory, &realm, ACME);
    let party = party(&deployment, false);
    let here = [("connector_id", "directory")];
    realm.log_in("jane", "1h");
    let curl = realm.curl();
    if let Some(library) = program("INSULA_TEST_FAKETIME") {
        let process = deployment.open_by_another_clock(&library, "+20m").await;
        let form = to_the_form(&curl, &party.begin_with(&here)).await;
        is_the_form(&curl.negotiates(&form).await);
        process.says("the clocks are apart by").await;
        process.terminate().await;
    }
    let _process = deployment.open().await;
    let curl = realm.curl();
    let form = to_the_form(&curl, &party.begin_with(&here)).await;
    assert_eq!(curl.negotiates(&form).await.status, 303);

    realm.end();
    let curl = realm.curl();
    let form = to_the_form(&curl, &party.begin_with(&here)).await;
    assert_eq!(
        curl.negotiates(&form).await.status,
        303,
        "the ticket is kept"
    );
    realm.forget();
    let curl = realm.curl();
    let form = to_the_form(&curl, &party.begin_with(&here)).await;
    let heard = curl.negotiates(&form).await;
    assert_eq!(heard.status, 401, "nobody gives a ticket");
    assert!(heard.body.contains("id=\"password\""), "{}", heard.body);
}
