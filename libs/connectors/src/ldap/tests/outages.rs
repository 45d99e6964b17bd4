use std::sync::Arc;
use std::time::Duration;

use insula_connector_kit::{Connector as _, ConnectorError, Memory};
use insula_model::ConnectorSpec;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::Ldap;
use super::lab::{config, log_in, open, spec, try_open, typed};
use super::slapd::{Slapd, free_port};
use crate::testing::{a_clock, a_login, an_open_context, local_http, strict_http};

fn at(port: u16) -> ConnectorSpec {
    spec(&json!({
        "host": format!("127.0.0.1:{port}"),
        "insecureNoSSL": true,
        "userSearch": {"baseDN": "dc=acme,dc=test", "username": "uid"},
    }))
}

#[tokio::test]
async fn a_directory_that_accepts_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    for encrypted in [false, true] {
        let mut spec = ConnectorSpec {
            timeout: Duration::from_millis(200),
            ..at(silent.local_addr().unwrap().port())
        };
        spec.config["insecureNoSSL"] = (!encrypted).into();
        let ldap = try_open(&spec).unwrap();
        let answer = log_in(&ldap, "jane", "secret").await;
        assert!(
            matches!(&answer, Err(ConnectorError::Unreachable(why)) if why.contains("200 ms")),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_directory_that_comes_back_is_used_again() {
    let Some(mut slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&config(&slapd));
    assert!(log_in(&ldap, "jane", "secret").await.is_ok());
    // What is kept is broken by this, and nobody notices.
    slapd.kill();
    slapd.restart().await;
    assert!(log_in(&ldap, "jane", "secret").await.is_ok());
    slapd.kill();
    for password in ["secret", "wrong"] {
        let away = log_in(&ldap, "jane", password).await;
        assert!(
            matches!(away, Err(ConnectorError::Unreachable(_))),
            "{away:?}"
        );
    }
    slapd.restart().await;
    assert!(log_in(&ldap, "jane", "secret").await.is_ok());
}

#[tokio::test]
async fn connections_of_the_service_account_are_kept_for_a_while() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let clock = a_clock();
    let ldap = Ldap::open(
        &local_http(),
        &spec(&config(&slapd)),
        &an_open_context(&clock),
    )
    .unwrap();
    let service_binds = || slapd.logged("BIND dn=\"cn=reader,dc=acme,dc=test\" method=128");
    for password in ["secret", "wrong", "secret"] {
        drop(log_in(&ldap, "jane", password).await);
    }
    assert_eq!(service_binds(), 1);
    // However much they are used.
    for binds in [1, 2] {
        clock.advance(Duration::from_secs(40));
        assert!(log_in(&ldap, "jane", "secret").await.is_ok());
        assert_eq!(service_binds(), binds);
    }
}

#[tokio::test]
async fn nobody_searches_as_a_person() {
    let Some(slapd) = Slapd::start().await else {
        return;
    };
    let ldap = open(&config(&slapd));
    for _ in 0..3 {
        assert!(log_in(&ldap, "jane", "secret").await.is_ok());
    }
    // One connection for all searches, and one more for each of her binds.
    let searching = slapd.connections("SRCH base=");
    let binding = slapd.connections("BIND dn=\"cn=Jane Doe");
    assert_eq!((searching.len(), binding.len()), (1, 3));
    assert!(searching.is_disjoint(&binding));
}

#[tokio::test]
async fn a_directory_that_fails_again_and_again_is_left_alone() {
    let port = free_port();
    let clock = a_clock();
    let ldap = Ldap::open(&local_http(), &at(port), &an_open_context(&clock)).unwrap();
    for _ in 0..5 {
        let away = log_in(&ldap, "jane", "secret").await;
        assert!(
            matches!(away, Err(ConnectorError::Unreachable(_))),
            "{away:?}"
        );
    }
    let alone = log_in(&ldap, "jane", "secret").await;
    assert!(
        matches!(&alone, Err(ConnectorError::Unreachable(why)) if why.contains("left alone")),
        "{alone:?}"
    );
}

#[tokio::test]
async fn so_many_logins_at_once_and_no_more() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let ldap = Arc::new(try_open(&at(port)).unwrap());
    let ask = || {
        let ldap = Arc::clone(&ldap);
        tokio::spawn(async move { log_in(&ldap, "jane", "secret").await })
    };
    let under_way: Vec<_> = (0..4).map(|_| ask()).collect();
    for _ in &under_way {
        silent.accept().await.unwrap();
    }
    let answer = ask().await.unwrap();
    assert!(matches!(answer, Err(ConnectorError::Busy(_))), "{answer:?}");
    for task in under_way {
        task.abort();
    }
}

