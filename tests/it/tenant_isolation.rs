//! The walls: whatever one tenant gave, its neighbours refuse at every endpoint.
//!
//! Each pair of three tenants is tried: two with hosts of their own, one with a path.

use insula_tests::{Agent, Answer, Back, Cookie, Login, Person, RelyingParty, Tokens, unique};

use crate::shared_server::{JANE, KIM, MOCK, SharedServer, shared_server};

/// A tenant as one of its own sees it.
struct TenantLogin {
    party: RelyingParty,
    person: Person<'static>,
}

fn tenant_logins(shared_server: &SharedServer) -> Vec<TenantLogin> {
    [
        (shared_server.portal(), JANE),
        (shared_server.hooli(), MOCK),
        (shared_server.initech(), KIM),
    ]
    .map(|(party, person)| TenantLogin { party, person })
    .into()
}

/// Two different tenants, in every order.
fn neighbours(shared_server: &SharedServer) -> Vec<(TenantLogin, TenantLogin)> {
    let mut pairs = Vec::new();
    for from in 0..3 {
        for to in (0..3).filter(|to| *to != from) {
            let mut one = tenant_logins(shared_server);
            let mut other = tenant_logins(shared_server);
            pairs.push((one.remove(from), other.remove(to)));
        }
    }
    pairs
}

/// The client of one tenant, knocking at another's door with its own credentials.
fn knocking_at(other: &TenantLogin, own: &TenantLogin) -> RelyingParty {
    let own = &own.party;
    RelyingParty::new(
        &other.party.issuer,
        &own.client_id,
        &own.secret,
        &own.redirect_uri,
    )
}

/// Refused with the status and, where a program asks, the error that say why: a fault of another
/// kind would be no wall.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, error: &str) {
    let said = if error.is_empty() {
        String::new()
    } else {
        answer.error()
    };
    assert_eq!(
        (answer.status, said.as_str()),
        (status, error),
        "{}: {}",
        answer.url,
        answer.body
    );
}

/// Refused on a page that leads nowhere.
#[track_caller]
fn assert_refused_on_a_page(answer: &Answer, status: u16) {
    assert_refused(answer, status, "");
    assert_no_code(answer, "a page");
    assert_eq!(answer.header("location"), "", "{}", answer.url);
}

/// Nothing that grants anything: no code at the client, no page but of an error or of a new login.
fn assert_no_code(answer: &Answer, what: &str) {
    let to = answer.header("location");
    assert!(
        !to.contains("code="),
        "{what} at {}: {} {to}",
        answer.url,
        answer.status
    );
}

#[tokio::test]
async fn a_code_of_one_tenant_is_nothing_to_another() {
    let shared_server = shared_server().await;
    for (one, other) in neighbours(shared_server) {
        let (login, back) = one.party.code(&Agent::new(), &one.person).await;
        let answer = other.party.redeem(&login, back.code()).await;
        assert_refused(&answer, 400, "invalid_grant");
        let answer = knocking_at(&other, &one).redeem(&login, back.code()).await;
        assert_refused(&answer, 401, "invalid_client");
        // Nobody used it up meanwhile.
        one.party.tokens(&login, &back).await;
    }
}

#[tokio::test]
async fn a_refresh_token_of_one_tenant_is_nothing_to_another() {
    let shared_server = shared_server().await;
    for (one, other) in neighbours(shared_server) {
        let tokens = one.party.log_in(&Agent::new(), &one.person).await;
        let answer = other.party.refresh(tokens.refresh(), &[]).await;
        assert_refused(&answer, 400, "invalid_grant");
        let thief = knocking_at(&other, &one);
        let answer = thief.refresh(tokens.refresh(), &[]).await;
        assert_refused(&answer, 401, "invalid_client");
        assert!(!other.party.is_active(tokens.refresh()).await);
        other.party.revoke(tokens.refresh()).await.expect(200);
        one.party.refresh(tokens.refresh(), &[]).await.expect(200);
    }
}

#[tokio::test]
async fn an_access_token_of_one_tenant_is_nothing_to_another() {
    let shared_server = shared_server().await;
    for (one, other) in neighbours(shared_server) {
        let tokens = one.party.log_in(&Agent::new(), &one.person).await;
        let answer = other.party.userinfo(&tokens.access_token).await;
        assert_refused(&answer, 401, "invalid_token");
        assert!(!other.party.is_active(&tokens.access_token).await);
        other.party.revoke(&tokens.access_token).await.expect(200);
        one.party.userinfo(&tokens.access_token).await.expect(200);
    }
}

