//! Pages as somebody meets them who sees little, presses keys, or reads on a phone.

use insula_tests::scripts::{node, run};
use insula_tests::{Deployment, RelyingParty, program};

use crate::shared_server::{ACME, ADMIN, GLOBEX, JANE, globex, portal, shared_server};

/// Everything axe finds on the pages of a login, a line for each.
async fn found(party: &RelyingParty, port: u16) -> Option<Vec<String>> {
    let clients = program("INSULA_TEST_CLIENTS")?;
    let chromium = program("INSULA_TEST_CHROMIUM")?;
    let issuer = &party.issuer;
    let login = party.begin_with(&[("prompt", "consent")]);
    let mut terminal = globex(port);
    terminal.client_id = "kubelogin".to_owned();
    terminal.redirect_uri = "urn:ietf:wg:oauth:2.0:oob".to_owned();
    let mut command = node(&clients, "a11y.mjs");
    command
        .env("INSULA_TEST_CHROMIUM", chromium)
        .env("AUTHORIZATION_URL", &login.url)
        .env("ERROR_URL", format!("{issuer}/auth?client_id=nobody"))
        .env("LOGOUT_URL", format!("{issuer}/logout"))
        .env("CODE_URL", terminal.begin().url)
        .env("CODE_LOGIN", ADMIN.login)
        .env("CONNECTOR", "local")
        .env("LOGIN", JANE.login)
        .env("PASSWORD", JANE.password);
    let told = run(command).await;
    let pages = told["pages"].as_array().unwrap();
    assert_eq!(pages.len(), 36, "nine pages in four looks: {pages:?}");
    for page in pages {
        assert!(
            page["passed"].as_u64().unwrap() > 10,
            "nothing was judged: {page}"
        );
    }
    let lines = |kind: &str| -> Vec<String> {
        let all = told[kind].as_array().unwrap().iter();
        all.map(|line| format!("{kind}: {line:#}")).collect()
    };
    Some([lines("violations"), lines("doubts")].concat())
}

#[tokio::test]
async fn axe_finds_nothing_wrong_with_any_page_of_a_login() {
    let shared_server = shared_server().await;
    if let Some(found) = found(&shared_server.portal(), shared_server.deployment.port).await {
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[tokio::test]
async fn a_theme_over_the_base_is_held_to_the_same() {
    let dark = ACME.replace("frontend: {", "frontend: { theme: midnight,");
    let dark_dex = format!("{GLOBEX}\nfrontend: {{ theme: midnight }}\n");
    let deployment = Deployment::build()
        .tenant("acme", &dark)
        .tenant("globex", &dark_dex)
        .done();
    let _process = deployment.open().await;
    if let Some(found) = found(&portal(deployment.port), deployment.port).await {
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
