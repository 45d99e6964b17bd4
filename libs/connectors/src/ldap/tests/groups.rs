use std::collections::HashMap;
use std::fmt::Write as _;

use async_trait::async_trait;
use ldap3::Scope;
use serde_json::{Value, json};

use super::super::entry::Entry;
use super::super::groups::{GroupRules, Matcher};
use super::super::trouble::Trouble;
use super::super::whole::whole;
use super::super::{Search, Searches};
use super::lab::{config, log_in, open, typed, with};
use super::slapd::{Options, Slapd};
use crate::testing::a_login;
use insula_connector_kit::{Connector as _, ConnectorError, Memory};

async fn groups_of_jane(slapd: &Slapd, search: Value) -> Vec<String> {
    let ldap = open(&with(&config(slapd), &json!({"groupSearch": search})));
    let jane = log_in(&ldap, "jane", "secret").await;
    jane.unwrap().claims.groups
}

#[tokio::test]
async fn groups_are_found_as_the_settings_say() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let cases = [
        (json!({}), vec!["developers"]),
        // Several ways are united, each name stands once, and in order.
        (
            json!({"userMatchers": [
                {"userAttr": "uid", "groupAttr": "memberUid"},
                {"userAttr": "DN", "groupAttr": "member"},
                {"userAttr": "DN", "groupAttr": "member"},
            ]}),
            vec!["developers", "unix"],
        ),
        // Admins are developers and developers are admins; everybody is in itself.
        (
            json!({"userMatchers": [
                {"userAttr": "DN", "groupAttr": "member", "recursionGroupAttr": "member"},
            ]}),
            vec!["admins", "developers", "everybody"],
        ),
        // How older files of dex say it.
        (
            json!({"userMatchers": null, "userAttr": "uid", "groupAttr": "memberUid"}),
            vec!["unix"],
        ),
        (
            json!({"userMatchers": null, "userAttr": "DN", "groupAttr": "member",
                "recursionGroupAttr": "member"}),
            vec!["admins", "developers", "everybody"],
        ),
        (json!({"filter": "(objectClass=posixGroup)"}), vec![]),
        (json!({"nameAttr": "description"}), vec!["writes code"]),
        (json!({"prefix": "ldap:"}), vec!["ldap:developers"]),
        (
            json!({"nameAttr": "DN"}),
            vec!["cn=developers,ou=groups,dc=acme,dc=test"],
        ),
        (json!({"baseDN": "dc=acme,dc=test"}), vec!["developers"]),
        (json!({"baseDN": "dc=acme,dc=test", "scope": "one"}), vec![]),
        // Where nothing is, nobody is in a group.
        (json!({"baseDN": "ou=nowhere,dc=acme,dc=test"}), vec![]),
        (json!({"baseDN": null}), vec![]),
        (json!({"userMatchers": null}), vec![]),
        // A person without the attribute is in none.
        (
            json!({"userMatchers": [{"userAttr": "telephoneNumber", "groupAttr": "member"}]}),
            vec![],
        ),
    ];
    for (search, expected) in cases {
        let found = groups_of_jane(&slapd, search.clone()).await;
        assert_eq!(found, expected, "{search}");
    }
}

#[tokio::test]
async fn groups_are_fetched_only_for_a_client_that_asks_for_them() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&config(&slapd));
    let (without, reply) = (a_login(), typed("jane", "secret"));
    let jane = ldap.complete(&without, &Memory::Null, reply).await;
    assert!(jane.unwrap().claims.groups.is_empty());
    assert_eq!(slapd.logged("base=\"ou=groups"), 0);
}

