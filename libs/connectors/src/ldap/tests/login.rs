use std::fmt::Write as _;

use insula_connector_kit::{Challenge, Connector as _, ConnectorError};
use serde_json::json;

use super::lab::{config, log_in, open, with};
use super::slapd::{Options, Slapd, free_port};
use crate::testing::a_login;

/// The contract of connectors needs a directory; where there is none it is not tried.
mod contract {
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract_of_connectors() {
        let Some(slapd) = Slapd::start().await else {
            return;
        };
        let ldap = open(&config(&slapd));
        let kept = insula_connector_kit::keeps_contract(&ldap, &a_login()).await;
        assert_eq!(kept, Ok(()));
        let kept = insula_connector_kit::refuses_exchange_it_cannot(&ldap, &a_login()).await;
        assert_eq!(kept, Ok(()));
    }
}

#[tokio::test]
async fn a_person_with_the_right_password_is_who_the_directory_says() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let more = json!({"userSearch": {"preferredUsernameAttr": "displayName"}});
    let ldap = open(&with(&config(&slapd), &more));
    let challenge = ldap.begin(&a_login()).await.unwrap();
    let label = "Username".to_owned();
    assert_eq!(challenge, Challenge::AskPassword { label });

    let jane = log_in(&ldap, " jane ", "secret").await.unwrap();
    assert_eq!(jane.claims.user_id.as_str(), "jane");
    assert_eq!(jane.claims.username, "Jane Doe");
    assert_eq!(jane.claims.preferred_username, "Jane D.");
    assert_eq!(jane.claims.email, "jane@acme.test");
    assert!(jane.claims.email_verified);
    assert_eq!(jane.claims.groups, ["developers"]);
    assert_eq!(jane.amr, ["pwd"]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&config(&slapd));
    for (username, password) in [
        ("jane", "Secret"),
        ("jane", " secret"),
        ("jane", "password"),
        ("nobody", "secret"),
        ("nopassword", "secret"),
    ] {
        let binds = slapd.logged("method=128");
        let answer = log_in(&ldap, username, password).await;
        assert_eq!(answer, Err(ConnectorError::WrongPassword), "{username}");
        // As many binds for nobody as for somebody, beside the first of the service account.
        let first = usize::from(binds == 0);
        assert_eq!(slapd.logged("method=128") - binds, 1 + first, "{username}");
    }
}

#[tokio::test]
async fn an_empty_password_never_reaches_the_directory() {
    let nobody_listens = json!({
        "host": format!("127.0.0.1:{}", free_port()),
        "insecureNoSSL": true,
        "userSearch": {"baseDN": "dc=acme,dc=test", "username": "uid"},
    });
    let ldap = open(&nobody_listens);
    for (username, password) in [("jane", ""), ("", "secret"), ("  ", "secret"), ("", "")] {
        let answer = log_in(&ldap, username, password).await;
        assert_eq!(answer, Err(ConnectorError::WrongPassword));
    }
    let asked = log_in(&ldap, "jane", "secret").await;
    assert!(
        matches!(asked, Err(ConnectorError::Unreachable(_))),
        "{asked:?}"
    );
}

#[tokio::test]
async fn what_people_type_is_never_a_part_of_the_filter() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&config(&slapd));
    for typed in [
        "j*",
        "jan?",
        "*)(uid=jane",
        "jane)(objectClass=*",
        "jane)(|(uid=*",
        "\\6aane",
        "\\2a",
        "jane\0",
        ")(",
        "((((",
    ] {
        let answer = log_in(&ldap, typed, "secret").await;
        assert_eq!(answer, Err(ConnectorError::WrongPassword), "{typed}");
    }
    // Whose name is such a character is found by it, and alone.
    let star = log_in(&ldap, "*", "star").await.unwrap();
    assert_eq!(star.claims.email, "star@acme.test");
    let weird = log_in(&ldap, "we(i)rd\\na,me*\u{f6}", "p\u{e4}ss\u{fc}ord").await;
    let weird = weird.unwrap().claims;
    assert_eq!(weird.username, "W\u{f6}rd, W=1 + <3>");
    assert_eq!(weird.groups, ["odd"]);
    assert_eq!(weird.user_id.as_str(), "we(i)rd\\na,me*\u{f6}");
}

