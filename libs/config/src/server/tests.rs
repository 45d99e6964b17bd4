use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{LogFormat, ServerConfig};
use crate::{CacheUrl, SecretRef};

/// What a file, an environment and flags come to; of what is wrong, the lines.
fn load(
    text: &str,
    env: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<ServerConfig, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("insula.yaml");
    fs::write(&file, text).unwrap();
    let owned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    };
    let (env, flags) = (owned(env), owned(flags));
    let config = ServerConfig::load(Some(&file), |name| env.get(name).cloned(), &flags);
    config.map_err(|error| {
        let folder = format!("{}/", dir.path().display());
        let lines = error.problems.iter();
        lines.map(|p| p.to_string().replace(&folder, "")).collect()
    })
}

#[test]
fn without_a_file_the_defaults_serve_this_machine() {
    let config = ServerConfig::load(None, |_| None, &BTreeMap::new()).unwrap();
    assert_eq!(config.listen.http, Some("127.0.0.1:5556".parse().unwrap()));
    assert_eq!(config.listen.https, None);
    assert_eq!(
        config.listen.telemetry,
        Some("127.0.0.1:5558".parse().unwrap())
    );
    assert_eq!(config.tenants, PathBuf::from("tenants"));
    assert_eq!(config.database.reveal(), "sqlite://insula.db");
    assert_eq!(config.cache, CacheUrl::Memory);
    assert_eq!(config.master_key, SecretRef::File("insula.key".into()));
    assert_eq!(config.log.format, LogFormat::Pretty);
    assert_eq!(config.shutdown_grace, Duration::from_secs(30));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "listen: { http: 127.0.0.1:1 }\nlog: { level: warn, format: json }\n";
    let env = [
        ("INSULA_LISTEN_HTTP", "127.0.0.1:2"),
        ("INSULA_LOG_LEVEL", "debug"),
    ];
    let config = load(file, &env, &[("listen.http", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.listen.http.unwrap().port(), 3);
    assert_eq!(config.log.level, "debug");
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn null_or_an_empty_flag_closes_a_door() {
    let config = load("listen: { telemetry: null }\n", &[], &[]).unwrap();
    assert_eq!(config.listen.telemetry, None);
    let config = load("", &[], &[("listen.telemetry", "")]).unwrap();
    assert_eq!(config.listen.telemetry, None);
    let said = load("listen: { http: null }\n", &[], &[]).unwrap_err();
    assert!(said[0].contains("nobody could reach a tenant"), "{said:?}");
}

#[test]
fn an_address_that_is_empty_or_null_is_off_wherever_it_is_written() {
    let places = ["http", "https", "telemetry", "admin"];
    for place in places {
        let beside = if place == "http" {
            "https: '[::]:8443'"
        } else {
            "http: '[::]:80'"
        };
        let tls = "tls: { cert: a.crt, key: a.key }";
        let open = |config: &ServerConfig| {
            let listen = config.listen;
            let [http, https] = [listen.http, listen.https];
            [http, https, listen.telemetry, listen.admin]
                [places.iter().position(|p| *p == place).unwrap()]
        };
        for written in ["null", "''", "\"\"", "' '", "{ env: NOTHING }"] {
            let text = format!("listen: {{ {beside}, {place}: {written} }}\n{tls}\n");
            let config = load(&text, &[("NOTHING", "")], &[]);
            let config = config.unwrap_or_else(|said| panic!("{place} {written}: {said:?}"));
            assert_eq!(open(&config), None, "{place}: {written}");
        }
        let text = format!("listen: {{ {beside}, {place}: ':1' }}\n{tls}\n");
        assert!(open(&load(&text, &[], &[]).unwrap()).is_some());
        let variable = format!("INSULA_LISTEN_{}", place.to_uppercase());
        assert_eq!(
            open(&load(&text, &[(variable.as_str(), "")], &[]).unwrap()),
            None
        );
        let flag = format!("listen.{place}");
        assert_eq!(
            open(&load(&text, &[], &[(flag.as_str(), "")]).unwrap()),
            None
        );
    }
}

#[test]
fn who_asks_for_https_alone_serves_nothing_in_clear() {
    let tls = "tls: { cert: a.crt, key: a.key }\n";
    let alone = format!("listen: {{ https: '[::]:8443' }}\n{tls}");
    assert_eq!(load(&alone, &[], &[]).unwrap().listen.http, None);
    let by_flag = load(tls, &[], &[("listen.https", "[::]:8443")]).unwrap();
    assert_eq!(by_flag.listen.http, None);
    let both = format!("listen: {{ https: '[::]:8443', http: '[::]:80' }}\n{tls}");
    assert_eq!(
        load(&both, &[], &[]).unwrap().listen.http.unwrap().port(),
        80
    );
    let env = [("INSULA_LISTEN_HTTP", ":81")];
    assert_eq!(
        load(&alone, &env, &[]).unwrap().listen.http.unwrap().port(),
        81
    );
    let off = load("listen: { https: '' }\n", &[], &[]).unwrap();
    assert_eq!(off.listen.http.unwrap().port(), 5556);
}

#[test]
fn what_connections_may_take_is_read_and_what_would_be_no_limit_is_refused() {
    let text = "connections:
  handshakeTimeout: 1s
  headTimeout: 2s
  bodyTimeout: 3s
  writeTimeout: 4s
  idleTimeout: 5s
  perPeer: 6
  max: 7
";
    let read = load(text, &[], &[]).unwrap().connections;
    let spans = [
        read.handshake_timeout,
        read.head_timeout,
        read.body_timeout,
        read.write_timeout,
        read.idle_timeout,
    ];
    assert_eq!(spans, [1, 2, 3, 4, 5].map(Duration::from_secs));
    assert_eq!((read.per_peer, read.max), (6, Some(7)));
    let text = "connections: { headTimeout: 0s, writeTimeout: 2h, perPeer: 0, max: 0 }\n";
    let said = load(text, &[], &[]).unwrap_err();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].contains("is not between 100ms and 1h"), "{said:?}");
}

#[test]
fn an_orchestrators_sign_gives_balancers_time_and_a_setting_has_the_last_word() {
    let delay = |text: &str, env: &[(&str, &str)]| load(text, env, &[]).unwrap().shutdown_delay;
    assert_eq!(delay("", &[]), Duration::ZERO);
    for sign in ["KUBERNETES_SERVICE_HOST", "NOTIFY_SOCKET"] {
        let env = [(sign, "x")];
        assert_eq!(delay("", &env), Duration::from_secs(5));
        let written = "shutdown: { delay: 0s }\n";
        assert_eq!(delay(written, &env), Duration::ZERO);
    }
    let written = "shutdown: { delay: 7s }\nstartup: { wait: 3s }\n";
    assert_eq!(delay(written, &[]), Duration::from_secs(7));
    let waits = |text: &str| load(text, &[], &[]).unwrap().startup_wait;
    assert_eq!(waits(written), Duration::from_secs(3));
    assert_eq!(waits(""), Duration::from_mins(1));
}

#[test]
fn paths_of_the_file_are_relative_to_it_and_those_of_flags_to_the_working_folder() {
    let text = "tenants: ./t\nthemes: themes\ndatabase: sqlite://a.db\nmasterKey: { file: k }\n";
    let config = load(text, &[], &[]).unwrap();
    let folder = config.tenants.parent().unwrap().to_owned();
    assert!(folder.is_absolute());
    assert_eq!(config.themes, Some(folder.join("themes")));
    let database = format!("sqlite://{}", folder.join("a.db").display());
    assert_eq!(config.database.reveal(), database);
    assert_eq!(config.master_key, SecretRef::File(folder.join("k")));

    let flags = [
        ("tenants", "t"),
        ("database", "sqlite://b.db"),
        ("master-key", "k"),
    ];
    let config = load(text, &[], &flags).unwrap();
    assert_eq!(config.tenants, Path::new("t"));
    assert_eq!(config.database.reveal(), "sqlite://b.db");
    assert_eq!(config.master_key, SecretRef::File("k".into()));
}

#[test]
fn a_flag_names_the_master_keys_file_and_a_variable_may_hold_the_key() {
    let config = load("", &[("INSULA_MASTER_KEY", "c2VjcmV0")], &[]).unwrap();
    assert!(matches!(config.master_key, SecretRef::Plain(_)));
    assert!(!format!("{config:?}").contains("c2VjcmV0"));
    let config = load("", &[("INSULA_MASTER_KEY", "file:/run/key")], &[]).unwrap();
    assert_eq!(config.master_key, SecretRef::File("/run/key".into()));
    let config = load("masterKey: { env: KEY }\n", &[], &[]).unwrap();
    assert_eq!(config.master_key, SecretRef::Env("KEY".into()));
}

#[test]
fn lists_are_parted_by_commas_in_flags_and_variables() {
    let flags = [("trusted-proxies", "10.0.0.0/8, 192.0.2.1")];
    let config = load("trustedProxies: [172.16.0.0/12]\n", &[], &flags).unwrap();
    let nets: Vec<_> = config
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(nets, ["10.0.0.0/8", "192.0.2.1/32"]);
}

#[test]
fn private_addresses_are_called_only_where_the_file_says_so() {
    let text = "outbound: { allowPrivate: [127.0.0.0/8, '::1'] }\n";
    let allowed = load(text, &[], &[]).unwrap().outbound.allow_private;
    let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
    assert_eq!(allowed, ["127.0.0.0/8", "::1/128"]);
    assert_eq!(load("", &[], &[]).unwrap().outbound.allow_private, []);
}

#[test]
fn a_proxy_is_an_address_without_a_password_and_nothing_is_none() {
    let proxy = |written: &str| {
        let text = format!("outbound: {{ proxy: {written} }}\n");
        load(&text, &[], &[]).map(|config| config.outbound.proxy.map(String::from))
    };
    let some = "http://proxy.test:3128/".to_owned();
    assert_eq!(proxy("'http://proxy.test:3128'").unwrap(), Some(some));
    assert_eq!(proxy("null").unwrap(), None);
    assert_eq!(proxy("''").unwrap(), None);
    assert_eq!(load("", &[], &[]).unwrap().outbound.proxy, None);
    for odd in [
        "'proxy.test:3128'",
        "'socks5://proxy.test:1080'",
        "'http://us:hunter2@proxy.test:3128'",
        "'http://proxy.test:3128/path'",
    ] {
        assert!(proxy(odd).is_err(), "{odd}");
    }
}

#[test]
fn certificates_are_read_for_all_hosts_and_for_single_ones() {
    let text = "listen: { https: ':8443' }
tls:
  cert: tls.crt
  key: tls.key
  certificates: [{ hosts: [Acme.test], cert: a.crt, key: a.key }]
";
    let config = load(text, &[], &[]).unwrap();
    assert_eq!(config.listen.https, Some("0.0.0.0:8443".parse().unwrap()));
    assert!(config.tls.cert.unwrap().ends_with("tls.crt"));
    assert_eq!(config.tls.certificates[0].hosts, ["acme.test"]);
}

#[test]
fn secrets_of_urls_may_come_from_elsewhere_and_are_not_in_debug() {
    let env = [("DB", "postgres://u:hunter2@db.test/insula")];
    let text = "database: { env: DB }\ncache: 'redis+cluster://:hunter3@a.test,b.test'\n";
    let config = load(text, &env, &[]).unwrap();
    assert_eq!(
        config.database.reveal(),
        "postgres://u:hunter2@db.test/insula"
    );
    let debug = format!("{config:?}");
    assert!(!debug.contains("hunter"), "{debug}");
    assert!(debug.contains("postgres://db.test/insula"));
}

#[test]
fn all_that_is_wrong_is_told_with_the_place_it_came_from() {
    let text = "
listen: { http: localhost, https: '[::]:8443' }
tls: { cert: a.crt }
databse: sqlite://x
database: oracle://u:hunter2@db.test/x
cache: hunter2
trustedProxies: [10.0.0]
log: { format: xml }
workers: 0
databasePool: { maxConnections: 0 }
outbound: { allowPrivate: [10.0.0] }
";
    let env = [
        ("INSULA_SHUTDOWN_GRACE", "soon"),
        ("INSULA_LOG_LEVEL", "loud"),
    ];
    let flags = [("listen.admin", "here"), ("lisen.http", "x")];
    let said = load(text, &env, &flags).unwrap_err().join("\n");
    assert!(!said.contains("hunter2"));
    insta::assert_snapshot!(said);
}

#[test]
fn the_admin_socket_lies_beside_the_file_unless_it_is_named_or_off() {
    let config = load("", &[], &[]).unwrap();
    let usual = config.admin_socket.unwrap();
    assert!(usual.ends_with("insula-admin.sock"), "{usual:?}");
    for off in ["''", "null"] {
        let config = load(&format!("adminSocket: {off}\n"), &[], &[]).unwrap();
        assert_eq!(config.admin_socket, None, "{off}");
    }
    let named = [("INSULA_ADMIN_SOCKET", "/run/insula/admin.sock")];
    let config = load("adminSocket: other.sock\n", &named, &[]).unwrap();
    let named = config.admin_socket.unwrap();
    assert_eq!(named, std::path::Path::new("/run/insula/admin.sock"));
}
