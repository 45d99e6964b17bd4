//! Microsoft as an upstream. The fake answers as Microsoft Learn has it: "Microsoft identity platform and
//! OAuth 2.0 authorization code flow", and of the Graph v1.0 reference "Get a user", "List
//! organizations", "directoryObject: getMemberGroups" and "directoryObject: getByIds".

use insula_tests::{Agent, Deployment, Person, RelyingParty, walk};
use serde_json::json;
use url::Url;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const TOKEN: &str = "/contoso.com/oauth2/v2.0/token";

/// A Microsoft at which everybody is Adele.
async fn a_microsoft() -> MockServer {
    let server = MockServer::start().await;
    let logged_in = |request: &Request| {
        let asked = |name: &str| {
            let mut pairs = request.url.query_pairs();
            pairs.find(|(known, _)| known == name).unwrap().1
        };
        let mut back = Url::parse(&asked("redirect_uri")).unwrap();
        let state = asked("state");
        back.query_pairs_mut()
            .append_pair("code", "0.AXoA")
            .append_pair("state", &state);
        ResponseTemplate::new(302).insert_header("location", back.as_str())
    };
    Mock::given(path("/contoso.com/oauth2/v2.0/authorize"))
        .respond_with(logged_in)
        .mount(&server)
        .await;
    let tokens = json!({"token_type": "Bearer", "scope": "User.Read", "expires_in": 3599,
        "access_token": "eyJ0", "refresh_token": "0.AXrt"});
    let adele = json!({"id": "87d349ed-44d7-43e1-9a83-5f2406dee5bd", "displayName": "Adele Vance",
        "mail": "AdeleV@contoso.com", "userPrincipalName": "adele@contoso.com"});
    let organization = json!({"id": "84841066", "verifiedDomains": [{"name": "contoso.com"}]});
    let group = json!({"id": "g-1", "displayName": "Staff"});
    for (verb, at, answer) in [
        ("POST", TOKEN, tokens),
        ("GET", "/v1.0/me", adele),
        (
            "GET",
            "/v1.0/organization",
            json!({ "value": [organization] }),
        ),
        (
            "POST",
            "/v1.0/me/getMemberGroups",
            json!({"value": ["g-1"]}),
        ),
        (
            "POST",
            "/v1.0/directoryObjects/getByIds",
            json!({ "value": [group] }),
        ),
    ] {
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        let mock = Mock::given(method(verb)).and(path(at));
        let mock = if at == TOKEN {
            mock
        } else {
            mock.and(header("authorization", "Bearer eyJ0"))
        };
        mock.respond_with(answer).mount(&server).await;
    }
    server
}

fn deployment(microsoft: &str, groups: &str) -> Deployment {
    let rest = |callback: &str| {
        format!(
            "connectors:
  - type: microsoft
    id: ms
    name: Microsoft
    config: {{ clientID: us, clientSecret: s, redirectURI: \"{callback}\", tenant: contoso.com, apiURL: \"{microsoft}\", graphURL: \"{microsoft}\", groups: {groups} }}
  - {{ type: mockCallback, id: mock, name: Mock }}
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: [https://app.example/cb] }}
"
        )
    };
    let ours = rest("http://ours.localhost:PORT/callback/ms");
    let dexs = rest("http://dexs.localhost:PORT/callback");
    Deployment::build()
        .tenant(
            "ours",
            &format!("issuer: http://ours.localhost:PORT\n{ours}"),
        )
        .tenant(
            "dexs",
            &format!(
                "# dex\nissuer: http://dexs.localhost:PORT\nstorage: {{ type: memory }}\n{dexs}"
            ),
        )
        .done()
}

fn app(deployment: &Deployment, tenant: &str) -> RelyingParty {
    let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
    let app = RelyingParty::new(&issuer, "app", "s", "https://app.example/cb");
    if tenant == "dexs" {
        app.of_dex().without_pkce()
    } else {
        app
    }
}

#[tokio::test]
async fn people_of_a_tenant_at_microsoft_log_in_and_their_groups_come_with_them() {
    let microsoft = a_microsoft().await;
    let deployment = deployment(&microsoft.uri(), "[Staff]");
    let _process = deployment.open().await;
    for (tenant, email) in [
        ("ours", "AdeleV@contoso.com"),
        ("dexs", "adele@contoso.com"),
    ] {
        let app = app(&deployment, tenant).with_scope("openid profile email groups offline_access");
        let login = app.begin();
        let back = walk(&Agent::new(), &login, &Person::at("ms")).await;
        let tokens = app.tokens(&login, &back).await;
        let claims = &tokens.id().claims;
        assert_eq!(claims["name"], "Adele Vance", "{tenant}");
        assert_eq!(claims["email"], email, "{tenant}");
        assert_eq!(claims["email_verified"], true, "{tenant}");
        assert_eq!(claims["groups"], json!(["Staff"]), "{tenant}");
        let refreshed = app.refresh(tokens.refresh(), &[]).await;
        let refreshed = app.read(&refreshed).await;
        assert_eq!(
            refreshed.id().claims["groups"],
            json!(["Staff"]),
            "{tenant}"
        );
    }
}

#[tokio::test]
async fn who_is_in_no_group_that_is_required_is_not_let_in_though_the_app_asks_for_none() {
    let microsoft = a_microsoft().await;
    let deployment = deployment(&microsoft.uri(), "[Owners]");
    let _process = deployment.open().await;
    for tenant in ["ours", "dexs"] {
        let agent = Agent::new();
        let login = app(&deployment, tenant).begin_with(&[("connector_id", "ms")]);
        let mut answer = agent.get(&login.url).await;
        while (300..400).contains(&answer.status) {
            answer = agent.get(answer.location()).await;
        }
        assert_eq!(answer.status, 403, "{tenant}: {}", answer.page().words());
    }
}
