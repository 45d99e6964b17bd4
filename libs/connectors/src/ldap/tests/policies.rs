//! Password policies of OpenLDAP.

use std::fmt::Write as _;

use insula_connector_kit::{Connector as _, ConnectorError};

use super::super::Ldap;
use super::lab::{config, log_in, open, with_groups};
use super::slapd::{Options, Slapd};

/// People of whom each is under a policy of their own.
const PEOPLE: &[(&str, &str, &str)] = &[
    ("fresh", "pwdMaxAge: 0", ""),
    (
        "soon",
        // Thirty years, and a warning from the first day on.
        "pwdMaxAge: 1000000000\npwdExpireWarning: 1000000000",
        "pwdChangedTime: 20200101000000Z",
    ),
    ("old", "pwdMaxAge: 60", "pwdChangedTime: 20200101000000Z"),
    (
        "grace",
        "pwdMaxAge: 60\npwdGraceAuthNLimit: 2",
        "pwdChangedTime: 20200101000000Z",
    ),
    ("reset", "pwdMustChange: TRUE", "pwdReset: TRUE"),
    (
        "locked",
        "pwdLockout: TRUE",
        "pwdAccountLockedTime: 000001010000Z",
    ),
];

fn policies() -> Options {
    let mut entries = String::new();
    for (name, policy, state) in PEOPLE {
        let _ = write!(
            entries,
            "dn: cn={name} policy,dc=acme,dc=test\nobjectClass: device\nobjectClass: pwdPolicy\n\
             cn: {name} policy\npwdAttribute: userPassword\n{policy}\n\n\
             dn: cn={name},ou=people,dc=acme,dc=test\nobjectClass: inetOrgPerson\ncn: {name}\n\
             sn: {name}\nuid: {name}\nmail: {name}@acme.test\nuserPassword: secret\n\
             pwdPolicySubentry: cn={name} policy,dc=acme,dc=test\n"
        );
        if !state.is_empty() {
            let _ = writeln!(entries, "{state}");
        }
        entries.push('\n');
    }
    Options {
        global: "moduleload ppolicy".to_owned(),
        database: "overlay ppolicy\nppolicy_use_lockout".to_owned(),
        entries,
        ..Options::default()
    }
}

/// What a policy says of a login, and whether its code is success.
async fn said(ldap: &Ldap, name: &str) -> (bool, String) {
    let dn = format!("cn={name},ou=people,dc=acme,dc=test");
    let servers = &ldap.people.directory.servers;
    let bound = servers.bind(&dn, "secret").await.unwrap().bound;
    let said = bound.policy.refusal().map(str::to_owned);
    let said = said.or(bound.policy.warning()).unwrap_or_default();
    (bound.code == 0, said)
}

#[tokio::test]
async fn a_policy_says_who_is_let_in_and_the_log_is_told_what_it_says() {
    let Some(slapd) = Slapd::start_with(&policies()).await else {
        return;
    };
    let ldap = open(&config(&slapd));
    for (name, is_let_in, words) in [
        ("fresh", true, ""),
        ("soon", true, "expires in"),
        ("old", false, "password has expired"),
        ("reset", false, "must be changed"),
        ("locked", false, "locked"),
    ] {
        let (_, said) = said(&ldap, name).await;
        assert!(said.contains(words), "{name}: {said}");
        let answer = log_in(&ldap, name, "secret").await;
        let answer = answer.map(|person| person.claims.user_id.as_str().to_owned());
        let expected = if is_let_in {
            Ok(name.to_owned())
        } else {
            Err(ConnectorError::WrongPassword)
        };
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn after_its_end_a_password_is_good_for_as_many_logins_as_the_policy_has_and_no_more() {
    let Some(slapd) = Slapd::start_with(&policies()).await else {
        return;
    };
    let ldap = open(&config(&slapd));
    assert!(log_in(&ldap, "grace", "secret").await.is_ok());
    let (is_let_in, words) = said(&ldap, "grace").await;
    assert!(is_let_in && words.contains("0 logins are left"), "{words}");
    let answer = log_in(&ldap, "grace", "secret").await;
    assert_eq!(answer, Err(ConnectorError::WrongPassword));
    let (is_let_in, words) = said(&ldap, "grace").await;
    assert!(!is_let_in && words.contains("has expired"), "{words}");
}

#[tokio::test]
async fn whom_an_administrator_locks_is_refreshed_no_more() {
    let Some(slapd) = Slapd::start_with(&policies()).await else {
        return;
    };
    let ldap = open(&config(&slapd));
    let fresh = log_in(&ldap, "fresh", "secret").await.unwrap();
    assert!(ldap.refresh(&with_groups(), &fresh).await.is_ok());
    let dn = "cn=fresh,ou=people,dc=acme,dc=test";
    slapd
        .replace(dn, "pwdAccountLockedTime", "000001010000Z")
        .await;
    let answer = ldap.refresh(&with_groups(), &fresh).await;
    assert!(
        matches!(&answer, Err(ConnectorError::Denied(why)) if why.contains("disabled")),
        "{answer:?}"
    );
}
