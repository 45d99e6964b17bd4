//! What Active Directory has that others have not.

use insula_connector_kit::{Connector as _, ConnectorError, UpstreamIdentity};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{probe, refusal};
use super::domain::{BASE, Domain, PASSWORD, person};
use super::lab::{config, log_in, open, with, with_groups};
use super::slapd::Slapd;

async fn jane(config: &Value) -> Result<UpstreamIdentity, ConnectorError> {
    log_in(&open(config), "jane", PASSWORD).await
}

async fn groups_of_jane(config: &Value) -> Vec<String> {
    jane(config).await.unwrap().claims.groups
}

#[tokio::test]
async fn people_log_in_by_their_short_name_or_their_principal_name() {
    let Some(domain) = Domain::find() else {
        return;
    };
    let ldap = open(&domain.config());
    for typed in ["jane", "JANE", "jane@ad.acme.test", "Jane@AD.ACME.TEST"] {
        let jane = log_in(&ldap, typed, PASSWORD).await.unwrap().claims;
        assert_eq!(jane.username, "Jane Doe", "{typed}");
        assert_eq!(jane.preferred_username, "jane");
        assert_eq!(jane.email, "jane.doe@acme.test");
        assert_eq!(jane.groups, ["crowd", "developers"]);
    }
    for typed in [
        "jane@acme.test",
        "ACME\\jane",
        "j*",
        "jane@ad.acme.test)(cn=*",
    ] {
        let answer = log_in(&ldap, typed, PASSWORD).await;
        assert_eq!(answer, Err(ConnectorError::WrongPassword), "{typed}");
    }
}

#[tokio::test]
async fn the_binary_id_is_written_as_windows_does_and_found_again_by_its_bytes() {
    let Some(domain) = Domain::find() else {
        return;
    };
    // Each holds other bytes, some of which mean something in filters or are text.
    for number in 0..8 {
        let name = format!("guid{number}");
        domain.make(&name).await;
        let ldap = open(&domain.config());
        let person = log_in(&ldap, &name, PASSWORD).await.unwrap();
        assert!(Uuid::parse_str(person.claims.user_id.as_str()).is_ok());
        assert_eq!(ldap.refresh(&with_groups(), &person).await, Ok(person));
    }
}

#[tokio::test]
async fn the_security_identifier_is_written_as_windows_does() {
    let Some(domain) = Domain::find() else {
        return;
    };
    let by_sid = json!({"userSearch": {"idAttr": "objectSid"}});
    let ldap = open(&with(&domain.config(), &by_sid));
    let jane = log_in(&ldap, "jane", PASSWORD).await.unwrap();
    let id = jane.claims.user_id.as_str();
    assert!(id.starts_with("S-1-5-21-"), "{id}");
    assert_eq!(ldap.refresh(&with_groups(), &jane).await, Ok(jane));
}

#[tokio::test]
async fn groups_are_found_in_every_way_the_guide_names() {
    let Some(domain) = Domain::find() else {
        return;
    };
    let direct = ["crowd", "developers"];
    let nested = [
        "circle",
        "crowd",
        "developers",
        "engineering",
        "round",
        "staff",
    ];
    let rows: [(Value, &[&str]); 5] = [
        (json!({"userAttr": "DN", "groupAttr": "member"}), &direct),
        // The back link on the person's own entry.
        (
            json!({"userAttr": "memberOf", "groupAttr": "distinguishedName"}),
            &direct,
        ),
        (
            json!({"userAttr": "DN", "groupAttr": "member", "recursionGroupAttr": "member"}),
            &nested,
        ),
        // LDAP_MATCHING_RULE_IN_CHAIN
        (
            json!({"userAttr": "DN", "groupAttr": "member:1.2.840.113556.1.4.1941:"}),
            &nested,
        ),
        (
            json!({"userAttr": "tokenGroups", "groupAttr": "objectSid"}),
            &nested,
        ),
    ];
    for (matcher, expected) in rows {
        let config = domain.with_matcher(&matcher);
        assert_eq!(groups_of_jane(&config).await, expected, "{matcher}");
        // They are found again at a refresh.
        let ldap = open(&config);
        let jane = log_in(&ldap, "jane", PASSWORD).await.unwrap();
        assert_eq!(ldap.refresh(&with_groups(), &jane).await, Ok(jane));
    }
}

