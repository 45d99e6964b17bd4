//! Every setting changes what comes of a login, or it is refused.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use insula_connector_kit::{Challenge, Connector as _};
use serde_json::{Value, json};

use super::super::check;
use super::super::server::Mode;
use super::super::settings::{SETTINGS, Settings};
use super::lab::{config, log_in, spec, try_open, with};
use super::slapd::{Options, Slapd};
use crate::settings::paths;
use crate::testing::a_login;

/// What comes of settings: what is said of them, what is asked, and who Jane is.
async fn observed(config: &Value) -> String {
    let problems = check(&spec(config));
    let Ok(ldap) = try_open(&spec(config)) else {
        return problems.join("; ");
    };
    let Ok(Challenge::AskPassword { label }) = ldap.begin(&a_login()).await else {
        panic!("no password is asked for");
    };
    let jane = log_in(&ldap, "jane", "secret").await;
    let jane = jane.map(|jane| serde_json::to_string(&jane.claims));
    let ticket = super::kerberos::observed(&ldap).await;
    format!("{problems:?} {label} {jane:?} {ticket}")
}

/// The settings around one, and itself.
fn rows(slapd: &Slapd) -> Vec<(&'static str, Value, Value)> {
    let host = format!("127.0.0.1:{}", slapd.tls);
    let tls = json!({"host": host, "insecureNoSSL": false});
    let (certificate, key) = &slapd.client;
    let trusting = with(&tls, &json!({"rootCA": slapd.authority}));
    let user = |name: &str, value: Value| json!({"userSearch": {name: value}});
    let group = |name: &str, value: Value| json!({"groupSearch": {name: value}});
    let none = || json!({});
    let single = |name: &str, value: Value| {
        let mut search = json!({"userMatchers": null, "userAttr": "DN", "groupAttr": "member"});
        search[name] = value;
        json!({"groupSearch": search})
    };
    let matcher = |name: &str, value: Value| {
        let mut one = json!({"userAttr": "DN", "groupAttr": "member"});
        one[name] = value;
        group("userMatchers", json!([one]))
    };
    vec![
        ("host", none(), json!({"host": "127.0.0.1:9"})),
        (
            "hosts",
            json!({"host": "127.0.0.1:9"}),
            json!({"hosts": [format!("127.0.0.1:{}", slapd.plain)]}),
        ),
        (
            "tlsServerName",
            with(
                &trusting,
                &json!({"clientCert": certificate, "clientKey": key}),
            ),
            json!({"tlsServerName": "ldap.acme.test"}),
        ),
        (
            "dereferenceAliases",
            user("baseDN", json!("ou=staff,dc=acme,dc=test")),
            json!({"dereferenceAliases": "finding"}),
        ),
        (
            "insecureNoSSL",
            json!({"insecureNoSSL": null}),
            json!({"insecureNoSSL": true}),
        ),
        (
            "startTLS",
            json!({"insecureNoSSL": false, "rootCA": slapd.authority}),
            json!({"startTLS": true, "clientCert": certificate, "clientKey": key}),
        ),
        (
            "insecureSkipVerify",
            with(&tls, &json!({"clientCert": certificate, "clientKey": key})),
            json!({"insecureSkipVerify": true}),
        ),
        (
            "rootCA",
            with(&tls, &json!({"clientCert": certificate, "clientKey": key})),
            json!({"rootCA": slapd.authority}),
        ),
        (
            "rootCAData",
            with(&tls, &json!({"clientCert": certificate, "clientKey": key})),
            json!({"rootCAData": BASE64.encode(slapd.authority.as_bytes())}),
        ),
        (
            "clientCert",
            with(&trusting, &json!({"clientKey": key})),
            json!({"clientCert": certificate}),
        ),
        (
            "clientKey",
            with(&trusting, &json!({"clientCert": certificate})),
            json!({"clientKey": key}),
        ),
        (
            "bindDN",
            none(),
            json!({"bindDN": "cn=writer,dc=acme,dc=test"}),
        ),
        ("bindPW", none(), json!({"bindPW": "another"})),
        (
            "usernamePrompt",
            none(),
            json!({"usernamePrompt": "Short name"}),
        ),
        (
            "userSearch.baseDN",
            none(),
            user("baseDN", json!("ou=elsewhere,dc=acme,dc=test")),
        ),
        (
            "userSearch.filter",
            none(),
            user("filter", json!("(uid=john)")),
        ),
        (
            "userSearch.username",
            none(),
            user("username", json!(["mail"])),
        ),
        (
            "userSearch.scope",
            user("baseDN", json!("dc=acme,dc=test")),
            user("scope", json!("one")),
        ),
        (
            "userSearch.idAttr",
            none(),
            user("idAttr", json!("entryUUID")),
        ),
        (
            "userSearch.emailAttr",
            none(),
            user("emailAttr", json!("sn")),
        ),
        ("userSearch.nameAttr", none(), user("nameAttr", json!("sn"))),
        (
            "userSearch.preferredUsernameAttr",
            none(),
            user("preferredUsernameAttr", json!("uid")),
        ),
        (
            "userSearch.emailSuffix",
            none(),
            user("emailSuffix", json!("x.test")),
        ),
        (
            "groupSearch.baseDN",
            none(),
            group("baseDN", json!("ou=people,dc=acme,dc=test")),
        ),
        (
            "groupSearch.filter",
            none(),
            group("filter", json!("(cn=x)")),
        ),
        (
            "groupSearch.scope",
            group("baseDN", json!("dc=acme,dc=test")),
            group("scope", json!("one")),
        ),
        (
            "groupSearch.userMatchers.userAttr",
            none(),
            matcher("userAttr", json!("uid")),
        ),
        (
            "groupSearch.userMatchers.groupAttr",
            none(),
            matcher("groupAttr", json!("memberUid")),
        ),
        (
            "groupSearch.userMatchers.recursionGroupAttr",
            none(),
            matcher("recursionGroupAttr", json!("member")),
        ),
        (
            "groupSearch.userAttr",
            single("scope", json!("sub")),
            single("userAttr", json!("uid")),
        ),
        (
            "groupSearch.groupAttr",
            single("scope", json!("sub")),
            single("groupAttr", json!("memberUid")),
        ),
        (
            "groupSearch.recursionGroupAttr",
            single("scope", json!("sub")),
            single("recursionGroupAttr", json!("member")),
        ),
        (
            "groupSearch.nameAttr",
            none(),
            group("nameAttr", json!("description")),
        ),
        (
            "groupSearch.prefix",
            none(),
            group("prefix", json!("ldap:")),
        ),
    ]
}

