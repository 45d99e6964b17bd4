//! A new process for every step of a login.

use insula_tests::{Agent, Deployment, RelyingParty, service, unique};

use crate::shared_server::{self, JANE};

/// A deployment on shared services, with a tenant of its own.
pub(super) fn deployment_on(database: &str, redis: &str) -> (Deployment, String) {
    let tenant = format!("t{}", unique());
    let text = shared_server::ACME
        .replace(
            "http://acme.localhost",
            &format!("http://{tenant}.localhost"),
        )
        .replace("hosts: [login.acme.example]\n", "");
    let deployment = Deployment::build()
        .tenant(&tenant, &text)
        .database(database)
        .cache(redis)
        .done();
    let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
    (deployment, issuer)
}

pub(super) fn portal_of(issuer: &str, port: u16) -> RelyingParty {
    let mut portal = shared_server::portal(port);
    issuer.clone_into(&mut portal.issuer);
    portal
}

async fn a_login_goes_on_in_new_processes(database: &str, redis: &str) {
    let (deployment, issuer) = deployment_on(database, redis);
    let portal = portal_of(&issuer, deployment.port);
    let agent = Agent::new();

    let process = deployment.open().await;
    let login = portal.begin();
    let chooser = agent.get(&login.url).await.expect(200);
    let local = chooser.page().link_to("local").unwrap();
    process.crash();

    let process = deployment.open().await;
    let local = chooser.url.join(&local).unwrap();
    let form = agent.get(&local).await.expect(302).location();
    process.terminate().await;

    let process = deployment.open().await;
    let page = agent.get(&form).await.expect(200);
    process.crash();

    let process = deployment.open().await;
    let action = page
        .url
        .join(&page.page().form_with("password").unwrap().action)
        .unwrap();
    let filled = [("login", JANE.login), ("password", JANE.password)];
    let approval = agent.post(action, &filled).await.expect(303).location();
    process.crash();

    let process = deployment.open().await;
    let page = agent.get(&approval).await.expect(200).page();
    let form = page.form_with("submit-approve").unwrap();
    let filled = form.filled(&[], "submit-approve");
    let filled: Vec<_> = filled
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    process.terminate().await;

    let process = deployment.open().await;
    let answer = agent
        .post(approval.join(&form.action).unwrap(), &filled)
        .await
        .expect(303);
    let back = insula_tests::Back::of(answer.location(), Vec::new());
    process.crash();

    let process = deployment.open().await;
    let tokens = portal.tokens(&login, &back).await;
    process.crash();

    let process = deployment.open().await;
    portal.userinfo(&tokens.access_token).await.expect(200);
    let refreshed = portal.refresh(tokens.refresh(), &[]).await.expect(200);
    portal.read(&refreshed).await;
    // The code is remembered as used, and its replay still ends the family.
    portal.redeem(&login, back.code()).await.expect(400);
    portal.userinfo(&tokens.access_token).await.expect(401);
    process.crash();

    // The browser is still logged in, and what was allowed is still allowed.
    let process = deployment.open().await;
    let login = portal.begin_with(&[("prompt", "none")]);
    let answer = agent.get(&login.url).await.expect(303);
    let back = insula_tests::Back::of(answer.location(), Vec::new());
    portal.tokens(&login, &back).await;
    process.terminate().await;
}

#[tokio::test]
async fn a_login_goes_on_on_postgresql_and_redis() {
    let (Some(database), Some(redis)) = (
        service("INSULA_TEST_POSTGRES"),
        service("INSULA_TEST_REDIS"),
    ) else {
        return;
    };
    a_login_goes_on_in_new_processes(&database, &redis).await;
}

#[tokio::test]
async fn a_login_goes_on_on_mariadb_and_redis() {
    let (Some(database), Some(redis)) =
        (service("INSULA_TEST_MARIADB"), service("INSULA_TEST_REDIS"))
    else {
        return;
    };
    a_login_goes_on_in_new_processes(&database, &redis).await;
}