#[tokio::test]
async fn an_id_token_of_one_tenant_hints_at_nobody_at_another() {
    let shared_server = shared_server().await;
    for (one, other) in neighbours(shared_server) {
        let tokens: Tokens = one.party.log_in(&Agent::new(), &one.person).await;
        let hint = tokens.id().token.as_str();
        let agent = Agent::new();
        other.party.log_in(&agent, &other.person).await;
        let login = other.party.begin_with(&[("id_token_hint", hint)]);
        let answer = agent.get(&login.url).await.expect(303);
        let back = Back::of(answer.location(), Vec::new());
        assert_eq!(back.get("error"), "invalid_request");
        let url = other.party.at(&format!("/logout?id_token_hint={hint}"));
        let answer = agent.get(url).await.expect(200);
        assert!(answer.page().form_with("submit-logout").is_some());
        assert!(agent.cookie("insula_session").http_only);
        // Nor does it end the session of its own tenant from there.
        let agent = Agent::new();
        let tokens = one.party.log_in(&agent, &one.person).await;
        let hint = tokens.id().token.as_str();
        let url = other.party.at(&format!("/logout?id_token_hint={hint}"));
        Agent::new().get(url).await.expect(200);
        let login = one.party.begin_with(&[("prompt", "none")]);
        let answer = agent.get(&login.url).await.expect(303);
        assert!(answer.header("location").contains("code="));
    }
}

#[tokio::test]
async fn a_session_of_one_tenant_is_nothing_to_another() {
    let shared_server = shared_server().await;
    for (one, other) in neighbours(shared_server) {
        let agent = Agent::new();
        one.party.log_in(&agent, &one.person).await;
        let thief = Agent::new();
        for cookie in agent.cookies() {
            thief.plant(carried_to(&other, cookie));
        }
        let login = other.party.begin_with(&[("prompt", "none")]);
        let answer = thief.get(&login.url).await.expect(303);
        let back = Back::of(answer.location(), Vec::new());
        assert_eq!(back.get("error"), "login_required");
        // Nor can it be ended from there.
        thief.get(other.party.at("/logout")).await.expect(200);
        let login = one.party.begin_with(&[("prompt", "none")]);
        let answer = agent.get(&login.url).await.expect(303);
        assert!(answer.header("location").contains("code="));
    }
}

fn carried_to(other: &TenantLogin, cookie: Cookie) -> Cookie {
    let issuer = url::Url::parse(&other.party.issuer).unwrap();
    let tenant = match issuer.path().trim_matches('/') {
        "" => issuer.host_str().unwrap().split('.').next().unwrap(),
        path => path,
    };
    let (name, _) = cookie.name.rsplit_once('.').unwrap();
    Cookie {
        name: format!("{name}.{tenant}"),
        host: issuer.host_str().unwrap().to_owned(),
        path: issuer.path().to_owned(),
        ..cookie
    }
}

#[tokio::test]
async fn a_login_under_way_at_one_tenant_is_nothing_to_another() {
    let shared_server = shared_server().await;
    for (one, other) in neighbours(shared_server) {
        let (agent, states) = under_way(&one).await;
        for cookie in agent.cookies() {
            agent.plant(carried_to(&other, cookie));
        }
        for state in states {
            for path in [
                format!("/callback?state={state}&code=x"),
                format!("/callback/mock?state={state}"),
                format!("/auth/local/login?back=&state={state}"),
                format!("/auth/mock/login?back=&state={state}"),
                format!("/auth/directory/login?back=&state={state}"),
                format!("/approval?req={state}&hmac=AAAA"),
            ] {
                let url = other.party.at(&path);
                let answer = agent.get(&url).await;
                assert_refused_on_a_page(&answer, 400);
                let form = [
                    ("login", one.person.login),
                    ("password", one.person.password),
                    ("approval", "approve"),
                    ("state", state.as_str()),
                    ("RelayState", state.as_str()),
                ];
                let answer = agent.post(&url, &form).await;
                assert_refused_on_a_page(&answer, 400);
            }
        }
    }
}

/// Begins a login at a tenant and answers the ids it is known by.
async fn under_way(one: &TenantLogin) -> (Agent, Vec<String>) {
    let agent = Agent::new();
    let connector = one.person.connector.unwrap();
    let login = one.party.begin_with(&[("connector_id", connector)]);
    let answer = agent.get(&login.url).await;
    let to = answer.location();
    let state = to.query_pairs().find(|(name, _)| name == "state");
    (agent, vec![state.unwrap().1.into_owned()])
}

