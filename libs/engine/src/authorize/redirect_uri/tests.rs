use insula_model::{Client, Rules};
use insula_testkit::{ClientBuilder, a_client, a_tenant};

use super::is_registered;

const REGISTERED: &str = "https://app.test/cb?tenant=a";

fn fits(presented: &str, client: ClientBuilder, rules: Rules) -> bool {
    let spec = a_tenant().with(|spec| spec.rules = rules).build();
    is_registered(presented, &Client::from(client), &spec)
}

#[test]
fn a_redirect_uri_is_compared_as_text() {
    let rows = [
        ("itself", REGISTERED, true),
        ("another query", "https://app.test/cb?tenant=b", false),
        ("no query", "https://app.test/cb", false),
        (
            "one parameter more",
            "https://app.test/cb?tenant=a&x=1",
            false,
        ),
        ("a slash more", "https://app.test/cb/?tenant=a", false),
        ("a fragment", "https://app.test/cb?tenant=a#x", false),
        ("upper case", "https://APP.test/cb?tenant=a", false),
        (
            "its own port spelled out",
            "https://app.test:443/cb?tenant=a",
            false,
        ),
        ("another scheme", "http://app.test/cb?tenant=a", false),
        (
            "a longer host",
            "https://app.test.evil.test/cb?tenant=a",
            false,
        ),
        (
            "a user name",
            "https://app.test@evil.test/cb?tenant=a",
            false,
        ),
        ("dots", "https://app.test/x/../cb?tenant=a", false),
        (
            "encoded dots",
            "https://app.test/x/%2e%2e/cb?tenant=a",
            false,
        ),
        ("an encoded letter", "https://app.test/%63b?tenant=a", false),
        ("a blank around it", " https://app.test/cb?tenant=a", false),
        (
            "a line break in it",
            "https://app.test/cb?tenant=a\r\nX: y",
            false,
        ),
        ("nothing", "", false),
    ];
    for rules in [Rules::STANDARD, Rules::DEX] {
        for (what, presented, good) in rows {
            for client in [a_client(), a_client().public()] {
                let client = client.with_redirect(REGISTERED);
                let told = fits(presented, client, rules);
                assert_eq!(
                    told, good,
                    "RFC 9700 §2.1, {what}, {:?}",
                    rules.loopback_redirects
                );
            }
        }
    }
}

