use insula_connector_kit::{Connector, LogoutContext};
use serde_json::json;
use url::Url;

use super::lab::Lab;

fn ctx(unless_told: bool) -> LogoutContext {
    LogoutContext {
        return_url: "https://acme.test/logout/callback".to_owned(),
        state: "st&te".to_owned(),
        unless_told,
    }
}

#[tokio::test]
async fn a_person_is_logged_out_where_the_upstream_says_and_sent_back() {
    let endpoint = "https://upstream.test/bye?tenant=t";
    let lab = Lab::with_metadata(json!({ "end_session_endpoint": endpoint })).await;
    let oidc = lab.open(&json!({}));
    let url = oidc.logout_url(&ctx(true)).await.unwrap().unwrap();
    let url = Url::parse(&url).unwrap();
    assert_eq!(
        (url.host_str(), url.path()),
        (Some("upstream.test"), "/bye")
    );
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let expected = [
        ("tenant", "t"),
        ("client_id", "us & co"),
        (
            "post_logout_redirect_uri",
            "https://acme.test/logout/callback",
        ),
        ("state", "st&te"),
    ];
    assert_eq!(pairs, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
}

#[tokio::test]
async fn whether_people_are_logged_out_there_is_the_connectors_to_say_and_else_the_tenants() {
    let endpoint = json!({ "end_session_endpoint": "https://upstream.test/bye" });
    let lab = Lab::with_metadata(endpoint).await;
    for (settings, unless_told, expected) in [
        (json!({}), true, true),
        (json!({}), false, false),
        (json!({ "upstreamLogout": false }), true, false),
        (json!({ "upstreamLogout": true }), false, true),
    ] {
        let url = lab.open(&settings).logout_url(&ctx(unless_told)).await;
        assert_eq!(url.unwrap().is_some(), expected, "{settings} {unless_told}");
    }
}

#[tokio::test]
async fn an_upstream_without_a_logout_is_not_asked_and_another_address_can_be_written() {
    let lab = Lab::new().await;
    let none = lab.open(&json!({})).logout_url(&ctx(true)).await;
    assert_eq!(none, Ok(None));
    let overrides = json!({
        "providerDiscoveryOverrides": { "endSessionURL": "https://other.test/out" }
    });
    let url = lab.open(&overrides).logout_url(&ctx(true)).await.unwrap();
    assert!(
        url.unwrap()
            .starts_with("https://other.test/out?client_id=")
    );
    let odd = json!({ "providerDiscoveryOverrides": { "endSessionURL": "nonsense" } });
    assert!(lab.try_open(&odd).is_err());
}
