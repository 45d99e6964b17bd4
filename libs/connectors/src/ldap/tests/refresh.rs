use insula_connector_kit::{Connector as _, ConnectorError, LoginContext};
use serde_json::json;

use super::lab::{config, log_in, open, with, with_groups};
use super::slapd::Slapd;

const JANE: &str = "cn=Jane Doe,ou=people,dc=acme,dc=test";

#[tokio::test]
async fn a_refresh_tells_what_the_directory_says_now() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&config(&slapd));
    let jane = log_in(&ldap, "jane", "secret").await.unwrap();
    assert_eq!(ldap.refresh(&with_groups(), &jane).await, Ok(jane.clone()));

    slapd.replace(JANE, "mail", "doe@acme.test").await;
    let developers = "cn=developers,ou=groups,dc=acme,dc=test";
    slapd
        .replace(developers, "member", "cn=John,ou=people,dc=acme,dc=test")
        .await;
    let now = ldap.refresh(&with_groups(), &jane).await.unwrap();
    assert_eq!(now.claims.email, "doe@acme.test");
    assert!(now.claims.groups.is_empty());
    assert_eq!(now.amr, jane.amr);
}

#[tokio::test]
async fn a_refresh_needs_no_password_of_the_person() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&config(&slapd));
    let jane = log_in(&ldap, "jane", "secret").await.unwrap();
    slapd.replace(JANE, "userPassword", "another").await;
    assert!(ldap.refresh(&with_groups(), &jane).await.is_ok());
}

#[tokio::test]
async fn whoever_is_gone_is_denied_and_whoever_a_filter_leaves_out() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let active = json!({"userSearch": {"filter": "(!(description=disabled))"}});
    let ldap = open(&with(&config(&slapd), &active));
    let jane = log_in(&ldap, "jane", "secret").await.unwrap();
    let john = log_in(&ldap, "john", "password").await.unwrap();
    slapd.replace(JANE, "description", "disabled").await;
    let mut root = slapd.as_root().await;
    let deleted = root.delete("cn=John,ou=people,dc=acme,dc=test").await;
    deleted.unwrap().success().unwrap();
    for person in [jane, john] {
        let answer = ldap.refresh(&with_groups(), &person).await;
        assert!(
            matches!(answer, Err(ConnectorError::Denied(_))),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn whose_id_is_the_same_may_be_called_and_stand_otherwise_but_not_at_dex() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let whole = json!({"userSearch": {"baseDN": "dc=acme,dc=test", "idAttr": "entryUUID"}});
    let ldap = open(&with(&config(&slapd), &whole));
    let jane = log_in(&ldap, "jane", "secret").await.unwrap();
    let mut root = slapd.as_root().await;
    let elsewhere = Some("ou=elsewhere,dc=acme,dc=test");
    let moved = root.modifydn(JANE, "cn=Jane Roe", true, elsewhere).await;
    moved.unwrap().success().unwrap();
    let roe = "cn=Jane Roe,ou=elsewhere,dc=acme,dc=test";
    slapd.replace(roe, "uid", "jroe").await;

    let now = ldap.refresh(&with_groups(), &jane).await.unwrap();
    assert_eq!(now.claims.user_id, jane.claims.user_id);
    assert_eq!(now.claims.username, "Jane Roe");
    let at_dex = LoginContext {
        moved_entry_is_gone: true,
        ..with_groups()
    };
    let answer = ldap.refresh(&at_dex, &jane).await;
    assert!(
        matches!(answer, Err(ConnectorError::Denied(_))),
        "{answer:?}"
    );
    assert!(ldap.refresh(&at_dex, &now).await.is_ok());
}

#[tokio::test]
async fn who_is_known_by_a_dn_is_another_under_another() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let by_dn = json!({"userSearch": {"baseDN": "dc=acme,dc=test", "idAttr": "DN"}});
    let ldap = open(&with(&config(&slapd), &by_dn));
    let jane = log_in(&ldap, "jane", "secret").await.unwrap();
    assert_eq!(ldap.refresh(&with_groups(), &jane).await, Ok(jane.clone()));
    let mut root = slapd.as_root().await;
    let moved = root.modifydn(JANE, "cn=Jane Roe", true, None).await;
    moved.unwrap().success().unwrap();
    let answer = ldap.refresh(&with_groups(), &jane).await;
    assert!(
        matches!(answer, Err(ConnectorError::Denied(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_new_hire_with_an_old_name_is_somebody_else() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let by_number = json!({"userSearch": {"idAttr": "employeeNumber"}});
    let ldap = open(&with(&config(&slapd), &by_number));
    let jane = log_in(&ldap, "jane", "secret").await.unwrap();
    slapd.replace(JANE, "employeeNumber", "8").await;
    let answer = ldap.refresh(&with_groups(), &jane).await;
    assert!(
        matches!(answer, Err(ConnectorError::Denied(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_directory_that_is_away_denies_nobody() {
    let Some(mut slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&config(&slapd));
    let jane = log_in(&ldap, "jane", "secret").await.unwrap();
    slapd.kill();
    let answer = ldap.refresh(&with_groups(), &jane).await;
    assert!(
        matches!(answer, Err(ConnectorError::Unreachable(_))),
        "{answer:?}"
    );
    slapd.restart().await;
    assert_eq!(ldap.refresh(&with_groups(), &jane).await, Ok(jane));
}

#[tokio::test]
async fn an_identity_that_nothing_was_kept_of_is_asked_to_log_in() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&config(&slapd));
    let mut jane = log_in(&ldap, "jane", "secret").await.unwrap();
    jane.connector_data = None;
    let answer = ldap.refresh(&with_groups(), &jane).await;
    assert!(
        matches!(answer, Err(ConnectorError::Denied(_))),
        "{answer:?}"
    );
}