#[tokio::test]
async fn a_name_that_leads_to_two_entries_lets_neither_in() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ambiguous = json!({"userSearch": {"baseDN": "dc=acme,dc=test"}});
    let ldap = open(&with(&config(&slapd), &ambiguous));
    for password in ["one", "two", "neither"] {
        let answer = log_in(&ldap, "twin", password).await.unwrap_err();
        assert!(
            matches!(&answer, ConnectorError::Upstream(why) if why.contains("more than one entry")),
            "{answer:?}"
        );
    }
    let ldap = open(&config(&slapd));
    assert!(log_in(&ldap, "twin", "one").await.is_ok());
}

#[tokio::test]
async fn any_of_several_attributes_may_hold_the_name() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let several = json!({"userSearch": {"username": ["uid", "mail", "employeeNumber"]}});
    let ldap = open(&with(&config(&slapd), &several));
    for typed in ["jane", "JANE", "jd@acme.test", "7"] {
        let jane = log_in(&ldap, typed, "secret").await.unwrap();
        assert_eq!(jane.claims.user_id.as_str(), "jane", "{typed}");
    }
}

#[tokio::test]
async fn an_entry_without_what_is_asked_for_is_told_by_attribute() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&with(
        &config(&slapd),
        &json!({"userSearch": {"idAttr": "entryUUID", "preferredUsernameAttr": "displayName"}}),
    ));
    let answer = log_in(&ldap, "nomail", "nomail").await.unwrap_err();
    let ConnectorError::Upstream(why) = &answer else {
        panic!("{answer:?}");
    };
    assert!(why.contains("lacks displayName, mail"), "{why}");
    assert!(!why.contains("nomail"), "it tells who: {why}");
}

#[tokio::test]
async fn addresses_can_be_made_of_names() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let suffix = json!({"userSearch": {"emailSuffix": "corp.test", "nameAttr": "uid"}});
    let ldap = open(&with(&config(&slapd), &suffix));
    let email = log_in(&ldap, "nomail", "nomail")
        .await
        .unwrap()
        .claims
        .email;
    assert_eq!(email, "nomail@corp.test");
    // dex makes "@corp.test" of it for everybody.
    let nameless = json!({"userSearch": {"emailSuffix": "corp.test", "nameAttr": null}});
    let ldap = open(&with(&config(&slapd), &nameless));
    let email = log_in(&ldap, "nomail", "nomail")
        .await
        .unwrap()
        .claims
        .email;
    assert_eq!(email, "nomail@corp.test");
}

#[tokio::test]
async fn names_of_attributes_have_no_case() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let shouted = json!({
        "userSearch": {"username": "UID", "idAttr": "dn", "emailAttr": "MAIL", "nameAttr": "Cn"},
        "groupSearch": {
            "userMatchers": [{"userAttr": "dN", "groupAttr": "MEMBER"}],
            "nameAttr": "CN",
        },
    });
    let ldap = open(&with(&config(&slapd), &shouted));
    let jane = log_in(&ldap, "jane", "secret").await.unwrap().claims;
    assert_eq!(
        jane.user_id.as_str(),
        "cn=Jane Doe,ou=people,dc=acme,dc=test"
    );
    assert_eq!(jane.email, "jane@acme.test");
    assert_eq!(jane.username, "Jane Doe");
    assert_eq!(jane.groups, ["developers"]);
}

/// A directory where the bind of `odd8` is answered with result code 8, and so on.
fn answering(codes: impl Iterator<Item = u32>) -> Options {
    let mut entries =
        "dn: ou=codes,dc=acme,dc=test\nobjectClass: organizationalUnit\n\n".to_owned();
    let mut database = "overlay retcode\nretcode-parent \"ou=codes,dc=acme,dc=test\"\n".to_owned();
    for code in codes {
        let _ = write!(
            entries,
            "dn: cn=odd{code},ou=codes,dc=acme,dc=test\nobjectClass: inetOrgPerson\n\
             cn: odd{code}\nsn: Odd\nuid: odd{code}\nmail: odd@acme.test\nuserPassword: odd\n\n"
        );
        let _ = writeln!(database, "retcode-item \"cn=odd{code}\" {code} op=bind");
    }
    Options {
        global: "moduleload retcode".to_owned(),
        database,
        entries,
        ..Options::default()
    }
}

