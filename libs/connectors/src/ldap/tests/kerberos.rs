//! Tickets in place of passwords, with what curl sent in a realm of MIT Kerberos: `jane@ACME.TEST`, for
//! `HTTP/acme.localhost`. What is refused of tickets is tested where they are judged.

use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use insula_ambient::Timestamp;
use insula_connector_kit::{Connector as _, ConnectorError, LoginContext, Negotiated, Negotiation};
use insula_model::Rules;
use ldap3::Mod;
use serde_json::{Value, json};

use super::super::{Ldap, check};
use super::lab::{config, open, spec, with, with_groups};
use super::slapd::{Options, Slapd};
use crate::testing::{a_clock, a_login, an_open_context, local_http};

/// The key of the service.
const KEYTAB: &str = "0502000000540002000941434d452e54455354000448545450000e61636d652e6c6f63616c686f7374000000016b0ace8d0200120020d58bcf222d4f10033ccec2ef8a4e2bf08fbc311e697ff5934055401ca26c49f000000002";
const TOKEN: &str = include_str!("jane.token");
/// A little after the token was sent.
const NOW: Timestamp = Timestamp::from_secs(1_795_871_044);

fn keytab() -> String {
    BASE64.encode(&HEXLOWER.decode(KEYTAB.as_bytes()).unwrap())
}

fn token() -> Vec<u8> {
    BASE64.decode(TOKEN.trim().as_bytes()).unwrap()
}

/// What is needed for a ticket to be taken.
fn usual() -> Value {
    json!({"kerberos": {"enabled": true, "keytabPath": keytab(), "spn": "HTTP/acme.localhost"}})
}

/// The settings around one, and itself, for the walk of all settings.
pub(super) fn rows() -> Vec<(&'static str, Value, Value)> {
    let one = |name: &str, value: Value| json!({"kerberos": {name: value}});
    let without = |name: &str| with(&usual(), &one(name, Value::Null));
    let row = |path: &'static str, value: Value| {
        let name = path.rsplit('.').next().unwrap_or_default();
        (path, without(name), one(name, value))
    };
    vec![
        row("kerberos.enabled", json!(true)),
        row("kerberos.keytabPath", json!(keytab())),
        row("kerberos.spn", json!("HTTP/acme.localhost")),
        row("kerberos.keytabPrincipal", json!("svc-insula")),
        row("kerberos.maxClockSkew", json!(5)),
        row("kerberos.expectedRealm", json!("OTHER.TEST")),
        row("kerberos.usernameFromPrincipal", json!("userPrincipalName")),
        row("kerberos.fallbackToPassword", json!(true)),
    ]
}

/// What comes of the ticket.
pub(super) async fn observed(ldap: &Ldap) -> String {
    let negotiation = ldap.negotiation();
    let who = show(ldap, &a_login()).await.map(|taken| taken.identity);
    format!("{negotiation:?} {who:?}")
}

async fn show(ldap: &Ldap, ctx: &LoginContext) -> Result<Negotiated, ConnectorError> {
    let ctx = LoginContext {
        now: NOW,
        ..ctx.clone()
    };
    ldap.negotiate(&ctx, &token()).await
}

#[tokio::test]
async fn a_ticket_leads_to_the_entry_and_its_groups_as_a_password_does() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&with(&config(&slapd), &usual()));
    let by_password = super::lab::log_in(&ldap, "jane", "secret").await.unwrap();
    let taken = show(&ldap, &with_groups()).await.unwrap();
    assert!(!taken.identity.claims.groups.is_empty());
    assert_eq!(taken.identity.claims, by_password.claims);
    assert_eq!(taken.identity.connector_data, by_password.connector_data);
    assert_eq!(taken.identity.amr, ["wia"]);
    assert!(taken.answer.is_some());
    assert_eq!(taken.once.remembered, Duration::from_mins(10));
    let again = show(&ldap, &with_groups()).await.unwrap();
    assert_eq!(again.once, taken.once);
    let refreshed = ldap.refresh(&with_groups(), &taken.identity).await.unwrap();
    assert_eq!(refreshed, taken.identity);
}

#[tokio::test]
async fn a_ticket_whose_person_has_no_entry_is_denied_by_name_and_an_outage_is_none() {
    let Some(mut slapd) = Slapd::start().await else {
        return;
    };
    let elsewhere = json!({"userSearch": {"filter": "(uid=john)"}});
    let ldap = open(&with(&with(&config(&slapd), &usual()), &elsewhere));
    let Err(ConnectorError::Denied(why)) = show(&ldap, &a_login()).await else {
        panic!("nobody's ticket lets somebody in");
    };
    assert!(why.contains("jane@ACME.TEST"), "{why}");
    slapd.kill();
    let away = show(&ldap, &a_login()).await;
    assert!(
        matches!(away, Err(ConnectorError::Unreachable(_))),
        "{away:?}"
    );
}