#[tokio::test]
async fn a_proof_of_one_tenant_is_nothing_to_another() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    // Acme's portal asks for consent: its page carries a request and a proof.
    let agent = Agent::new();
    let login = portal.begin_with(&[("connector_id", "mock"), ("prompt", "consent")]);
    let mut answer = agent.get(login.url).await;
    while answer.status != 200 {
        answer = agent.get(answer.location()).await;
    }
    let form = answer.page().form_with("submit-approve").unwrap().clone();
    let (req, hmac) = (form.value("req").unwrap(), form.value("hmac").unwrap());
    // dex has a status of its own for a consent without its proof.
    let others = [
        (shared_server.hooli(), 400),
        (shared_server.initech(), 400),
        (shared_server.globex(), 401),
    ];
    for (other, status) in others {
        let tenant_login = TenantLogin {
            party: other,
            person: MOCK,
        };
        for cookie in agent.cookies() {
            agent.plant(carried_to(&tenant_login, cookie));
        }
        let url = tenant_login
            .party
            .at(&format!("/approval?req={req}&hmac={hmac}"));
        assert_refused_on_a_page(&agent.get(&url).await, status);
        let fields = [("req", req), ("hmac", hmac), ("approval", "approve")];
        let answer = agent
            .post(tenant_login.party.at("/approval"), &fields)
            .await;
        assert_refused_on_a_page(&answer, status);
    }
    // At home it is still good.
    let fields = [("req", req), ("hmac", hmac), ("approval", "approve")];
    let answer = agent.post(portal.at("/approval"), &fields).await;
    assert!(answer.header("location").contains("code="));
}

#[tokio::test]
async fn a_client_of_one_tenant_is_unknown_at_another() {
    let shared_server = shared_server().await;
    for (one, other) in neighbours(shared_server) {
        let stranger = knocking_at(&other, &one);
        let login: Login = stranger.begin();
        let answer = Agent::new().get(&login.url).await.expect(400);
        assert_no_code(&answer, "client");
        let form = [("token", unique())];
        let form = [("token", form[0].1.as_str())];
        for path in ["/token/introspect", "/revoke"] {
            let answer = stranger.post(path, &form).await.expect(401);
            assert_eq!(answer.error(), "invalid_client");
        }
    }
}

#[tokio::test]
async fn no_endpoint_of_a_tenant_grants_anything_for_what_another_gave() {
    let shared_server = shared_server().await;
    for (one, other) in neighbours(shared_server) {
        let agent = Agent::new();
        let (_, back) = one.party.code(&agent, &one.person).await;
        let tokens = one.party.log_in(&agent, &one.person).await;
        let (_, states) = under_way(&one).await;
        let mut loot = vec![
            back.code().to_owned(),
            tokens.access_token.clone(),
            tokens.refresh().to_owned(),
            tokens.id().token.clone(),
            agent.cookie("insula_session").value,
            agent.cookie("insula_browser").value,
        ];
        loot.extend(states);
        let thief = Agent::new();
        for cookie in agent.cookies() {
            thief.plant(carried_to(&other, cookie));
        }
        for piece in &loot {
            for path in [
                "/auth",
                "/auth/local",
                "/auth/mock",
                "/auth/local/login",
                "/callback",
                "/callback/mock",
                "/approval",
                "/logout",
                "/logout/callback",
                "/device",
            ] {
                let names = [
                    "state",
                    "code",
                    "req",
                    "hmac",
                    "id_token_hint",
                    "request",
                    "user_code",
                    "client_id",
                    "RelayState",
                ];
                let query = names.map(|name| (name, piece.as_str()));
                let mut url = url::Url::parse(&other.party.at(path)).unwrap();
                url.query_pairs_mut().extend_pairs(&query);
                let get = thief.get(url.as_str()).await;
                let post = thief.post(other.party.at(path), &query).await;
                for answer in [get, post] {
                    assert_no_code(&answer, path);
                    assert!(answer.status < 500, "{path}: {}", answer.body);
                    assert!(!answer.body.contains("\"sub\":"), "{path}: {}", answer.body);
                }
            }
            assert_programs_grant_nothing(&other.party, piece).await;
        }
    }
}

/// The endpoints for programs, asked by a client of the tenant itself, so that nothing but the piece is
/// wrong.
async fn assert_programs_grant_nothing(party: &RelyingParty, piece: &str) {
    let redirect_uri = ("redirect_uri", party.redirect_uri.as_str());
    let verifier = (
        "code_verifier",
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    );
    for (form, error) in [
        (
            vec![
                ("grant_type", "authorization_code"),
                ("code", piece),
                redirect_uri,
                verifier,
            ],
            "invalid_grant",
        ),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", piece)],
            "invalid_grant",
        ),
    ] {
        let answer = party.post("/token", &form).await;
        assert_refused(&answer, 400, error);
    }
    assert!(!party.is_active(piece).await);
    assert_refused(&party.userinfo(piece).await, 401, "invalid_token");
}
