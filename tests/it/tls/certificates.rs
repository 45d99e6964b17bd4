use insula_tests::Agent;
use nix::sys::signal::Signal;
use reqwest::Version;

use super::{Secure, builder, issue, replace, trusting, until_it_says};

const AUTHORIZE: &str = "/auth?client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback\
&response_type=code&scope=openid&state=s\
&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

#[tokio::test]
async fn each_host_is_served_with_its_own_certificate_over_http_2() {
    let _ = Agent::new();
    let secure = Secure::new();
    let _process = secure.deployment.open().await;
    let discovery = "/.well-known/openid-configuration";
    for (host, own, others) in [
        ("one", &secure.one, &secure.two),
        ("two", &secure.two, &secure.one),
    ] {
        let url = secure.url(host, discovery);
        let answer = trusting(own).get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.version(), Version::HTTP_2);
        let told: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(told["issuer"], secure.url(host, ""));
        assert!(trusting(others).get(&url).send().await.is_err(), "{host}");
    }
    let nobody = secure.url("one", "/keys");
    let client = builder(&secure.one).http1_only().build().unwrap();
    let request = client.get(nobody).header("host", "nobody.localhost");
    let misled = request.send().await.unwrap();
    assert_eq!(
        (misled.status().as_u16(), misled.version()),
        (404, Version::HTTP_11)
    );
}

#[tokio::test]
async fn cookies_over_tls_are_guarded_by_their_prefix() {
    let _ = Agent::new();
    let secure = Secure::new();
    let _process = secure.deployment.open().await;
    let client = trusting(&secure.one);
    let url = secure.url("one", AUTHORIZE);
    let answer = client.get(url).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-"), "{cookie}");
    for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|p| p == part), "{part}: {cookie}");
    }
    let home = client.get(secure.url("one", "/")).send().await.unwrap();
    let insists = &home.headers()["strict-transport-security"];
    assert_eq!(insists, "max-age=31536000");
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_no_connection_is_dropped() {
    let _ = Agent::new();
    let secure = Secure::new();
    let process = secure.deployment.open().await;
    let url = secure.url("one", "/keys");
    let early = trusting(&secure.one);
    assert_eq!(early.get(&url).send().await.unwrap().status(), 200);
    let renewed = issue(&secure.deployment, "one");
    until_it_says(&process, "reloaded the TLS certificates", 1).await;
    let again = early.get(&url).send().await.unwrap();
    assert_eq!(again.status(), 200, "over the connection it has");
    let late = trusting(&renewed);
    assert_eq!(late.get(&url).send().await.unwrap().status(), 200);
    let stale = trusting(&secure.one);
    assert!(stale.get(&url).send().await.is_err());
    let two = trusting(&secure.two);
    let url = secure.url("two", "/keys");
    assert_eq!(two.get(url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_bad_certificate_keeps_the_old_one() {
    let _ = Agent::new();
    let secure = Secure::new();
    let process = secure.deployment.open().await;
    let file = secure.deployment.folder().join("certs/one.pem");
    replace(&file, "rubbish");
    until_it_says(&process, "kept the old TLS certificates", 1).await;
    process.signal(Signal::SIGHUP);
    until_it_says(&process, "kept the old TLS certificates", 2).await;
    assert!(process.log().contains("certs/one.pem"));
    let url = secure.url("one", "/keys");
    let answer = trusting(&secure.one).get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let renewed = issue(&secure.deployment, "one");
    until_it_says(&process, "reloaded the TLS certificates", 1).await;
    let answer = trusting(&renewed).get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_bad_certificate_at_the_start_is_a_configuration_error() {
    let secure = Secure::new();
    replace(&secure.deployment.folder().join("certs/two.pem"), "rubbish");
    for verb in ["check", "serve"] {
        let output = secure.deployment.run(verb).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{verb}: {said}");
        assert!(said.contains("certs/two.pem"), "{verb}: {said}");
    }
}