#[tokio::test]
async fn a_ticket_that_outlives_its_account_is_denied() {
    let lockable = Options {
        global: "attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' \
                 SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )\n\
                 objectclass ( 2.16.840.1.113730.3.2.999 NAME 'lockable' AUXILIARY MAY nsAccountLock )"
            .to_owned(),
        ..Options::default()
    };
    let Some(slapd) = Slapd::start_with(&lockable).await else {
        return;
    };
    let ldap = open(&with(&config(&slapd), &usual()));
    assert!(show(&ldap, &a_login()).await.is_ok());
    let jane = "cn=Jane Doe,ou=people,dc=acme,dc=test";
    let locked = vec![
        Mod::Add("objectClass", ["lockable"].into()),
        Mod::Add("nsAccountLock", ["TRUE"].into()),
    ];
    let changed = slapd.as_root().await.modify(jane, locked).await.unwrap();
    changed.success().unwrap();
    let Err(ConnectorError::Denied(why)) = show(&ldap, &a_login()).await else {
        panic!("a disabled account lets somebody in");
    };
    assert!(why.contains("the account is disabled"), "{why}");
}

#[tokio::test]
async fn without_a_service_the_one_of_the_issuer_is_meant_but_at_dex_any_of_the_keytab() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let unnamed = with(&usual(), &json!({"kerberos": {"spn": null}}));
    let spec = spec(&with(&config(&slapd), &unnamed));
    let opened = |rules| {
        let mut ctx = an_open_context(&a_clock());
        ctx.rules = rules;
        Ldap::open(&local_http(), &spec, &ctx).unwrap()
    };
    let ours = show(&opened(Rules::STANDARD), &a_login()).await;
    let Err(ConnectorError::BadReply(why)) = ours else {
        panic!("a ticket for another host is taken: {ours:?}");
    };
    assert!(why.contains("HTTP/acme.localhost@ACME.TEST"), "{why}");
    assert!(why.contains("HTTP/acme.test"), "{why}");
    assert!(show(&opened(Rules::DEX), &a_login()).await.is_ok());
}

#[tokio::test]
async fn what_is_no_ticket_is_a_bad_reply_and_asks_the_directory_nothing() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&with(&config(&slapd), &usual()));
    for token in [&b""[..], b"NTLMSSP\0", b"\x60\x03abc"] {
        let said = ldap.negotiate(&a_login(), token).await;
        assert!(matches!(said, Err(ConnectorError::BadReply(_))), "{said:?}");
    }
    assert_eq!(slapd.logged("SRCH"), 0);
    let plain = open(&config(&slapd));
    assert_eq!(plain.negotiation(), None);
    let said = plain.negotiate(&a_login(), &token()).await;
    assert_eq!(said.unwrap_err(), ConnectorError::Unsupported("tickets"));
    let form = json!({"kerberos": {"fallbackToPassword": true}});
    let with_form = open(&with(&with(&config(&slapd), &usual()), &form));
    let negotiation = Negotiation {
        form_without_ticket: true,
    };
    assert_eq!(with_form.negotiation(), Some(negotiation));
}

#[test]
fn settings_that_cannot_work_are_told_with_what_helps() {
    let least = json!({
        "host": "ldap.acme.test",
        "userSearch": {"baseDN": "dc=acme,dc=test", "username": "uid"},
    });
    let told = |kerberos: Value| {
        let config = with(&with(&least, &usual()), &json!({"kerberos": kerberos}));
        check(&spec(&config)).join("; ")
    };
    assert_eq!(told(json!({})), "");
    assert_eq!(told(json!({"enabled": false, "keytabPath": "x"})), "");
    for (kerberos, helps) in [
        (
            json!({"keytabPath": null}),
            "kerberos.keytabPath is missing",
        ),
        (json!({"keytabPath": "eA=="}), "is not a keytab"),
        (json!({"keytabPath": "BQI="}), "is a keytab without keys"),
        (
            json!({"spn": "HTTP/"}),
            "kerberos.spn must be the name of a service",
        ),
        (
            json!({"spn": "HTTP/other"}),
            "the keytab has no key of HTTP/other, only of HTTP/acme.localhost@ACME.TEST",
        ),
        (
            json!({"keytabPrincipal": "a b"}),
            "kerberos.keytabPrincipal must be the name",
        ),
        (
            json!({"keytabPrincipal": "svc"}),
            "the keytab has no key of svc",
        ),
        (
            json!({"maxClockSkew": -1}),
            "must be between 1 and 3600 seconds",
        ),
        (
            json!({"maxClockSkew": 3601}),
            "must be between 1 and 3600 seconds",
        ),
        (
            json!({"maxClockSkew": "300"}),
            "kerberos.maxClockSkew must be a whole number",
        ),
        (
            json!({"usernameFromPrincipal": "mail"}),
            "must be localpart, sAMAccountName or userPrincipalName",
        ),
        (json!({"keytab": "x"}), "did you mean keytabPath?"),
    ] {
        let told = told(kerberos);
        assert!(told.contains(helps), "{told}");
        assert!(!told.contains(&keytab()), "{told}");
    }
}
