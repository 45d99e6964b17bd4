//! The attacks of RFC 9700 that reach an authorization server of today, each under its section; and
//! what lies around them: headers of strangers, frames, logs.

use insula_tests::{Agent, Back, Deployment, Login, Person, RelyingParty, unique, walk};
use reqwest::Method;

use crate::shared_server::{self, JANE, MOCK, shared_server};

/// §2.1 and §4.1: redirect URIs are compared as text.
#[tokio::test]
async fn s4_1_a_redirect_uri_that_is_almost_right_is_wrong() {
    let shared_server = shared_server().await;
    let registered = "https://portal.example/callback";
    for party in [shared_server.portal(), shared_server.wiki()] {
        for uri in [
            "https://portal.example/callback/",
            "https://portal.example/callback?x=1",
            "https://portal.example/callback#x",
            "https://portal.example/Callback",
            "https://portal.example/callback/../evil",
            "https://portal.example/callback%2f..",
            "https://portal.example:443/callback",
            "https://portal.example.evil.example/callback",
            "https://evil.example/?u=https://portal.example/callback",
            "https://portal.example@evil.example/callback",
            "https://sub.portal.example/callback",
            "http://portal.example/callback",
            "HTTPS://portal.example/callback",
            "//portal.example/callback",
            "javascript:alert(1)",
            "https://wiki.example/callback/../../portal.example/callback",
            " https://portal.example/callback",
        ] {
            let login = party.begin_with(&[("redirect_uri", uri), ("connector_id", "mock")]);
            let answer = Agent::new().get(&login.url).await.expect(400);
            assert_eq!(answer.header("location"), "", "{uri}");
        }
    }
    let right = shared_server
        .portal()
        .begin_with(&[("redirect_uri", registered)]);
    Agent::new().get(right.url).await.expect(200);
}

/// §2.1: the one exception is the port of a loopback address (RFC 8252 §7.3).
#[tokio::test]
async fn s2_1_only_a_loopback_uri_may_come_with_another_port() {
    let mut spa = shared_server().await.spa();
    for (uri, is_good) in [
        ("http://127.0.0.1:49152/cb", true),
        ("http://127.0.0.1:49152/other", false),
        ("http://localhost:49152/cb", false),
        ("https://127.0.0.1:49152/cb", false),
        ("http://127.0.0.1.evil.example:1/cb", false),
        ("http://user@127.0.0.1:49152/cb", false),
        ("https://spa.example:8443/cb", false),
    ] {
        spa.redirect_uri = uri.to_owned();
        let login = spa.begin_with(&[("prompt", "none")]);
        let answer = Agent::new().get(&login.url).await;
        let status = if is_good { 303 } else { 400 };
        assert_eq!(answer.status, status, "{uri}");
    }
}

/// §2.1.1 and §4.8: nobody takes PKCE out of a login.
#[tokio::test]
async fn s4_8_pkce_cannot_be_stripped_or_added_on_the_way() {
    let shared_server = shared_server().await;
    for (party, error) in [
        (shared_server.hooli(), "invalid_grant"),
        (shared_server.umbrella(), "invalid_request"),
    ] {
        let party = party.without_pkce();
        let (login, back) = party.code(&Agent::new(), &MOCK).await;
        // The client's challenge was stripped by an attacker: its verifier tells.
        let stripped = Login {
            verifier: Some(format!("{}{}", unique(), unique())),
            ..login
        };
        let answer = party.redeem(&stripped, back.code()).await.expect(400);
        assert_eq!(answer.error(), error);
    }
    let spa = shared_server.spa().without_pkce();
    let answer = Agent::new().get(spa.begin().url).await.expect(303);
    assert!(answer.header("location").contains("error=invalid_request"));
}

/// §4.5: a stolen code is worth nothing in the attacker's own login.
#[tokio::test]
async fn s4_5_a_stolen_code_cannot_be_injected_into_another_login() {
    let hooli = shared_server().await.hooli();
    let (_, victims) = hooli.code(&Agent::new(), &MOCK).await;
    let attackers = hooli.begin();
    let answer = hooli.redeem(&attackers, victims.code()).await.expect(400);
    assert_eq!(answer.error(), "invalid_grant");
}

