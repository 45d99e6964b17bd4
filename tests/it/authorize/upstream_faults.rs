//! A login that fails at its upstream: who is blamed, and what is told to whom.

use insula_tests::{Agent, Answer, Deployment, Person, RelyingParty};

use crate::shared_server::{self, INITECH, KIM};

const ACME: &str = r#"
issuer: http://acme.localhost:PORT
frontend: { languages: [en, de, fr] }
connectors:
  - type: oidc
    id: odd
    name: Odd Works
    config:
      issuer: http://login.localhost:PORT/initech
      clientID: acme
      clientSecret: acme-at-initech
      userNameKey: badge
  - type: oidc
    id: locked
    name: Locked Works
    config: { issuer: "http://login.localhost:PORT/initech", clientID: acme, clientSecret: wrong }
  - type: oidc
    id: closed
    name: Closed Works
    config: { issuer: "http://login.localhost:PORT/initech", clientID: acme, hostedDomains: [a.example] }
  - type: oidc
    id: down
    name: Down Works
    config: { issuer: "http://down.localhost:1", clientID: acme }
staticClients:
  - id: app
    secret: app-secret
    redirectURIs: ["https://app.example/callback"]
"#;

const GLOBEX: &str = r#"# dex
issuer: http://globex.localhost:PORT
storage: { type: memory }
connectors:
  - type: oidc
    id: initech
    name: Initech
    config:
      issuer: http://login.localhost:PORT/initech
      clientID: acme
      clientSecret: acme-at-initech
      redirectURI: http://globex.localhost:PORT/callback
  - type: oidc
    id: odd
    name: Odd Works
    config:
      issuer: http://login.localhost:PORT/initech
      clientID: acme
      clientSecret: acme-at-initech
      redirectURI: http://globex.localhost:PORT/callback
      userNameKey: badge
staticClients:
  - id: app
    name: App
    secret: app-secret
    redirectURIs: ["https://app.example/callback"]
"#;

/// Three tenants, of which the third is the upstream of the others and asks for consent.
fn a_deployment() -> Deployment {
    let initech = INITECH
        .replace("oauth2: { skipApprovalScreen: true }\n", "")
        .replace(
            "http://acme.localhost:PORT/callback/initech",
            "http://acme.localhost:PORT/callback/odd\", \
             \"http://acme.localhost:PORT/callback/locked\", \
             \"http://globex.localhost:PORT/callback",
        );
    Deployment::build()
        .tenant("acme", ACME)
        .tenant("globex", GLOBEX)
        .tenant("initech", &initech)
        .done()
}

fn app(deployment: &Deployment, tenant: &str) -> RelyingParty {
    let issuer = shared_server::issuer(deployment.port, tenant);
    let app = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/callback");
    if tenant == "globex" {
        app.of_dex().without_pkce()
    } else {
        app
    }
}

/// The page a login ends at that does not reach the app.
async fn ends_at(agent: &Agent, url: &str, person: &Person<'_>) -> Answer {
    let mut answer = agent.get(url).await;
    for _ in 0..20 {
        if (300..400).contains(&answer.status) {
            let to = answer.location();
            assert_ne!(to.host_str(), Some("app.example"), "{to}");
            answer = agent.get(to).await;
            continue;
        }
        if answer.status >= 400 {
            return answer;
        }
        let page = answer.page();
        let (form, values) = if let Some(form) = page.form_with("submit-approve") {
            let button = if person.denies {
                "submit-deny"
            } else {
                "submit-approve"
            };
            (form, form.filled(&[], button))
        } else {
            let form = page.form_with("password").expect("a form");
            let answers = [("login", person.login), ("password", person.password)];
            (form, form.filled(&answers, "submit-login"))
        };
        let values: Vec<_> = values
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        answer = agent
            .post(answer.url.join(&form.action).unwrap(), &values)
            .await;
    }
    panic!("no end at {}", answer.url);
}