#[tokio::test]
async fn every_setting_changes_something() {
    let demanding = Options {
        global: "TLSVerifyClient demand".to_owned(),
        ..Options::default()
    };
    let Some(slapd) = Slapd::start_with(&demanding).await else {
        return;
    };
    let mut rows = rows(&slapd);
    rows.extend(super::kerberos::rows());
    let shown: BTreeSet<_> = rows.iter().map(|(path, _, _)| (*path).to_owned()).collect();
    assert_eq!(shown, paths(SETTINGS));
    for (path, around, setting) in rows {
        let without = with(&config(&slapd), &around);
        let before = observed(&without).await;
        let after = observed(&with(&without, &setting)).await;
        assert_ne!(before, after, "{path}");
    }
}

fn complaints(config: &Value) -> Vec<String> {
    Settings::read(config).problems(Settings::problems)
}

fn least() -> Value {
    json!({
        "host": "ldap.acme.test",
        "userSearch": {"baseDN": "dc=acme,dc=test", "username": "uid"},
    })
}

#[test]
fn the_least_that_is_needed_is_enough_and_no_less() {
    assert_eq!(complaints(&least()), Vec::<String>::new());
    let mut nothing = complaints(&json!({}));
    nothing.sort();
    let missing = ["host is missing", "userSearch.baseDN is missing"];
    assert_eq!(nothing[..2], missing);
    assert!(nothing[2].starts_with("userSearch.username is missing"));
}