/// §4.4: every answer says who gave it.
#[tokio::test]
async fn s4_4_every_answer_names_its_issuer_and_lets_mix_ups_be_seen() {
    let shared_server = shared_server().await;
    for (party, person) in [
        (shared_server.portal(), JANE),
        (shared_server.initech(), shared_server::KIM),
    ] {
        let (_, back) = party.code(&Agent::new(), &person).await;
        assert_eq!(back.get("iss"), party.issuer);
        let login = party.begin_with(&[("prompt", "none")]);
        let answer = Agent::new().get(&login.url).await.expect(303);
        let back = Back::of(answer.location(), Vec::new());
        assert_eq!(back.get("iss"), party.issuer, "errors too");
    }
}

/// §4.7: a login is finished by the browser that began it.
#[tokio::test]
async fn s4_7_a_login_begun_by_an_attacker_cannot_be_finished_by_a_victim() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let attacker = Agent::new();

    let login = portal.begin_with(&[("connector_id", "mock")]);
    let callback = attacker.get(&login.url).await.expect(303).location();
    let victim = Agent::new();
    victim.get(&callback).await.expect(400);
    assert_eq!(victim.cookies(), [], "nobody was logged in");

    let login = portal.begin_with(&[("connector_id", "local")]);
    let form = attacker.get(&login.url).await.expect(302).location();
    victim.get(&form).await.expect(400);
    let credentials = [("login", JANE.login), ("password", JANE.password)];
    victim.post(&form, &credentials).await.expect(400);

    let login = portal.begin_with(&[("connector_id", "mock"), ("prompt", "consent")]);
    let mut answer = attacker.get(&login.url).await;
    while answer.status != 200 {
        answer = attacker.get(answer.location()).await;
    }
    let consent = answer.page().form_with("submit-approve").unwrap().clone();
    let filled = consent.filled(&[], "submit-approve");
    let filled: Vec<_> = filled
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    victim
        .post(portal.at("/approval"), &filled)
        .await
        .expect(400);
}

/// §4.7: where a browser without a cookie is let through, as at dex, whoever began the login does not
/// learn how it ended (GHSA-vh7g-p26c-j2cw).
#[tokio::test]
async fn s4_7_who_began_a_login_for_somebody_else_is_not_handed_its_proof() {
    let globex = shared_server().await.globex();
    let mut kubelogin = shared_server().await.globex();
    kubelogin.client_id = "kubelogin".to_owned();
    kubelogin.redirect_uri = "http://localhost:8000".to_owned();
    for party in [globex, kubelogin] {
        for connector in ["mock", "local"] {
            let (attacker, victim) = (Agent::new(), Agent::new());
            let begin = party.begin().url;
            let begin = begin.replace("/auth?", &format!("/auth/{connector}?"));
            let link = attacker.get(begin).await.expect(302).location();
            let typed = [
                ("login", shared_server::ADMIN.login),
                ("password", shared_server::ADMIN.password),
            ];
            let proven = if connector == "local" {
                victim.get(&link).await.expect(200);
                victim.post(&link, &typed).await.expect(303)
            } else {
                victim.get(&link).await.expect(303)
            };
            let proof = proven.location();
            assert_eq!(proof.path(), "/approval");

            let (_, state) = link.query_pairs().find(|(n, _)| n == "state").unwrap();
            for agent in [&attacker, &Agent::new()] {
                let no_cookie = "Your browser didn’t send back our cookie";
                for (path, status, says) in [
                    (format!("/callback?state={state}"), 400, no_cookie),
                    (
                        format!("/callback/mock?state={state}&code=x"),
                        400,
                        no_cookie,
                    ),
                    (
                        format!("/auth/local/login?back=&state={state}"),
                        400,
                        no_cookie,
                    ),
                    (
                        format!("/approval?req={state}"),
                        401,
                        "This sign-in has expired",
                    ),
                ] {
                    let answer = agent.get(party.at(&path)).await.expect(status);
                    assert!(answer.words().contains(says), "{path}: {}", answer.words());
                    assert!(!answer.header("location").contains("hmac"), "{path}");
                    assert!(!answer.body.contains("hmac"), "{path}");
                }
                let form = party.at(&format!("/auth/local/login?back=&state={state}"));
                agent.post(&form, &typed).await.expect(400);
                let posted = [("RelayState", state.as_ref())];
                agent.post(party.at("/callback"), &posted).await.expect(400);
            }
            attacker.get(&proof).await.expect(400);
            // The one who finished it is led on, also after loading the page again.
            let again = victim.get(&link).await.expect(303);
            assert_eq!(again.location(), proof);
            victim.get(&proof).await.expect(200);
            let yes = [("approval", "approve")];
            let answer = victim.post(&proof, &yes).await.expect(303);
            assert!(answer.header("location").contains("code="));
        }
    }
}