/// Whether a directory says that it knows the rule for groups within groups.
async fn knows_in_chain(config: &Value) -> bool {
    let ldap = open(config);
    let mut session = ldap.people.directory.open().await.unwrap();
    probe::knows_in_chain(&mut session).await.unwrap()
}

#[tokio::test]
async fn a_directory_says_whether_it_knows_the_rule_for_groups_within_groups() {
    let (Some(domain), Some(slapd)) = (Domain::find(), Slapd::start().await) else {
        return;
    };
    assert!(knows_in_chain(&domain.config()).await);
    assert!(!knows_in_chain(&config(&slapd)).await);
}

#[tokio::test]
async fn the_primary_group_is_found_by_its_identifier() {
    let Some(domain) = Domain::find() else {
        return;
    };
    // It lies beside the others, and no entry names its members.
    let everywhere = json!({"groupSearch": {"baseDN": BASE}});
    let by_member = domain.with_matcher(&json!({"userAttr": "DN", "groupAttr": "member"}));
    let groups = groups_of_jane(&with(&by_member, &everywhere)).await;
    assert!(!groups.contains(&"Domain Users".to_owned()), "{groups:?}");

    let by_sid = domain.with_matcher(&json!({"userAttr": "TOKENGROUPS", "groupAttr": "objectSid"}));
    let groups = groups_of_jane(&with(&by_sid, &everywhere)).await;
    for expected in ["Domain Users", "developers", "staff"] {
        assert!(groups.contains(&expected.to_owned()), "{groups:?}");
    }
    assert_eq!(groups_of_jane(&by_sid).await.len(), 6);
}

#[tokio::test]
async fn accounts_that_are_closed_are_told_of_a_wrong_password_and_nothing_else() {
    let Some(domain) = Domain::find() else {
        return;
    };
    let ldap = open(&domain.config());
    for name in [
        "disabled",
        "expired",
        "mustchange",
        "outdated",
        "nohour",
        "elsewhere",
    ] {
        for password in [PASSWORD, "wrong"] {
            let answer = log_in(&ldap, name, password).await;
            assert_eq!(answer, Err(ConnectorError::WrongPassword), "{name}");
        }
    }
}

/// What the log says of a bind.
async fn reason(domain: &Domain, name: &str, password: &str) -> Option<&'static str> {
    let ldap = open(&domain.config());
    let servers = &ldap.people.directory.servers;
    let answered = servers.bind(&person(name), password).await.unwrap();
    refusal::reason(answered.bound.code, &answered.bound.text)
}

#[tokio::test]
async fn the_log_tells_apart_why_active_directory_lets_somebody_not_in() {
    let Some(domain) = Domain::find() else {
        return;
    };
    domain.make("locked").await;
    let ldap = open(&domain.config());
    for _ in 0..5 {
        drop(log_in(&ldap, "locked", "wrong").await);
    }
    let answer = log_in(&ldap, "locked", PASSWORD).await;
    assert_eq!(answer, Err(ConnectorError::WrongPassword));
    for (name, words) in [
        ("Disabled", "disabled"),
        ("Expired", "accountExpires"),
        ("Must Change", "must be changed"),
        ("Outdated", "password has expired"),
        ("At No Hour", "at this hour"),
        ("At Another Machine", "certain machines"),
        ("locked", "locked"),
    ] {
        let reason = reason(&domain, name, PASSWORD).await;
        assert!(
            reason.is_some_and(|reason| reason.contains(words)),
            "{name}: {reason:?}"
        );
    }
    assert_eq!(reason(&domain, "Jane Doe", "wrong").await, None);
}

