//! HTTP/2: it is spoken, and one connection of it cannot wear out the process.

use std::time::Duration;

use insula_tests::attack::{
    Http2Attack, Scale, assert_held, attack_over_http2, attacks_over_http2,
};
use reqwest::Version;

use super::{DISCOVERY, HOST, deployment_with};

#[tokio::test]
async fn forms_pages_and_heads_are_answered_over_http_2_as_over_1_1() {
    let deployment = deployment_with("connections: {}");
    let process = deployment.open().await;
    let client = |is_http2: bool| {
        let builder = super::client();
        if is_http2 {
            builder.http2_prior_knowledge().build().unwrap()
        } else {
            builder.http1_only().build().unwrap()
        }
    };
    let base = format!("http://{HOST}:{}", process.port);
    let mut told = Vec::new();
    for is_http2 in [false, true] {
        let client = client(is_http2);
        let discovery = client
            .get(format!("{base}{DISCOVERY}"))
            .send()
            .await
            .unwrap();
        let version = if is_http2 {
            Version::HTTP_2
        } else {
            Version::HTTP_11
        };
        assert_eq!(discovery.version(), version);
        let length = discovery.headers()["content-length"].clone();
        assert!(discovery.headers().contains_key("date"));
        let document = discovery.text().await.unwrap();
        assert_eq!(length, document.len().to_string());
        let head = client
            .head(format!("{base}{DISCOVERY}"))
            .send()
            .await
            .unwrap();
        assert_eq!(head.headers()["content-length"], length);
        let form = "grant_type=authorization_code&code=none&padding=".to_owned();
        let form = form + &"a".repeat(200_000);
        let token = client
            .post(format!("{base}/token"))
            .basic_auth("phone", Some("phone-secret"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        let token = (token.status(), token.text().await.unwrap());
        let lost = client.get(format!("{base}/none")).send().await.unwrap();
        told.push((document, token, lost.status(), lost.text().await.unwrap()));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].1.0, 400, "{:?}", told[0].1);
}

/// In short what `cargo xtask attack` does in full.
#[tokio::test]
async fn no_known_attack_over_http_2_takes_memory_or_a_neighbours_turn() {
    assert_held(&attacks_over_http2(Scale::Short).await);
}

#[tokio::test]
async fn an_answer_behind_a_closed_window_is_given_up_with_its_connection() {
    let deployment = deployment_with("connections: { writeTimeout: 400ms }");
    let process = deployment.open().await;
    let stay = Duration::from_secs(20);
    let kind = Http2Attack::ZeroWindow;
    let taken = attack_over_http2(kind, process.port, HOST, DISCOVERY, 10, stay).await;
    assert!(taken.unwrap().is_closed);
    assert_eq!(super::closed_for(&process, "write").await, 1.0);
}