#[test]
fn what_contradicts_itself_is_refused_with_what_helps() {
    let rows = [
        (
            json!({"startTLS": true, "insecureNoSSL": true}),
            "remove insecureNoSSL",
        ),
        (
            json!({"clientCert": "-----BEGIN"}),
            "clientCert needs clientKey",
        ),
        (
            json!({"clientKey": "-----BEGIN"}),
            "clientKey needs clientCert",
        ),
        (json!({"bindDN": "cn=a"}), "bindDN needs bindPW"),
        (json!({"bindPW": "hunter2"}), "bindPW needs bindDN"),
        (json!({"host": "ldap://acme.test"}), "without ldap://"),
        (json!({"host": "acme.test:ldap"}), "with or without a port"),
        (
            json!({"hosts": ["b.test", "ldap://c.test"]}),
            "hosts[1] must be",
        ),
        (
            json!({"tlsServerName": "a.test:636"}),
            "tlsServerName must be",
        ),
        (
            json!({"dereferenceAliases": "sometimes"}),
            "dereferenceAliases must be",
        ),
        (json!({"host": "a@acme.test"}), "with or without a port"),
        (json!({"rootCA": "no pem"}), "rootCA holds neither PEM"),
        (
            json!({"rootCAData": "bm8gcGVt"}),
            "rootCAData holds neither PEM",
        ),
        (
            json!({"rootCA": "-----BEGIN CERTIFICATE-----\nx"}),
            "rootCA holds no certificate",
        ),
        (
            json!({"userSearch": {"scope": "base"}}),
            "userSearch.scope must be",
        ),
        (
            json!({"userSearch": {"filter": "uid=x"}}),
            "userSearch.filter is not a filter",
        ),
        (
            json!({"userSearch": {"filter": "(uid=x"}}),
            "userSearch.filter is not a filter",
        ),
        (
            json!({"userSearch": {"filter": "(a=b)(c=d)"}}),
            "userSearch.filter is not a filter",
        ),
        (
            json!({"userSearch": {"username": ["uid", ""]}}),
            "userSearch.username[1]",
        ),
        (
            json!({"userSearch": {"username": "DN"}}),
            "userSearch.username[0]",
        ),
        (
            json!({"userSearch": {"idAttr": "a)(b"}}),
            "userSearch.idAttr must be",
        ),
        (
            json!({"groupSearch": {"baseDN": "a=b", "nameAttr": "cn", "userMatchers": [{}]}}),
            "groupSearch.userMatchers[0].userAttr is missing",
        ),
        (
            json!({"groupSearch": {"baseDN": "a=b", "userAttr": "DN", "groupAttr": "member"}}),
            "groupSearch.nameAttr is missing",
        ),
        (
            json!({"kerberos": {"enabled": true}}),
            "kerberos.keytabPath is missing",
        ),
    ];
    for (more, expected) in rows {
        let told = complaints(&with(&least(), &more)).join("; ");
        assert!(told.contains(expected), "{more}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn ports_follow_the_manner_of_speaking() {
    let rows = [
        (json!({}), "ldap.acme.test", 636, Mode::Tls),
        (
            json!({"insecureNoSSL": true}),
            "ldap.acme.test",
            389,
            Mode::Plain,
        ),
        (
            json!({"startTLS": true}),
            "ldap.acme.test",
            389,
            Mode::StartTls,
        ),
        (
            json!({"host": "ldap.acme.test:3269"}),
            "ldap.acme.test",
            3269,
            Mode::Tls,
        ),
        (json!({"host": "[::1]"}), "::1", 636, Mode::Tls),
        (
            json!({"host": "[::1]:389", "startTLS": true}),
            "::1",
            389,
            Mode::StartTls,
        ),
    ];
    for (more, host, port, mode) in rows {
        let settings = Settings::read(&with(&least(), &more)).settings;
        let place = settings.places().unwrap().remove(0);
        assert_eq!(
            (place.host.as_str(), place.port, place.mode),
            (host, port, mode)
        );
    }
}

#[test]
fn what_is_without_effect_is_said_so() {
    let rows = [
        (
            json!({"rootCA": "a", "rootCAData": "b"}),
            "beside rootCAData",
        ),
        (
            json!({"insecureNoSSL": true, "rootCA": "a"}),
            "nothing is encrypted",
        ),
        (
            json!({"insecureSkipVerify": true, "rootCA": "a"}),
            "every certificate",
        ),
        (
            json!({"insecureSkipVerify": true, "tlsServerName": "a.test"}),
            "where no certificate is looked at",
        ),
        (
            json!({"insecureNoSSL": true, "tlsServerName": "a.test"}),
            "where no certificate is looked at",
        ),
        (
            json!({"groupSearch": {"baseDN": "a=b", "nameAttr": "cn", "userAttr": "a",
                "userMatchers": [{"userAttr": "DN", "groupAttr": "member"}]}}),
            "beside groupSearch.userMatchers",
        ),
        (json!({"groupSearch": {"userAttr": "a"}}), "without baseDN"),
        (
            json!({"groupSearch": {"baseDN": "a=b"}}),
            "without userMatchers",
        ),
    ];
    for (more, expected) in rows {
        let settings = Settings::read(&with(&least(), &more)).settings;
        let told = settings.ignored().join("; ");
        assert!(told.contains(expected), "{more}: {told}");
    }
    let quiet = Settings::read(&least()).settings;
    assert_eq!(quiet.ignored(), Vec::<&str>::new());
}

#[tokio::test]
async fn what_is_without_effect_may_be_anything() {
    let plain =
        json!({"insecureNoSSL": true, "rootCA": "no pem", "clientCert": "a", "clientKey": "b"});
    let config = with(&least(), &plain);
    assert_eq!(complaints(&config), Vec::<String>::new());
    assert!(try_open(&spec(&config)).is_ok());
}