#[tokio::test]
async fn a_directory_on_an_inner_address_must_be_allowed() {
    for host in ["127.0.0.1:389", "127.1:389", "localhost", "10.0.0.7"] {
        let mut spec = at(1);
        spec.config["host"] = host.into();
        let ldap = Ldap::open(&strict_http(), &spec, &an_open_context(&a_clock())).unwrap();
        let reply = typed("jane", "secret");
        let answer = ldap.complete(&a_login(), &Memory::Null, reply).await;
        assert!(
            matches!(&answer, Err(ConnectorError::Settings(why)) if why.contains("allow it")),
            "{host}: {answer:?}"
        );
    }
}

/// A server that answers everything with these bytes.
async fn answers(bytes: Vec<u8>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = [0; 1024];
            while stream.read(&mut question).await.is_ok_and(|read| read > 0) {
                if stream.write_all(&bytes).await.is_err() {
                    break;
                }
            }
        }
    });
    port
}

#[tokio::test]
async fn a_directory_that_answers_nonsense_harms_nobody() {
    let mut nested = Vec::new();
    for inner in (0..100_000_u32).rev() {
        nested.extend([0x30, 0x84]);
        nested.extend((2 + inner * 6).to_be_bytes());
    }
    nested.extend([0x04, 0x00]);
    for bytes in [
        nested,
        vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        // A message without an id, one without anything, and an answer to no question.
        vec![0x30, 0x03, 0x02, 0x01, 0x01],
        vec![0x30, 0x00],
        vec![0x30, 0x0c, 0x02, 1, 99, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0],
    ] {
        let begin = bytes[..bytes.len().min(8)].to_vec();
        let spec = ConnectorSpec {
            timeout: Duration::from_secs(2),
            ..at(answers(bytes).await)
        };
        let answer = log_in(&try_open(&spec).unwrap(), "jane", "secret").await;
        assert!(
            matches!(answer, Err(ConnectorError::Unreachable(_))),
            "{begin:?}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn what_is_slipped_in_before_encryption_begins_ends_the_conversation() {
    // A yes to the request for encryption, and then half of something.
    let yes = [0x30, 0x0c, 0x02, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0];
    let port = answers([&yes[..], &[0x30]].concat()).await;
    let mut spec = at(port);
    spec.config["insecureNoSSL"] = false.into();
    spec.config["startTLS"] = true.into();
    let answer = log_in(&try_open(&spec).unwrap(), "jane", "secret").await;
    assert!(
        matches!(&answer, Err(ConnectorError::Unreachable(why)) if why.contains("and not its end")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn where_one_server_is_down_or_silent_or_busy_the_next_is_asked_and_from_then_on_first() {
    let Some(mut slapd) = Slapd::start().await else {
        return;
    };
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    // To a bind: unavailable.
    let busy = answers(vec![
        0x30, 0x0c, 0x02, 1, 1, 0x61, 7, 0x0a, 1, 52, 4, 0, 4, 0,
    ])
    .await;
    let servers = [
        free_port(),
        silent.local_addr().unwrap().port(),
        busy,
        slapd.plain,
    ];
    let mut spec = ConnectorSpec {
        timeout: Duration::from_secs(10),
        ..spec(&config(&slapd))
    };
    let hosts = servers.map(|port| format!("127.0.0.1:{port}"));
    spec.config["host"] = hosts[0].clone().into();
    spec.config["hosts"] = hosts[1..].into();
    let ldap = try_open(&spec).unwrap();
    assert!(log_in(&ldap, "jane", "secret").await.is_ok());
    let wrong = log_in(&ldap, "jane", "wrong").await;
    assert_eq!(wrong, Err(ConnectorError::WrongPassword));
    drop(silent.accept().await.unwrap());
    // Nobody else came to the silent one.
    let came = tokio::time::timeout(Duration::from_millis(50), silent.accept()).await;
    assert!(came.is_err());

    slapd.kill();
    drop(silent);
    let away = log_in(&ldap, "jane", "secret").await;
    assert!(
        matches!(away, Err(ConnectorError::Unreachable(_))),
        "{away:?}"
    );
    slapd.restart().await;
    assert!(log_in(&ldap, "jane", "secret").await.is_ok());
}

#[tokio::test]
async fn a_wrong_service_account_is_not_tried_at_every_server() {
    let (Some(one), Some(other)) = (Slapd::start().await, Slapd::start().await) else {
        return;
    };
    let mut config = config(&one);
    config["bindPW"] = "wrong".into();
    config["hosts"] = json!([format!("127.0.0.1:{}", other.plain)]);
    let answer = log_in(&open(&config), "jane", "secret").await;
    assert!(
        matches!(&answer, Err(ConnectorError::Upstream(why)) if why.contains("bindDN and bindPW")),
        "{answer:?}"
    );
    assert_eq!(other.logged("BIND"), 0, "an account is locked sooner so");
}