#[tokio::test]
async fn a_password_in_the_clear_is_refused_and_whoever_manages_it_is_told() {
    let Some(domain) = Domain::find() else {
        return;
    };
    let plain = json!({"insecureNoSSL": true, "rootCA": null});
    let answer = jane(&with(&domain.config(), &plain)).await;
    assert!(
        matches!(&answer, Err(ConnectorError::Upstream(why)) if why.contains("use LDAPS or startTLS")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn people_log_in_over_start_tls_and_at_the_global_catalog() {
    let Some(domain) = Domain::find() else {
        return;
    };
    let catalog = |port: u16| format!("{}:{port}", domain.address);
    for more in [
        json!({"startTLS": true}),
        json!({"host": catalog(3269)}),
        json!({"host": catalog(3268), "startTLS": true}),
    ] {
        let jane = jane(&with(&domain.config(), &more)).await;
        assert_eq!(
            jane.unwrap().claims.groups,
            ["crowd", "developers"],
            "{more}"
        );
    }
}

#[tokio::test]
async fn nobody_searches_without_a_service_account() {
    let Some(domain) = Domain::find() else {
        return;
    };
    let anonymous = json!({"bindDN": null, "bindPW": null});
    let answer = jane(&with(&domain.config(), &anonymous)).await;
    assert!(
        matches!(&answer, Err(ConnectorError::Upstream(why)) if why.contains("set bindDN and bindPW")),
        "{answer:?}"
    );
}

/// A search from the top of a domain is answered with references to its other parts, `ForestDnsZones`
/// and so on. They are left alone, and `BASE` in every other test here is the top.
#[tokio::test]
async fn a_search_from_the_top_goes_to_no_other_server() {
    let Some(domain) = Domain::find() else {
        return;
    };
    let everywhere = json!({"groupSearch": {"baseDN": BASE}});
    let groups = groups_of_jane(&with(&domain.config(), &everywhere)).await;
    assert_eq!(groups, ["crowd", "developers"]);
}

#[tokio::test]
async fn a_refresh_follows_whoever_moves_between_groups_and_ends_with_the_account() {
    let Some(domain) = Domain::find() else {
        return;
    };
    domain.make("mover").await;
    domain.join("mover", "developers").await;
    let ldap =
        open(&domain.with_matcher(
            &json!({"userAttr": "DN", "groupAttr": "member:1.2.840.113556.1.4.1941:"}),
        ));
    let mover = log_in(&ldap, "mover", PASSWORD).await.unwrap();
    assert!(mover.claims.groups.contains(&"developers".to_owned()));

    domain.leave("mover", "developers").await;
    domain.join("mover", "staff").await;
    let now = ldap.refresh(&with_groups(), &mover).await.unwrap();
    assert_eq!(now.claims.groups, ["circle", "round", "staff"]);

    domain.rename("mover", "CN=Moved").await;
    let now = ldap.refresh(&with_groups(), &now).await.unwrap();
    assert_eq!(now.claims.user_id, mover.claims.user_id);
    domain.delete(&format!("CN=Moved,OU=crowd,{BASE}")).await;
    let answer = ldap.refresh(&with_groups(), &now).await;
    assert!(
        matches!(answer, Err(ConnectorError::Denied(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_refresh_ends_with_an_account_that_is_disabled_or_has_expired() {
    let Some(domain) = Domain::find() else {
        return;
    };
    let ldap = open(&domain.config());
    for (name, words) in [("leaver", "disabled"), ("intern", "expired")] {
        domain.make(name).await;
        let person_before = log_in(&ldap, name, PASSWORD).await.unwrap();
        let again = ldap.refresh(&with_groups(), &person_before).await;
        assert_eq!(again.as_ref(), Ok(&person_before));
        if words == "disabled" {
            domain.disable(name).await;
        } else {
            let long_ago = "130000000000000000";
            domain
                .replace(&person(name), "accountExpires", long_ago)
                .await;
        }
        let answer = ldap.refresh(&with_groups(), &person_before).await;
        assert!(
            matches!(&answer, Err(ConnectorError::Denied(why)) if why.contains(words)),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_lock_after_wrong_passwords_ends_nobodys_session() {
    let Some(domain) = Domain::find() else {
        return;
    };
    domain.make("attacked").await;
    let ldap = open(&domain.config());
    let attacked = log_in(&ldap, "attacked", PASSWORD).await.unwrap();
    for _ in 0..6 {
        drop(log_in(&ldap, "attacked", "wrong").await);
    }
    let locked = log_in(&ldap, "attacked", PASSWORD).await;
    assert_eq!(locked, Err(ConnectorError::WrongPassword));
    let again = ldap.refresh(&with_groups(), &attacked).await;
    assert_eq!(again, Ok(attacked));
}
