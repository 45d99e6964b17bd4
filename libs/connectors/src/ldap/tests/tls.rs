use std::time::Duration;

use data_encoding::BASE64;
use insula_connector_kit::ConnectorError;
use insula_model::ConnectorSpec;
use serde_json::{Value, json};

use super::lab::{config, log_in, open, spec, try_open, with};
use super::slapd::{Options, Slapd};

fn ldaps(slapd: &Slapd, more: &Value) -> Value {
    let host = format!("127.0.0.1:{}", slapd.tls);
    let encrypted = json!({"host": host, "insecureNoSSL": null, "rootCA": slapd.authority});
    with(&with(&config(slapd), &encrypted), more)
}

fn start_tls(slapd: &Slapd, more: &Value) -> Value {
    let encrypted = json!({
        "insecureNoSSL": null,
        "startTLS": true,
        "rootCAData": BASE64.encode(slapd.authority.as_bytes()),
    });
    with(&with(&config(slapd), &encrypted), more)
}

async fn outcome(config: &Value) -> Result<String, ConnectorError> {
    let person = log_in(&open(config), "jane", "secret").await?;
    Ok(person.claims.email)
}

#[tokio::test]
async fn people_log_in_over_ldaps_and_start_tls() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    for config in [ldaps(&slapd, &json!({})), start_tls(&slapd, &json!({}))] {
        assert_eq!(outcome(&config).await, Ok("jane@acme.test".to_owned()));
    }
    assert!(slapd.logged("STARTTLS") > 0);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_not_believed_unless_all_are() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let unknown = json!({"rootCA": null, "rootCAData": null});
    let careless = json!({"rootCA": null, "rootCAData": null, "insecureSkipVerify": true});
    for encrypted in [ldaps, start_tls] {
        let binds = slapd.logged("BIND");
        let answer = outcome(&encrypted(&slapd, &unknown)).await;
        assert!(
            matches!(&answer, Err(ConnectorError::Unreachable(why)) if why.contains("set rootCA")),
            "{answer:?}"
        );
        assert_eq!(slapd.logged("BIND"), binds, "a password was sent");
        assert!(outcome(&encrypted(&slapd, &careless)).await.is_ok());
    }
}

#[tokio::test]
async fn a_certificate_with_another_name_is_not_believed() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let by_name = json!({"host": format!("localhost:{}", slapd.tls)});
    let answer = outcome(&ldaps(&slapd, &by_name)).await;
    assert!(
        matches!(&answer, Err(ConnectorError::Unreachable(why)) if why.contains("host to a name")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn the_name_in_the_certificate_may_be_another_than_the_one_it_is_reached_by() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let by_name = json!({
        "host": format!("localhost:{}", slapd.tls),
        "tlsServerName": "127.0.0.1",
    });
    let plain = json!({"host": format!("localhost:{}", slapd.plain), "tlsServerName": "127.0.0.1"});
    for config in [ldaps(&slapd, &by_name), start_tls(&slapd, &plain)] {
        assert_eq!(outcome(&config).await, Ok("jane@acme.test".to_owned()));
    }
    let other = json!({"tlsServerName": "ldap.acme.test"});
    for encrypted in [ldaps, start_tls] {
        let answer = outcome(&encrypted(&slapd, &other)).await;
        assert!(
            matches!(&answer, Err(ConnectorError::Unreachable(why)) if why.contains("not valid for name")),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_directory_may_ask_for_a_certificate_of_ours() {
    let demanding = Options {
        global: "TLSVerifyClient demand".to_owned(),
        ..Options::default()
    };
    let Some(slapd) = Slapd::start_with(&demanding).await else {
        return;
    };
    let ours = json!({"clientCert": slapd.client.0, "clientKey": slapd.client.1});
    for encrypted in [ldaps, start_tls] {
        let without = outcome(&encrypted(&slapd, &json!({}))).await;
        assert!(
            matches!(without, Err(ConnectorError::Unreachable(_))),
            "{without:?}"
        );
        assert!(outcome(&encrypted(&slapd, &ours)).await.is_ok());
    }
}

#[tokio::test]
async fn a_port_that_is_spoken_to_in_the_wrong_manner_is_told_as_such() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let at = |port: u16| json!({"host": format!("127.0.0.1:{port}")});
    let rows = [
        (ldaps(&slapd, &at(slapd.plain)), "by LDAPS", "set startTLS"),
        (
            start_tls(&slapd, &at(slapd.tls)),
            "by StartTLS",
            "remove startTLS",
        ),
        (
            with(&config(&slapd), &at(slapd.tls)),
            "in the clear",
            "remove insecureNoSSL",
        ),
    ];
    for (config, how, helps) in rows {
        // Some servers wait for more of what they take for a record.
        let spec = ConnectorSpec {
            timeout: Duration::from_secs(1),
            ..spec(&config)
        };
        let answer = log_in(&try_open(&spec).unwrap(), "jane", "secret").await;
        assert!(
            matches!(&answer, Err(ConnectorError::Unreachable(why))
                if why.contains("127.0.0.1:") && why.contains(how) && why.contains(helps)),
            "{answer:?}"
        );
    }
}
