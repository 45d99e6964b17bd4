use std::collections::BTreeSet;

use insula_connector_kit::{
    Challenge, Connector, ConnectorError, Memory, Reply, UpstreamIdentity, connector_contract,
};
use insula_oauth::Params;
use serde_json::{Value, json};

use super::{AuthProxy, SETTINGS, check};
use crate::settings::paths;
use crate::testing::{a_clock, a_login, a_spec, an_open_context};

fn open(settings: &Value) -> AuthProxy {
    let spec = a_spec("authproxy", settings.clone());
    AuthProxy::open(&spec, &an_open_context(&a_clock())).unwrap()
}

/// What a proxy writes that calls its headers as it likes.
const WRITTEN: [(&str, &str); 8] = [
    ("X-Remote-User-Id", "u-7"),
    ("X-Remote-User", " kim "),
    ("X-Remote-User-Name", "Kim Lee"),
    ("X-Remote-User-Email", "kim@acme.test"),
    ("X-Remote-Group", "staff, night"),
    ("X-Remote-Group", "ops;board"),
    ("X-Other", "other"),
    ("X-Remote-Group", ""),
];

/// What comes of a request with these headers, of which the connector is given those it wants.
async fn let_through(
    proxy: &AuthProxy,
    written: &[(&str, &str)],
) -> Result<UpstreamIdentity, ConnectorError> {
    let wanted = proxy.wanted_headers();
    let lines = wanted.iter().flat_map(|name| {
        let lines = written.iter().filter(move |(header, _)| header == name);
        lines.map(|(header, text)| ((*header).to_owned(), (*text).to_owned()))
    });
    let reply = Reply::Vouched {
        params: Params::parse("state=state1").unwrap(),
        headers: lines.collect(),
    };
    proxy.complete(&a_login(), &Memory::Null, reply).await
}

connector_contract!(contract, (open(&json!({})), ()), a_login());

#[tokio::test]
async fn a_person_is_who_the_proxy_says() {
    let proxy = open(&json!({"staticGroups": ["everybody"]}));
    let kim = let_through(&proxy, &WRITTEN).await.unwrap().claims;
    assert_eq!(kim.user_id.as_str(), "u-7");
    assert_eq!(
        (kim.username.as_str(), kim.preferred_username.as_str()),
        ("kim", "Kim Lee")
    );
    assert_eq!(
        (kim.email.as_str(), kim.email_verified),
        ("kim@acme.test", true)
    );
    assert_eq!(kim.groups, ["staff", "night", "ops;board", "everybody"]);

    let alone = let_through(&proxy, &[("X-Remote-User", "kim")])
        .await
        .unwrap()
        .claims;
    let told = [
        alone.user_id.as_str(),
        &alone.username,
        &alone.preferred_username,
        &alone.email,
    ];
    assert_eq!(told, ["kim"; 4], "as dex has it");
}

#[tokio::test]
async fn who_comes_without_the_proxys_word_is_nobody() {
    let proxy = open(&json!({}));
    for written in [
        &[][..],
        &[("X-Remote-User", " ")],
        &[("X-Remote-User-Id", "u-7")],
    ] {
        let refused = let_through(&proxy, written).await.unwrap_err();
        let is_told = matches!(&refused, ConnectorError::BadReply(why)
            if why.contains("X-Remote-User is missing") && why.contains("trustedProxies"));
        assert!(is_told, "{refused:?}");
    }
    let plain = Reply::Query(Params::parse("state=state1").unwrap());
    let refused = proxy.complete(&a_login(), &Memory::Null, plain).await;
    assert!(matches!(refused, Err(ConnectorError::BadReply(_))));
}

#[tokio::test]
async fn people_are_sent_to_the_callback_of_the_connector_alone() {
    let Challenge::Redirect { to, .. } = open(&json!({})).begin(&a_login()).await.unwrap() else {
        panic!("nobody is sent anywhere");
    };
    assert_eq!(to, "https://acme.test/callback/up?state=state1");
}

#[test]
fn a_name_that_no_header_has_is_told_when_it_is_read() {
    let problems = |settings| check(&a_spec("authproxy", settings)).join("; ");
    assert_eq!(problems(json!({})), "");
    let odd = problems(json!({"userHeader": "X Remote"}));
    assert_eq!(odd, "userHeader is no name of a header");
}

#[tokio::test]
async fn every_setting_changes_something() {
    let rows = [
        ("userIDHeader", json!({"userIDHeader": "X-Other"})),
        ("userHeader", json!({"userHeader": "X-Other"})),
        ("userNameHeader", json!({"userNameHeader": "X-Other"})),
        ("emailHeader", json!({"emailHeader": "X-Other"})),
        ("groupHeader", json!({"groupHeader": "X-Other"})),
        ("groupHeaderSeparator", json!({"groupHeaderSeparator": ";"})),
        ("staticGroups", json!({"staticGroups": ["everybody"]})),
    ];
    let told: BTreeSet<_> = rows.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(
        told,
        paths(SETTINGS),
        "every setting is in the table, and no other"
    );
    let seen = async |settings: &Value| {
        let told = let_through(&open(settings), &WRITTEN).await.unwrap();
        serde_json::to_string(&told.claims).unwrap()
    };
    let usual = seen(&json!({})).await;
    for (path, setting) in rows {
        assert_ne!(usual, seen(&setting).await, "{path} changes nothing");
    }
}