/// §4.7: a browser that has a cookie of its own finishes no login of another, at dex neither.
#[tokio::test]
async fn s4_7_a_browser_with_another_cookie_is_refused_also_in_dexs_dialect() {
    let globex = shared_server().await.globex();
    let (attacker, victim) = (Agent::new(), Agent::new());
    globex.log_in(&victim, &shared_server::ADMIN).await;
    let begin = globex.begin().url.replace("/auth?", "/auth/mock?");
    let link = attacker.get(begin).await.expect(302).location();
    victim.get(&link).await.expect(400);
    attacker.get(&link).await.expect(303);
}

/// A long request is carried by the browser; what no cookie holds is refused and told to the client.
#[tokio::test]
async fn a_long_request_is_carried_by_the_browser_and_a_longer_one_refused() {
    let shared_server = shared_server().await;
    for party in [shared_server.hooli(), shared_server.globex()] {
        let long = "s".repeat(2_000);
        let login = party.begin_with(&[("state", &long), ("connector_id", "mock")]);
        let agent = Agent::new();
        let back = walk(&agent, &login, &MOCK).await;
        assert_eq!(back.get("state"), long);
        party.redeem(&login, back.code()).await.expect(200);
        let left = agent.cookies().into_iter().map(|cookie| cookie.name);
        let carried = left.filter(|name| name.starts_with("insula_request"));
        assert_eq!(carried.count(), 0, "it is let go when the login is over");

        let longer = "s".repeat(4_000);
        let login = party.begin_with(&[("state", &longer), ("connector_id", "mock")]);
        let mut answer = Agent::new().get(&login.url).await;
        while answer.status == 302 {
            answer = Agent::new().get(answer.location()).await;
        }
        let told = if party.at_dex {
            answer.expect(400).words()
        } else {
            let back = Back::of(answer.location(), Vec::new());
            assert_eq!(back.get("error"), "invalid_request");
            back.get("error_description").to_owned()
        };
        assert!(told.contains("longer than 2880 bytes"), "{told}");
    }
}

/// §4.7.1: `state` comes back as it went, whatever is in it.
#[tokio::test]
async fn s4_7_1_state_comes_back_byte_for_byte() {
    let hooli = shared_server().await.hooli();
    for state in ["a b+c%20&d=e", "\u{e9}\u{1f980}\"'<script>", "?#/\\"] {
        let login = hooli.begin_with(&[("state", state), ("prompt", "none")]);
        let answer = Agent::new().get(&login.url).await.expect(303);
        let back = Back::of(answer.location(), Vec::new());
        assert_eq!(back.get("state"), state);
    }
}

/// §4.11: no address of ours sends a browser where somebody else says.
#[tokio::test]
async fn s4_11_nothing_here_is_an_open_redirector() {
    let shared_server = shared_server().await;
    let evil = "https://evil.example/";
    for party in [
        shared_server.portal(),
        shared_server.globex(),
        shared_server.initech(),
    ] {
        let agent = Agent::new();
        let login = party.begin_with(&[("connector_id", "local")]);
        let mut answer = agent.get(&login.url).await;
        while answer.status == 302 {
            answer = agent.get(answer.location()).await;
        }
        let honest = party.begin_with(&[("scope", "no-such-scope")]);
        let refused = Agent::new().get(&honest.url).await.expect(303);
        assert!(refused.header("location").starts_with(&party.redirect_uri));
        let query: Vec<_> = answer.url.query_pairs().into_owned().collect();
        let state = &query.iter().find(|(n, _)| n == "state").unwrap().1;
        for path in [
            format!("/auth/local/login?back={evil}&state={state}"),
            format!("/auth/local/login?back=//evil.example&state={state}"),
            format!("/auth?redirect_uri={evil}"),
            format!("/auth?client_id={}&redirect_uri={evil}", party.client_id),
            format!("/logout?post_logout_redirect_uri={evil}"),
            format!(
                "/logout?post_logout_redirect_uri={evil}&client_id={}",
                party.client_id
            ),
            format!("/callback?state={state}&redirect_uri={evil}"),
            format!("/approval?req={state}&hmac=x&redirect_uri={evil}"),
            "//evil.example/".to_owned(),
            "/%2f%2fevil.example/".to_owned(),
        ] {
            let answer = agent.get(party.at(&path)).await;
            let to = answer.header("location");
            assert!(!to.contains("evil.example"), "{path}: {to}");
            let links = answer.page().links;
            assert!(
                !links.iter().any(|link| link.contains("evil.example")),
                "{path}: {links:?}"
            );
        }
    }
}