#[tokio::test]
async fn what_a_directory_says_to_a_bind_is_told_apart() {
    enum Told {
        WrongPassword,
        Temporary,
        Words(&'static str),
    }
    use Told::{Temporary, Words, WrongPassword};
    let rows = [
        (49, WrongPassword),
        // Too many tries; no password at all; locked.
        (19, WrongPassword),
        (48, WrongPassword),
        (53, WrongPassword),
        (8, Words("use LDAPS or startTLS")),
        (13, Words("use LDAPS or startTLS")),
        (51, Temporary),
        (52, Temporary),
        (80, Words("result code 80")),
    ];
    let codes = rows.iter().map(|(code, _)| *code);
    let Some(slapd) = Slapd::start_with(&answering(codes)).await else {
        return;
    };
    let everywhere = json!({"userSearch": {"baseDN": "dc=acme,dc=test"}});
    let ldap = open(&with(&config(&slapd), &everywhere));
    for (code, expected) in rows {
        let answer = log_in(&ldap, &format!("odd{code}"), "odd").await;
        slapd.will_have_logged(&format!("err={code} ")).await;
        match (expected, answer.unwrap_err()) {
            (WrongPassword, ConnectorError::WrongPassword)
            | (Temporary, ConnectorError::Unreachable(_)) => {}
            (Words(words), ConnectorError::Upstream(said)) if said.contains(words) => {}
            (_, answer) => panic!("{code}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_service_account_that_is_refused_is_nobodys_wrong_password() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&with(&config(&slapd), &json!({"bindPW": "wrong"})));
    let answer = log_in(&ldap, "jane", "secret").await;
    assert!(
        matches!(&answer, Err(ConnectorError::Upstream(why)) if why.contains("bindDN and bindPW")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_directory_that_insists_on_encryption_is_told_to_whoever_manages_it() {
    let strict = Options {
        global: "security simple_bind=128".to_owned(),
        ..Options::default()
    };
    let Some(slapd) = Slapd::start_with(&strict).await else {
        return;
    };
    let answer = log_in(&open(&config(&slapd)), "jane", "secret").await;
    assert!(
        matches!(&answer, Err(ConnectorError::Upstream(why)) if why.contains("use LDAPS or startTLS")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_directory_that_everybody_may_read_needs_no_service_account() {
    let readable = Options {
        readers: "*",
        ..Options::default()
    };
    let Some(slapd) = Slapd::start_with(&readable).await else {
        return;
    };
    let anonymous = with(&config(&slapd), &json!({"bindDN": null, "bindPW": null}));
    let jane = log_in(&open(&anonymous), "jane", "secret").await.unwrap();
    assert_eq!(jane.claims.groups, ["developers"]);
    let wrong = log_in(&open(&anonymous), "jane", "wrong").await;
    assert_eq!(wrong, Err(ConnectorError::WrongPassword));
}

#[tokio::test]
async fn a_base_that_is_not_there_is_told_as_such() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let elsewhere = json!({"userSearch": {"baseDN": "ou=nowhere,dc=acme,dc=test"}});
    let answer = log_in(&open(&with(&config(&slapd), &elsewhere)), "jane", "secret").await;
    assert!(
        matches!(&answer, Err(ConnectorError::Upstream(why)) if why.contains("baseDN")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn entries_that_stand_for_others_are_followed_only_where_that_is_wanted() {
    let alias = "dn: cn=Jay,ou=elsewhere,dc=acme,dc=test\nobjectClass: alias\n\
                 objectClass: extensibleObject\ncn: Jay\n\
                 aliasedObjectName: cn=Jane Doe,ou=people,dc=acme,dc=test\n";
    let options = Options {
        entries: alias.to_owned(),
        ..Options::default()
    };
    let Some(slapd) = Slapd::start_with(&options).await else {
        return;
    };
    // Under the first stands her own alias; the second is one for where she is.
    let below = "ou=elsewhere,dc=acme,dc=test";
    let at = "ou=staff,dc=acme,dc=test";
    for (follow, base, is_found) in [
        (json!(null), below, false),
        (json!("never"), below, false),
        (json!("finding"), below, false),
        (json!("searching"), below, true),
        (json!("always"), below, true),
        (json!("never"), at, false),
        (json!("searching"), at, false),
        (json!("finding"), at, true),
        (json!("always"), at, true),
    ] {
        let more = json!({"dereferenceAliases": follow, "userSearch": {"baseDN": base}});
        let jane = log_in(&open(&with(&config(&slapd), &more)), "jane", "secret").await;
        assert_eq!(jane.is_ok(), is_found, "{more}: {jane:?}");
    }
}
