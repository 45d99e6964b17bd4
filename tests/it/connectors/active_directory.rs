//! People of Active Directory, Samba's.

use std::fs;

use insula_tests::{
    ActiveDirectory, Agent, Answer, Deployment, Person, RelyingParty, unique, walk_to,
};

const ACME: &str = r#"
issuer: http://acme.localhost:PORT
connectors:
  - type: ldap
    id: ad
    name: Active Directory
    config:
      host: ADDRESS
      rootCA: ad-ca.pem
      bindDN: reader@ad.acme.test
      bindPW: Secret-Pass-1
      userSearch:
        baseDN: DC=ad,DC=acme,DC=test
        username: [sAMAccountName, userPrincipalName]
        idAttr: objectGUID
        emailAttr: userPrincipalName
        preferredUsernameAttr: sAMAccountName
      groupSearch:
        baseDN: DC=ad,DC=acme,DC=test
        userMatchers: [{ userAttr: tokenGroups, groupAttr: objectSid }]
        nameAttr: cn
staticClients:
  - { id: app, secret: app-secret, redirectURIs: ["https://app.example/cb"] }
"#;

fn deployment(domain: &ActiveDirectory) -> Deployment {
    let tenant = ACME.replace("ADDRESS", &domain.address);
    let deployment = Deployment::build().tenant("acme", &tenant).done();
    let beside = deployment.tenant_file("acme").with_file_name("ad-ca.pem");
    fs::write(beside, domain.authority()).unwrap();
    deployment
}

fn party(deployment: &Deployment) -> RelyingParty {
    let issuer = format!("http://acme.localhost:{}", deployment.port);
    RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/cb")
        .with_scope("openid profile groups offline_access")
}

fn person(login: &str) -> Person<'_> {
    Person {
        login,
        password: ActiveDirectory::PASSWORD,
        connector: Some("ad"),
        denies: false,
    }
}

async fn types(party: &RelyingParty, login: &str, password: &str) -> Answer {
    let agent = Agent::new();
    let begun = party.begin_with(&[("connector_id", "ad")]);
    let first = agent.get(&begun.url).await;
    let shown = walk_to(&agent, first, "password", &person(login)).await;
    let page = shown.page();
    let form = page.form_with("password").expect("a password form");
    let values = form.filled(&[("login", login), ("password", password)], "submit-login");
    let values: Vec<_> = values.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    let to = shown.url.join(&form.action).unwrap();
    agent.post(to, &values).await
}

#[tokio::test]
async fn the_log_tells_why_an_account_is_refused_and_the_page_tells_of_a_wrong_password() {
    let Some(domain) = ActiveDirectory::find() else {
        return;
    };
    let deployment = deployment(&domain);
    let process = deployment.open().await;
    let party = party(&deployment);
    let wrong = types(&party, "nobody", "wrong").await.expect(401).words();
    for (login, reason) in [
        ("disabled", "it is disabled"),
        ("expired", "it has expired"),
        ("outdated", "its password has expired"),
        ("mustchange", "its password must be changed"),
        ("nohour", "at this hour"),
    ] {
        let answer = types(&party, login, ActiveDirectory::PASSWORD).await;
        let words = answer.expect(401).words();
        assert_eq!(words.replace(login, "nobody"), wrong, "{login}");
        process.says(reason).await;
    }
}

#[tokio::test]
async fn whose_account_is_disabled_is_refreshed_no_more() {
    let Some(domain) = ActiveDirectory::find() else {
        return;
    };
    let deployment = deployment(&domain);
    let _process = deployment.open().await;
    let party = party(&deployment);
    let name = format!("i{}", &unique()[..12]);
    domain.make(&name, &["developers"]);
    let tokens = party.log_in(&Agent::new(), &person(&name)).await;
    assert_eq!(tokens.claim("preferred_username"), &*name);
    let groups = tokens.claim("groups").to_string();
    for group in ["developers", "engineering", "staff", "Domain Users"] {
        assert!(groups.contains(group), "{groups}");
    }
    let again = party.refresh(tokens.refresh(), &[]).await.expect(200);
    let again = party.read(&again).await;
    domain.disable(&name);
    let refused = party.refresh(again.refresh(), &[]).await.expect(400);
    assert_eq!(refused.error(), "invalid_grant");
}