#[tokio::test]
async fn an_upstreams_fault_is_blamed_on_it_and_told_with_what_helps() {
    let deployment = a_deployment();
    let process = deployment.open().await;
    let acme = app(&deployment, "acme");
    for (connector, status, says, logged) in [
        (
            "odd",
            400,
            &[
                "We can’t use the answer from Odd Works",
                "For whoever manages Odd Works",
                "the claim 'badge' is missing; userNameKey can name another",
            ][..],
            "the claim 'badge' is missing; userNameKey can name another",
        ),
        (
            "locked",
            502,
            &[
                "We can’t use the answer from Locked Works",
                "invalid_client; compare the client id, the client secret",
            ],
            "invalid_client; compare the client id",
        ),
        (
            "closed",
            503,
            &[
                "Closed Works isn’t set up right",
                "its log says what is wrong",
            ],
            "connector closed of tenant acme could not open",
        ),
        (
            "down",
            502,
            &["Down Works isn’t answering"],
            "down.localhost cannot be reached",
        ),
    ] {
        let login = acme.begin_with(&[("connector_id", connector)]);
        let answer = ends_at(&Agent::new(), &login.url, &KIM)
            .await
            .expect(status);
        let words = answer.words();
        for says in says {
            assert!(words.contains(says), "{connector}: {says}: {words}");
        }
        for blames in ["The app that sent you here", "hostedDomains", "127.0.0.1"] {
            assert!(!words.contains(blames), "{connector}: {words}");
        }
        process.says(logged).await;
    }
    for (language, says) in [
        (
            "de",
            "Mit der Antwort von Odd Works können wir nichts anfangen",
        ),
        ("fr", "La réponse de Odd Works est inutilisable"),
    ] {
        let agent = Agent::new().with_header("accept-language", language);
        let login = acme.begin_with(&[("connector_id", "odd")]);
        let words = ends_at(&agent, &login.url, &KIM).await.words();
        assert!(words.contains(says), "{words}");
    }
}

#[tokio::test]
async fn who_declined_is_told_that_they_did_and_dexs_status_stays() {
    let deployment = a_deployment();
    let _process = deployment.open().await;
    let globex = app(&deployment, "globex");
    let denying = Person {
        denies: true,
        ..KIM
    };
    let at = |connector| globex.begin_with(&[("connector_id", connector)]).url;
    let declined = ends_at(&Agent::new(), &at("initech"), &denying)
        .await
        .expect(500);
    let words = declined.words();
    assert!(words.contains("You declined to sign in"), "{words}");
    assert!(
        words.contains("Initech told us that you said no"),
        "{words}"
    );
    assert!(!words.contains("have access"), "{words}");

    // Allowed there, refused here.
    let agent = Agent::new();
    let initech = shared_server::initech(deployment.port);
    initech.log_in(&agent, &KIM).await;
    let asked = globex.begin_with(&[("connector_id", "initech")]);
    let mut answer = agent.get(&asked.url).await;
    while (300..400).contains(&answer.status) {
        answer = agent.get(answer.location()).await;
    }
    let there = answer.page().form_with("submit-approve").unwrap().clone();
    let yes = there.filled(&[], "submit-approve");
    let yes: Vec<_> = yes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let mut answer = agent
        .post(answer.url.join(&there.action).unwrap(), &yes)
        .await;
    while (300..400).contains(&answer.status) {
        answer = agent.get(answer.location()).await;
    }
    let here = answer.page().form_with("submit-deny").unwrap().clone();
    let no = here.filled(&[], "submit-deny");
    let no: Vec<_> = no.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let refused = agent
        .post(answer.url.join(&here.action).unwrap(), &no)
        .await;
    let words = refused.expect(500).words();
    assert!(words.contains("You didn’t allow the app"), "{words}");
    assert!(!words.contains("have access"), "{words}");

    let odd = ends_at(&Agent::new(), &at("odd"), &KIM).await.expect(500);
    let words = odd.words();
    assert!(
        words.contains("We can’t use the answer from Odd Works"),
        "{words}"
    );
}