/// §4.12: after a POST that carried a password, nothing repeats it.
#[tokio::test]
async fn s4_12_a_posted_password_is_answered_with_303_and_never_307() {
    let shared_server = shared_server().await;
    for (party, person) in [
        (shared_server.portal(), JANE),
        (shared_server.globex(), shared_server::ADMIN),
        (shared_server.initech(), shared_server::KIM),
    ] {
        let (_, back) = party.code(&Agent::new(), &person).await;
        let posts = back.steps.iter().filter(|step| step.starts_with("POST"));
        for step in posts {
            assert!(step.ends_with(" 303"), "{step}");
        }
    }
}

/// §4.14: a refresh token used twice ends its family; in full in `token/refresh.rs`.
#[tokio::test]
async fn s4_14_a_stolen_refresh_token_ends_with_its_family() {
    let portal = shared_server().await.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let thiefs = portal.refresh(tokens.refresh(), &[]).await.expect(200);
    let thiefs = portal.read(&thiefs).await;
    // The owner comes with the one they know.
    portal.refresh(tokens.refresh(), &[]).await.expect(400);
    portal.refresh(thiefs.refresh(), &[]).await.expect(400);
    portal.userinfo(&thiefs.access_token).await.expect(401);
}

/// §4.16: no page is shown in anybody's frame.
#[tokio::test]
async fn s4_16_pages_are_framed_by_nobody() {
    let shared_server = shared_server().await;
    for party in [shared_server.portal(), shared_server.globex()] {
        for path in ["/", "/auth", "/logout", "/callback", "/approval"] {
            let answer = Agent::new().get(party.at(path)).await;
            let policy = answer.header("content-security-policy");
            assert!(
                policy.contains("frame-ancestors 'none'"),
                "{path}: {policy}"
            );
            assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
            assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
            assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}

/// Nothing in a page itself runs, and of our answers only files of the theme are scripts: whoever
/// gets a tag into a page has no script to name.
#[tokio::test]
async fn an_injected_script_would_find_nothing_to_run() {
    let shared_server = shared_server().await;
    for party in [
        shared_server.portal(),
        shared_server.globex(),
        shared_server.initech(),
    ] {
        let page = Agent::new().get(party.at("/approval")).await.expect(400);
        let policy = page.header("content-security-policy");
        for part in ["script-src 'self';", "style-src 'self';"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("nonce") && !policy.contains("unsafe"));
        for path in [
            "/",
            "/auth",
            "/logout",
            "/callback",
            "/approval",
            "/token",
            "/token/introspect",
            "/userinfo",
            "/keys",
            "/.well-known/openid-configuration",
            "/static/nothing.js",
            "/static/0123456789abcdef-nothing.js",
        ] {
            let answer = Agent::new().get(party.at(path)).await;
            let kind = answer.header("content-type");
            assert!(!kind.contains("script"), "{path}: {kind}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        }
    }
}

/// What a stranger writes is text on a page, never markup.
#[tokio::test]
async fn what_a_stranger_writes_is_never_markup() {
    let shared_server = shared_server().await;
    let evil = "\"><script>alert(1)</script>";
    for party in [shared_server.portal(), shared_server.globex()] {
        for what in [
            "client_id",
            "redirect_uri",
            "scope",
            "login_hint",
            "ui_locales",
            "state",
        ] {
            let login = party.begin_with(&[(what, evil), ("connector_id", "local")]);
            let agent = Agent::new();
            let mut answer = agent.get(&login.url).await;
            while answer.status == 302 {
                answer = agent.get(answer.location()).await;
            }
            assert!(!answer.body.contains("<script>alert"), "{what}");
        }
    }
}

/// Which tenant is asked is decided by `Host`, unless a proxy we trust says otherwise.
#[tokio::test]
async fn a_forwarded_host_from_a_stranger_counts_for_nothing() {
    let shared_server = shared_server().await;
    let url = shared_server
        .portal()
        .at("/.well-known/openid-configuration");
    for header in [
        ("x-forwarded-host", "globex.localhost"),
        ("forwarded", "host=globex.localhost"),
        ("x-host", "globex.localhost"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/initech"),
    ] {
        let answer = Agent::new().send(Method::GET, &url, &[header], None).await;
        assert_eq!(
            answer.json()["issuer"],
            shared_server.issuer("acme"),
            "{header:?}"
        );
    }
}

/// A proxy we trust may say which host was asked for.
#[tokio::test]
async fn a_forwarded_host_from_a_trusted_proxy_counts() {
    // Two tenants: one alone answers whatever the host.
    let deployment = Deployment::build()
        .tenant("hooli", shared_server::HOOLI)
        .tenant("globex", shared_server::GLOBEX)
        .setting("trustedProxies: [127.0.0.0/8]")
        .done();
    let _process = deployment.open().await;
    let port = deployment.port;
    let url = format!("http://proxy.internal:{port}/.well-known/openid-configuration");
    Agent::new().get(&url).await.expect(404);
    for header in [
        ("x-forwarded-host", "evil.example, hooli.localhost"),
        ("forwarded", "host=evil.example, for=1;host=hooli.localhost"),
    ] {
        let answer = Agent::new().send(Method::GET, &url, &[header], None).await;
        assert_eq!(
            answer.json()["issuer"],
            shared_server::issuer(port, "hooli")
        );
    }
}

/// Whatever the host is, what we write of ourselves is the configured issuer.
#[tokio::test]
async fn no_answer_repeats_the_host_it_was_asked_with() {
    let shared_server = shared_server().await;
    let port = shared_server.deployment.port;
    let by_alias = format!("http://login.acme.example:{port}/.well-known/openid-configuration");
    let answer = Agent::through(&[port]).get(by_alias).await.expect(200);
    assert_eq!(answer.json()["issuer"], shared_server.issuer("acme"));
    assert!(!answer.body.contains("login.acme.example"));
}

/// The whole life of a login and of its mistakes leaves no secret in the log, however much is logged;
/// who it was stands in the lines that say how a login ended and in no others.
#[tokio::test]
async fn the_log_holds_no_secret_and_names_people_only_where_a_login_ends() {
    let (log, secrets) = log_of_many_lives("").await;
    let tells_how_a_login_ended = |line: &str| {
        ["login successful", "failed login attempt"]
            .iter()
            .any(|m| line.contains(m))
    };
    for line in log.lines().filter(|line| !tells_how_a_login_ended(line)) {
        for person in PEOPLE {
            assert!(!line.contains(person), "{person:?} is in {line}");
        }
    }
    let successes = log.lines().filter(|line| line.contains("login successful"));
    let jane: Vec<_> = successes
        .filter(|line| line.contains("jane@acme.example"))
        .collect();
    assert!(!jane.is_empty());
    for field in [
        "connector_id",
        "client_id",
        "user_id",
        "email",
        "client_remote_addr",
    ] {
        assert!(
            jane[0].contains(&format!("\"{field}\":")),
            "{field}: {}",
            jane[0]
        );
    }
    let mut lines = log.lines();
    let failure = lines.rfind(|line| line.contains("failed login attempt"));
    let failure = failure.expect("a failure is told");
    for told in [
        "\"user\":\"who@ever.example\"",
        "\"client_id\":",
        "\"client_remote_addr\":",
    ] {
        assert!(failure.contains(told), "{told}: {failure}");
    }
    assert_holds_none(&log, &secrets);
}

/// `log.exclude` takes people out of those lines too.
#[tokio::test]
async fn excluded_fields_leave_no_person_in_the_log() {
    let (log, secrets) = log_of_many_lives("email,user,username,preferred_username").await;
    assert_holds_none(&log, &secrets);
    let people: Vec<String> = PEOPLE.iter().map(ToString::to_string).collect();
    assert_holds_none(&log, &people);
}

const PEOPLE: [&str; 6] = [
    "who@ever.example",
    "hint@acme.example",
    "jane@acme.example",
    "admin@example.com",
    "kim@initech.example",
    "kilgore@kilgore.trout",
];

fn assert_holds_none(log: &str, secrets: &[String]) {
    assert!(log.contains("login successful"), "the log is read at all");
    for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "the log holds {secret:?}");
    }
}

/// What a deployment says of many logins, and the secrets of them.
async fn log_of_many_lives(exclude: &str) -> (String, Vec<String>) {
    let deployment = Deployment::build()
        .tenant("acme", shared_server::ACME)
        .tenant("globex", shared_server::GLOBEX)
        .tenant("initech", shared_server::INITECH)
        .log("debug")
        .variable("INSULA_LOG_EXCLUDE", exclude)
        .done();
    let process = deployment.open().await;
    let mut secrets = Vec::new();
    let kilgore = Person {
        connector: Some("directory"),
        ..Person::new("kilgore", "trout")
    };
    let upstream = Person {
        connector: Some("initech"),
        ..shared_server::KIM
    };
    let portal = shared_server::portal(deployment.port);
    let globex = shared_server::globex(deployment.port);
    for (party, person) in [
        (&portal, JANE),
        (&portal, kilgore),
        (&portal, upstream),
        (&globex, shared_server::ADMIN),
    ] {
        one_life(party, &person, &mut secrets).await;
    }
    (process.terminate().await, secrets)
}

/// A login, its uses and its abuses; every secret in it is remembered.
async fn one_life(party: &RelyingParty, person: &Person<'_>, secrets: &mut Vec<String>) {
    let agent = Agent::new();
    let wrong = unique();
    let login = party.begin_with(&[
        ("connector_id", "local"),
        ("login_hint", "hint@acme.example"),
    ]);
    let mut answer = agent.get(&login.url).await;
    while answer.status == 302 {
        answer = agent.get(answer.location()).await;
    }
    let form = [("login", "who@ever.example"), ("password", wrong.as_str())];
    let action = answer.page().form_with("password").unwrap().action.clone();
    agent
        .post(answer.url.join(&action).unwrap(), &form)
        .await
        .expect(401);

    let login = party.begin();
    let back = walk(&agent, &login, person).await;
    let tokens = party.tokens(&login, &back).await;
    let refreshed = party.refresh(tokens.refresh(), &[]).await.expect(200);
    let refreshed = party.read(&refreshed).await;
    party.userinfo(&refreshed.access_token).await.expect(200);
    party.introspect(&refreshed.access_token).await;
    party.introspect(refreshed.refresh()).await;
    party.redeem(&login, back.code()).await.expect(400);
    party.refresh(tokens.refresh(), &[]).await.expect(400);
    party.revoke(refreshed.refresh()).await.expect(200);
    let mut thief = RelyingParty::new(&party.issuer, &party.client_id, &unique(), "x");
    thief.at_dex = party.at_dex;
    thief.refresh(refreshed.refresh(), &[]).await.expect(401);
    agent
        .get(party.at(&format!("/logout?id_token_hint={}", tokens.id().token)))
        .await;

    secrets.extend(agent.cookies().into_iter().map(|cookie| cookie.value));
    secrets.extend([
        wrong,
        thief.secret.clone(),
        party.secret.clone(),
        back.code().to_owned(),
        tokens.access_token.clone(),
        tokens.refresh().to_owned(),
        tokens.id().token.clone(),
        refreshed.access_token.clone(),
        refreshed.refresh().to_owned(),
        refreshed.id().token.clone(),
        login.nonce.clone(),
        login.state.clone(),
        "acme-at-initech".to_owned(),
        "$argon2id$".to_owned(),
        "$2a$10$".to_owned(),
    ]);
    secrets.extend(login.verifier.clone());
    // The parts that are secrets by themselves.
    for token in [&tokens.access_token, &tokens.id().token] {
        secrets.push(token.rsplit('.').next().unwrap().to_owned());
    }
}
