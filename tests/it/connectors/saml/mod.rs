//! People of identity providers that speak SAML 2.0, each of which nobody here wrote.

mod pysaml2;
mod simplesamlphp;

use std::collections::BTreeMap;

use insula_tests::{Agent, Answer, Back, Deployment, Login, Person, RelyingParty, Tokens, walk_on};
use url::Url;

/// The key that the identity providers sign with, and its certificate.
const KEY: &str = include_str!("../../../../libs/saml/fixtures/idp-NOT-SECRET.pem");
const CERTIFICATE: &str = include_str!("../../../../libs/saml/fixtures/idp.crt");
/// The key that they encrypt for.
const OUR_KEY: &str = include_str!("../../../../libs/saml/fixtures/sp-NOT-SECRET.pem");
const OUR_CERTIFICATE: &str = include_str!("../../../../libs/saml/fixtures/sp.crt");

/// The connectors of each tenant, by what the identity provider signs for them, and, in the last case,
/// encrypts.
const CONNECTORS: [&str; 4] = ["response", "assertion", "both", "sealed"];

const ISSUER: &str = "https://idp.test/metadata";

const MOST_PAGES: usize = 12;

/// A tenant of each dialect with all connectors; `CONNECTOR` in the address stands for what a connector is
/// called, and the names of the attributes `name` and `mail` begin with `prefix`.
fn deployment(sso_url: &str, prefix: &str) -> Deployment {
    let tenant = |tenant: &str, head: &str| {
        let issuer = format!("http://{tenant}.localhost:PORT");
        let mut text = format!("{head}issuer: {issuer}\nconnectors:\n");
        for id in CONNECTORS {
            let redirect = match tenant {
                "dexs" => format!("{issuer}/callback"),
                _ => format!("{issuer}/callback/{id}"),
            };
            let sso_url = sso_url.replace("CONNECTOR", id);
            text.push_str(&format!(
                "  - type: saml
    id: {id}
    name: {id}
    config:
      ssoURL: \"{sso_url}\"
      ca: idp.crt
      entityIssuer: {issuer}/{id}
      ssoIssuer: {ISSUER}
      redirectURI: {redirect}
      usernameAttr: {prefix}name
      emailAttr: {prefix}mail
      groupsAttr: groups
      decryptionKeys: [sp.pem]
      decryptionCerts: [sp.crt]
"
            ));
        }
        text.push_str(
            "  - { type: mockCallback, id: mock, name: Mock }
oauth2: { skipApprovalScreen: true }
staticClients:
  - { id: app, name: App, secret: s, redirectURIs: [https://app.example/cb] }
",
        );
        text
    };
    let deployment = Deployment::build()
        .tenant("ours", &tenant("ours", ""))
        .tenant(
            "dexs",
            &tenant("dexs", "# dex\nstorage: { type: memory }\n"),
        )
        .done();
    for tenant in ["ours", "dexs"] {
        let file = deployment.tenant_file(tenant);
        for (name, text) in [
            ("idp.crt", CERTIFICATE),
            ("sp.pem", OUR_KEY),
            ("sp.crt", OUR_CERTIFICATE),
        ] {
            std::fs::write(file.with_file_name(name), text).unwrap();
        }
    }
    deployment
}

fn app(deployment: &Deployment, tenant: &str) -> RelyingParty {
    super::both_dialects::app(deployment, tenant)
}

/// What we are called at the identity provider, and where its answers go.
fn service_providers(port: u16) -> Vec<(String, String, &'static str)> {
    let mut all = Vec::new();
    for id in CONNECTORS {
        let ours = format!("http://ours.localhost:{port}");
        let dexs = format!("http://dexs.localhost:{port}");
        all.push((format!("{ours}/{id}"), format!("{ours}/callback/{id}"), id));
        all.push((format!("{dexs}/{id}"), format!("{dexs}/callback"), id));
    }
    all
}

/// The form that an identity provider has a browser post to us.
#[derive(Clone)]
struct Posted {
    to: Url,
    values: Vec<(String, String)>,
}

impl Posted {
    /// The form with another value.
    fn with(&self, name: &str, value: &str) -> Self {
        let mut values = self.values.clone();
        for field in &mut values {
            if field.0 == name {
                value.clone_into(&mut field.1);
            }
        }
        Self {
            values,
            ..self.clone()
        }
    }

    fn value(&self, name: &str) -> &str {
        let found = self.values.iter().find(|(known, _)| known == name);
        &found.unwrap().1
    }

    /// Posts it as a browser does for the page of another site.
    async fn by(&self, agent: &Agent) -> Answer {
        let pairs: Vec<_> = self.values.iter().map(|(n, v)| (&n[..], &v[..])).collect();
        let headers = [("sec-fetch-site", "cross-site"), ("origin", "null")];
        agent.post_with(&self.to, &pairs, &headers).await
    }

    /// The same, and what comes of it when the page that answers sends it once more.
    async fn again_by(&self, agent: &Agent) -> Answer {
        let first = self.by(agent).await.expect(200);
        let page = first.page();
        let form = page.form_with("SAMLResponse").expect("the form again");
        let values = form.filled(&[], "submit-continue");
        let pairs: Vec<_> = values.iter().map(|(n, v)| (&n[..], &v[..])).collect();
        let to = first.url.join(&form.action).unwrap();
        let same = [("sec-fetch-site", "same-origin")];
        agent.post_with(&to, &pairs, &same).await
    }
}

/// Walks somebody to the identity provider and through its pages, until it answers us.
async fn answered(agent: &Agent, app: &RelyingParty, connector: &str) -> (Login, Posted) {
    let login = app.begin_with(&[("connector_id", connector)]);
    let mut answer = agent.get(&login.url).await;
    for _ in 0..MOST_PAGES {
        if (300..400).contains(&answer.status) {
            answer = agent.get(answer.location()).await;
            continue;
        }
        let page = answer.page();
        assert_eq!(answer.status, 200, "{}: {}", answer.url, page.words());
        let form = page.forms.iter().find(|form| form.method == "post");
        let form = form.unwrap_or_else(|| panic!("no form at {}: {}", answer.url, page.words()));
        let typed = [("username", "jane"), ("password", "secret")];
        let values = form.filled(&typed, "");
        let to = answer.url.join(&form.action).unwrap();
        let posted = Posted { to, values };
        if form.value("SAMLResponse").is_some() {
            return (login, posted);
        }
        let pairs: Vec<_> = posted
            .values
            .iter()
            .map(|(n, v)| (&n[..], &v[..]))
            .collect();
        answer = agent.post(&posted.to, &pairs).await;
    }
    panic!("no answer after {MOST_PAGES} pages, at {}", answer.url);
}

/// Logs somebody in.
async fn logged_in(app: &RelyingParty, connector: &str) -> (Tokens, Posted, Agent) {
    let agent = Agent::new();
    let (login, posted) = answered(&agent, app, connector).await;
    let back = back(&agent, &login, &posted).await;
    app.check_response(&login, &back);
    (app.tokens(&login, &back).await, posted, agent)
}

async fn back(agent: &Agent, login: &Login, posted: &Posted) -> Back {
    let first = posted.by(agent).await;
    walk_on(agent, first, login, &Person::at("none")).await
}

/// What every identity provider here says of Jane, at these connectors of both tenants.
async fn is_jane_at(connectors: &[&str], deployment: &Deployment) {
    for tenant in ["ours", "dexs"] {
        let app = app(deployment, tenant);
        let mut subjects = BTreeMap::new();
        for &connector in connectors {
            let (tokens, ..) = logged_in(&app, connector).await;
            let refreshed = app.refresh(tokens.refresh(), &[]).await.expect(200);
            let refreshed = app.read(&refreshed).await;
            for told in [&tokens, &refreshed] {
                assert_eq!(told.claim("name"), "Jane Doe", "{tenant}: {connector}");
                assert_eq!(told.claim("email"), "jane@acme.test");
                assert_eq!(told.claim("email_verified"), true);
                assert_eq!(told.claim("groups"), &serde_json::json!(["staff", "night"]));
                assert!(told.id().claims.get("preferred_username").is_none());
            }
            assert_eq!(tokens.claim("sub"), refreshed.claim("sub"));
            subjects.insert(tokens.claim("sub").to_string(), connector);
        }
        assert_eq!(
            subjects.len(),
            connectors.len(),
            "a connector is part of a sub"
        );
    }
}