#[tokio::test]
async fn a_group_without_a_name_is_told_and_not_left_out() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let search = json!({"groupSearch": {"nameAttr": "businessCategory"}});
    let answer = log_in(&open(&with(&config(&slapd), &search)), "jane", "secret").await;
    assert!(
        matches!(&answer, Err(ConnectorError::Upstream(why)) if why.contains("businessCategory")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn more_groups_than_the_directory_gives_at_once_are_all_found() {
    let mut entries = String::new();
    for number in 0..1203 {
        let _ = write!(
            entries,
            "dn: cn=g{number:04},ou=groups,dc=acme,dc=test\nobjectClass: posixGroup\n\
             cn: g{number:04}\ngidNumber: 1\nmemberUid: john\n\n"
        );
    }
    let many = Options {
        entries,
        ..Options::default()
    };
    let Some(slapd) = Slapd::start_with(&many).await else {
        return;
    };
    let search = json!({"groupSearch": {
        "userMatchers": [{"userAttr": "uid", "groupAttr": "memberUid"}],
    }});
    let ldap = open(&with(&config(&slapd), &search));
    let john = log_in(&ldap, "john", "password").await.unwrap();
    let groups = john.claims.groups;
    assert_eq!(groups.len(), 1203);
    assert_eq!(groups[1202], "g1202");
}

#[tokio::test]
async fn referrals_to_other_servers_are_not_followed() {
    let elsewhere = Options {
        entries: "dn: cn=away,ou=groups,dc=acme,dc=test\nobjectClass: referral\n\
                  objectClass: extensibleObject\ncn: away\n\
                  ref: ldap://127.0.0.1:9/cn=away,dc=acme,dc=test\n\n\
                  dn: cn=away,ou=people,dc=acme,dc=test\nobjectClass: referral\n\
                  objectClass: extensibleObject\ncn: away\n\
                  ref: ldap://127.0.0.1:9/cn=away,dc=acme,dc=test\n"
            .to_owned(),
        ..Options::default()
    };
    let Some(slapd) = Slapd::start_with(&elsewhere).await else {
        return;
    };
    let jane = log_in(&open(&config(&slapd)), "jane", "secret").await;
    assert_eq!(jane.unwrap().claims.groups, ["developers"]);
    let away = json!({"userSearch": {"baseDN": "cn=away,ou=people,dc=acme,dc=test"}});
    let answer = log_in(&open(&with(&config(&slapd), &away)), "jane", "secret").await;
    assert!(
        matches!(&answer, Err(ConnectorError::Upstream(why)) if why.contains("global catalog")),
        "{answer:?}"
    );
}

/// A directory made up: what it answers to a filter, or to an attribute of one entry.
#[derive(Default)]
struct MadeUp {
    answers: HashMap<String, Vec<Entry>>,
    asked: Vec<String>,
}

#[async_trait]
impl Searches for MadeUp {
    async fn search(&mut self, search: &Search) -> Result<Vec<Entry>, Trouble> {
        let question = match search.scope {
            Scope::Base => search.attributes.concat(),
            _ => search.filter.clone(),
        };
        let answer = self.answers.get(&question).cloned();
        self.asked.push(question);
        Ok(answer.unwrap_or_default())
    }
}

fn a_group(name: &str) -> Entry {
    Entry::of(&format!("cn={name}"), &[("cn", &[name])])
}

fn rules() -> GroupRules {
    GroupRules {
        base: "dc=acme".to_owned(),
        scope: Scope::Subtree,
        filter: String::new(),
        matchers: vec![Matcher {
            user: "DN".to_owned(),
            group: "member".to_owned(),
            recursion: Some("member".to_owned()),
        }],
        name_attr: "cn".to_owned(),
        prefix: String::new(),
    }
}

#[tokio::test]
async fn groups_within_groups_are_looked_for_so_deep_and_no_deeper() {
    let mut endless = MadeUp::default();
    for depth in 0..1000 {
        let within = format!("(member=cn=g{depth})");
        let above = a_group(&format!("g{}", depth + 1));
        endless.answers.insert(within, vec![above]);
    }
    let jane = Entry::of("cn=g0", &[]);
    let groups = rules().groups(&jane, &mut endless).await.unwrap();
    assert_eq!((groups.len(), endless.asked.len()), (32, 32));
}

#[tokio::test]
async fn one_question_is_about_all_groups_of_a_level() {
    let mut wide = MadeUp::default();
    let many: Vec<_> = (0..60).map(|n| a_group(&format!("g{n}"))).collect();
    wide.answers.insert("(member=cn=jane)".to_owned(), many);
    let jane = Entry::of("cn=jane", &[]);
    let groups = rules().groups(&jane, &mut wide).await.unwrap();
    assert_eq!((groups.len(), wide.asked.len()), (60, 3));
    let asked = &wide.asked[1];
    assert!(
        asked.starts_with("(|(member=cn=g0)(member=cn=g1)"),
        "{asked}"
    );
}

#[tokio::test]
async fn an_attribute_that_comes_in_parts_is_fetched_whole() {
    let part = |range: &str, value: &str| vec![Entry::of("cn=jane", &[(range, &[value])])];
    let mut active = MadeUp::default();
    let answers = &mut active.answers;
    answers.insert("memberOf;range=1-*".into(), part("memberOf;range=1-1", "b"));
    answers.insert("memberOf;range=2-*".into(), part("memberOf;range=2-*", "c"));
    let mut jane = Entry::of("cn=jane", &[("memberOf;range=0-0", &["a"])]);
    whole(&mut jane, &mut active).await.unwrap();
    assert_eq!(jane.texts("memberof").collect::<Vec<_>>(), ["a", "b", "c"]);
}