#[test]
fn a_native_client_may_listen_at_another_port_of_its_loopback_uri() {
    let rows = [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1:51004/cb", true),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1/cb", true),
        ("http://[::1]/cb", "http://[::1]:51004/cb", true),
        (
            "http://localhost/cb?x=1",
            "http://localhost:51004/cb?x=1",
            true,
        ),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb/", false),
        (
            "http://127.0.0.1/cb",
            "http://127.0.0.1:51004/cb?x=1",
            false,
        ),
        (
            "http://127.0.0.1/cb",
            "http://127.0.0.1:51004/x/../cb",
            false,
        ),
        (
            "http://127.0.0.1/cb",
            "http://127.0.0.1:51004/%2e/cb",
            false,
        ),
        ("http://127.0.0.1/cb", "http://localhost:51004/cb", false),
        ("http://127.0.0.1/cb", "http://[::1]:51004/cb", false),
        ("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false),
        ("https://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false),
        ("https://app.test/cb", "https://app.test:51004/cb", false),
        ("http://app.test/cb", "http://app.test:51004/cb", false),
        ("com.example.app:/cb", "com.example.app:/cb2", false),
    ];
    for (registered, presented, good) in rows {
        let told =
            |client: ClientBuilder, rules| fits(presented, client.with_redirect(registered), rules);
        let public = told(a_client().public(), Rules::STANDARD);
        assert_eq!(public, good, "RFC 8252 §7.3: {registered} as {presented}");
        assert!(
            !told(a_client(), Rules::STANDARD),
            "confidential: {presented}"
        );
        let dex = told(a_client().public(), Rules::DEX);
        assert!(
            !dex,
            "dex §12.25, a registered URI ends the exception: {presented}"
        );
    }
}

#[test]
fn only_this_machine_is_loopback() {
    let long = format!("http://localhost/{}", "a".repeat(2048));
    let rows = [
        ("http://localhost", true),
        ("http://localhost:8000/any/path?x=1", true),
        ("http://127.0.0.1:5555/callback", true),
        ("http://127.9.8.7/", true),
        ("http://[::1]:8000/", true),
        ("http://[::1]", true),
        ("https://localhost/", false),
        ("http://127.0.0.1@evil.test/", false),
        ("http://localhost:80@evil.test/", false),
        ("http://localhost@evil.test/", false),
        ("http://u@localhost/", false),
        ("http://:p@localhost/", false),
        ("http://localhost.evil.test/", false),
        ("http://evil.test/localhost", false),
        ("http://evil.test?http://localhost", false),
        ("http://localhost#@evil.test/", false),
        ("http://localhost/#x", false),
        (r"http://localhost\@evil.test/", false),
        (r"http:\\localhost\", false),
        (r"http://evil.test\localhost/", false),
        ("http:localhost", false),
        ("http:///localhost", false),
        ("http://localhost./", false),
        ("http://LOCALHOST/", false),
        ("HTTP://localhost/", false),
        ("http://local\thost/", false),
        ("http://localhost/\r\nSet-Cookie: a=b", false),
        (" http://localhost/", false),
        ("http://localhost/ü", false),
        ("http://loc%61lhost/", false),
        ("http://127.1/", false),
        ("http://2130706433/", false),
        ("http://0x7f.0.0.1/", false),
        ("http://0177.0.0.1/", false),
        ("http://127.0.0.1.evil.test/", false),
        ("http://128.0.0.1/", false),
        ("http://0.0.0.0/", false),
        ("http://[::ffff:127.0.0.1]/", false),
        ("http://[0:0:0:0:0:0:0:1]/", false),
        ("http://[::2]/", false),
        ("http://[::1]evil.test/", false),
        ("http://[::1].evil.test/", false),
        ("http://::1/", false),
        ("http://localhost:99999/", false),
        ("http://localhost:/", false),
        ("http://localhost:+80/", false),
        ("http://localhost:80:80/", false),
        (long.as_str(), false),
        ("javascript:alert(1)//http://localhost", false),
        ("urn:ietf:wg:oauth:2.0:oob", true),
        ("urn:ietf:wg:oauth:2.0:oob:auto", false),
        ("URN:ietf:wg:oauth:2.0:oob", false),
    ];
    for (presented, good) in rows {
        let any = a_client().public().without_redirects();
        assert_eq!(
            fits(presented, any, Rules::DEX),
            good,
            "dex §1.7: {presented:?}"
        );
        let ours = a_client().public().without_redirects();
        assert!(!fits(presented, ours, Rules::STANDARD), "{presented:?}");
        let confidential = a_client().without_redirects();
        assert!(!fits(presented, confidential, Rules::DEX), "{presented:?}");
    }
}

#[test]
fn dex_s_callback_of_devices_is_registered_in_either_spelling_and_needed_by_none_that_has_no_uri() {
    let path = |presented: &str, client: ClientBuilder, rules: Rules| {
        let spec = a_tenant().at("acme", "https://acme.test/dex");
        let spec = spec.with(|spec| spec.rules = rules).build();
        is_registered(presented, &Client::from(client), &spec)
    };
    let without = || a_client().without_redirects();
    let with = |uri: &str| without().with_redirect(uri);
    for presented in ["/device/callback", "/dex/device/callback"] {
        for registered in ["/device/callback", "/dex/device/callback"] {
            assert!(path(presented, with(registered), Rules::DEX));
        }
        assert!(!path(presented, with(REGISTERED), Rules::DEX));
        assert!(!path(presented, with(REGISTERED).public(), Rules::DEX));
        assert!(!path(presented, without(), Rules::DEX));
        assert!(path(presented, without().public(), Rules::DEX));
        assert!(!path(presented, without().public(), Rules::STANDARD));
    }
    assert!(!path(
        "/dex/device/callback",
        with("/device/callback"),
        Rules::STANDARD
    ));
}
