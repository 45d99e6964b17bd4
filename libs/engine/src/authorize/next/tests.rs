use insula_ambient::Timestamp;
use insula_model::{Claim, ClientId, Rules, SessionId};
use insula_oauth::Prompts;
use insula_testkit::{
    NOW, TenantBuilder, a_client, a_connector, a_login, a_tenant, an_authorization_request, jane,
};

use super::*;

const NO_PROMPT: Prompts = Prompts {
    none: false,
    login: false,
    consent: false,
    select_account: false,
};
const NONE: Prompts = Prompts {
    none: true,
    ..NO_PROMPT
};
const LOGIN: Prompts = Prompts {
    login: true,
    ..NO_PROMPT
};
const CONSENT: Prompts = Prompts {
    consent: true,
    ..NO_PROMPT
};
const SELECT: Prompts = Prompts {
    select_account: true,
    ..NO_PROMPT
};

fn id(text: &str) -> ConnectorId {
    ConnectorId::parse(text).unwrap()
}

fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

/// Jane's session through `mock`, logged in to `app`, ten minutes ago.
fn a_session() -> BrowserSession {
    BrowserSession {
        id: SessionId::parse("session1").unwrap(),
        connector_id: id("mock"),
        claims: jane(),
        auth_time: NOW - Duration::from_mins(10),
        amr: Vec::new(),
        acr: None,
        clients: vec![client_id("app")],
        earlier: Vec::new(),
        last_seen_at: NOW,
        expires_at: NOW + Duration::from_hours(1),
    }
}

fn jane_at(connector: &str) -> String {
    subject::encode(&jane().user_id, &id(connector))
}

fn arriving_at(
    spec: &TenantSpec,
    request: &AuthorizationRequest,
    session: Option<&BrowserSession>,
    now: Timestamp,
) -> Result<Next, Refusal> {
    let client = spec.clients.get(&request.client_id).unwrap();
    let first = session.and_then(|session| session.clients.first());
    let standing = Standing::Arriving {
        session,
        logged_in_to: first.and_then(|id| spec.client(id.as_str())),
        choice: &Choice::Open,
    };
    next(request, client, spec, standing, now)
}

fn choosing_at(
    spec: &TenantSpec,
    request: &AuthorizationRequest,
    session: Option<&BrowserSession>,
    choice: &Choice,
) -> Result<Next, Refusal> {
    let client = spec.clients.get(&request.client_id).unwrap();
    let standing = Standing::Arriving {
        session,
        logged_in_to: spec.client("app"),
        choice,
    };
    next(request, client, spec, standing, NOW)
}

fn asking(change: impl FnOnce(&mut AuthorizationRequest)) -> AuthorizationRequest {
    let mut request = an_authorization_request();
    change(&mut request);
    request
}

#[test]
fn a_session_stands_for_a_login_unless_the_client_wants_a_new_one() {
    let two = a_tenant().with_connector(a_connector("other")).build();
    let choose = || Ok(Next::Choose(vec![id("mock"), id("other")]));
    let at = |text| Ok(Next::LogIn(id(text)));
    let refused = || Err(Refusal::LoginRequired);
    let hint = |sub: &str| {
        let sub = sub.to_owned();
        asking(|r| r.hinted_sub = Some(sub))
    };
    let prompt = |prompts| asking(|r| r.prompts = prompts);
    let aged = |max_age, prompts| {
        asking(|r| {
            r.max_age = Some(max_age);
            r.prompts = prompts;
        })
    };
    let named = |connector, prompts| {
        asking(|r| {
            r.connector_id = Some(id(connector));
            r.prompts = prompts;
        })
    };
    // OIDC Core clause, request, next with Jane's session (ten minutes old), without one
    let rows = [
        (
            "§3.1.2.3 nothing asked",
            prompt(NO_PROMPT),
            Ok(Next::Resume),
            choose(),
        ),
        (
            "§3.1.2.1 prompt=none",
            prompt(NONE),
            Ok(Next::Resume),
            refused(),
        ),
        ("§3.1.2.1 prompt=login", prompt(LOGIN), choose(), choose()),
        (
            "§3.1.2.1 prompt=select_account",
            prompt(SELECT),
            choose(),
            choose(),
        ),
        (
            "§3.1.2.1 prompt=consent needs no login",
            prompt(CONSENT),
            Ok(Next::Resume),
            choose(),
        ),
        (
            "§3.1.2.1 max_age kept",
            aged(600, NO_PROMPT),
            Ok(Next::Resume),
            choose(),
        ),
        (
            "§3.1.2.1 max_age exceeded",
            aged(599, NO_PROMPT),
            choose(),
            choose(),
        ),
        (
            "§3.1.2.6 max_age exceeded, prompt=none",
            aged(599, NONE),
            refused(),
            refused(),
        ),
        (
            "§3.1.2.1 id_token_hint of this person",
            hint(&jane_at("mock")),
            Ok(Next::Resume),
            choose(),
        ),
        (
            "§3.1.2.1 id_token_hint of another",
            hint(&jane_at("other")),
            choose(),
            choose(),
        ),
        (
            "the connector of the session",
            named("mock", NO_PROMPT),
            Ok(Next::Resume),
            at("mock"),
        ),
        (
            "another connector",
            named("other", NO_PROMPT),
            at("other"),
            at("other"),
        ),
        (
            "another connector, prompt=none",
            named("other", NONE),
            refused(),
            refused(),
        ),
        (
            "a connector and select_account",
            named("mock", SELECT),
            at("mock"),
            at("mock"),
        ),
    ];
    for (clause, request, with_session, without) in rows {
        let told = arriving_at(&two, &request, Some(&a_session()), NOW);
        assert_eq!(told, with_session, "{clause}, with a session");
        let told = arriving_at(&two, &request, None, NOW);
        assert_eq!(told, without, "{clause}, without");
    }
    let hinted = asking(|r| {
        r.hinted_sub = Some("somebody".into());
        r.prompts = NONE;
    });
    assert_eq!(
        arriving_at(&two, &hinted, Some(&a_session()), NOW),
        refused()
    );
}

#[test]
fn max_age_of_nothing_wants_a_new_login_even_at_the_moment_of_the_last() {
    let spec = a_tenant().build();
    let session = a_session();
    let request = asking(|r| r.max_age = Some(0));
    let told = arriving_at(&spec, &request, Some(&session), session.auth_time);
    assert_eq!(told, Ok(Next::LogIn(id("mock"))));
}

#[test]
fn the_choice_is_shown_where_there_is_one() {
    use insula_oauth::GrantType::{AuthorizationCode, Password};
    let mut by_password = a_connector("pw");
    by_password.grant_types = vec![Password];
    let mut by_code = a_connector("code");
    by_code.grant_types = vec![AuthorizationCode];
    let one = a_tenant;
    let two = || {
        a_tenant()
            .with_connector(by_code.clone())
            .with_connector(by_password.clone())
    };
    let always = |t: TenantBuilder| t.with(|s| s.oauth2.always_show_login_screen = true);
    let only = |c| two().with_client(a_client().allowing(c));
    let mock = || Ok(Next::LogIn(id("mock")));
    let nobody = || Err(Refusal::NoConnectorForClient);
    let rows = [
        ("dex §1.6.6 one connector", one(), NO_PROMPT, mock()),
        (
            "dex §1.6.6 alwaysShowLoginScreen",
            always(one()),
            NO_PROMPT,
            Ok(Next::Choose(vec![id("mock")])),
        ),
        (
            "select_account",
            one(),
            SELECT,
            Ok(Next::Choose(vec![id("mock")])),
        ),
        (
            "dex §1.6.3 by grant",
            two(),
            NO_PROMPT,
            Ok(Next::Choose(vec![id("mock"), id("code")])),
        ),
        ("dex §1.6.4 by client", only("mock"), NO_PROMPT, mock()),
        ("dex §1.6.4 nothing left", only("pw"), NO_PROMPT, nobody()),
        ("nothing left, prompt=none", only("pw"), NONE, nobody()),
        (
            "no connectors",
            one().without_connectors(),
            NO_PROMPT,
            nobody(),
        ),
    ];
    for (clause, tenant, prompts, expected) in rows {
        let request = asking(|r| r.prompts = prompts);
        let told = arriving_at(&tenant.build(), &request, None, NOW);
        assert_eq!(told, expected, "{clause}");
    }
    let picked = asking(|r| r.connector_id = Some(id("mock")));
    let told = arriving_at(&always(two()).build(), &picked, None, NOW);
    assert_eq!(told, mock(), "a choice that is made is not asked again");
}

#[test]
fn dex_shows_its_choice_also_to_those_who_have_a_session() {
    let tenant = || a_tenant().with(|s| s.oauth2.always_show_login_screen = true);
    let dex = tenant().by(Rules::DEX).build();
    let session = a_session();
    let plain = asking(|_| {});
    let chosen = asking(|r| r.connector_id = Some(id("mock")));
    let silent = asking(|r| r.prompts = NONE);
    let told = |spec: &TenantSpec, request| arriving_at(spec, request, Some(&session), NOW);
    assert_eq!(
        told(&dex, &plain),
        Ok(Next::Choose(vec![id("mock")])),
        "dex §1.6.7"
    );
    assert_eq!(told(&dex, &chosen), Ok(Next::Resume));
    assert_eq!(told(&dex, &silent), Ok(Next::Resume));
    assert_eq!(told(&tenant().build(), &plain), Ok(Next::Resume));
}

#[test]
fn a_login_serves_other_clients_in_one_direction_and_one_step() {
    let shop = |t: TenantBuilder| t.with_client(a_client().named("shop"));
    let none = |t: TenantBuilder| t.with(|s| s.sessions.sso_default = SsoDefault::None);
    let app = |ids: &'static [&'static str]| {
        move |t: TenantBuilder| t.with_client(a_client().sharing_with(ids))
    };
    let shop_shares =
        |t: TenantBuilder| t.with_client(a_client().named("shop").sharing_with(&["app", "third"]));
    let third = |t: TenantBuilder| t.with_client(a_client().named("third"));
    let off = |t: TenantBuilder| t.with(|s| s.sessions.enabled = false);
    // dex §2.8: tenant, clients of the session, client that asks, whether it is served
    let rows = vec![
        (
            "the same client",
            none(shop(a_tenant())),
            vec!["app"],
            "app",
            true,
        ),
        ("default all", shop(a_tenant()), vec!["app"], "shop", true),
        (
            "default none",
            none(shop(a_tenant())),
            vec!["app"],
            "shop",
            false,
        ),
        (
            "shared by name",
            app(&["shop"])(none(shop(a_tenant()))),
            vec!["app"],
            "shop",
            true,
        ),
        (
            "shared with all",
            app(&["*"])(none(shop(a_tenant()))),
            vec!["app"],
            "shop",
            true,
        ),
        (
            "shared with none, against the default",
            app(&[])(shop(a_tenant())),
            vec!["app"],
            "shop",
            false,
        ),
        (
            "shared with another",
            app(&["third"])(none(shop(a_tenant()))),
            vec!["app"],
            "shop",
            false,
        ),
        (
            "not backwards",
            shop_shares(none(a_tenant())),
            vec!["app"],
            "shop",
            false,
        ),
        (
            "it was served before",
            none(shop(a_tenant())),
            vec!["app", "shop"],
            "shop",
            true,
        ),
        (
            "not onwards",
            third(shop_shares(none(a_tenant()))),
            vec!["app", "shop"],
            "third",
            false,
        ),
        (
            "the first client is gone",
            none(shop(a_tenant())),
            vec!["gone"],
            "shop",
            false,
        ),
        (
            "a session without clients",
            shop(a_tenant()),
            vec![],
            "shop",
            false,
        ),
        (
            "sessions are off",
            off(shop(a_tenant())),
            vec!["app"],
            "app",
            false,
        ),
    ];
    for (what, tenant, clients, asks, served) in rows {
        let mut session = a_session();
        session.clients = clients.into_iter().map(client_id).collect();
        let request = asking(|r| r.client_id = client_id(asks));
        let told = arriving_at(&tenant.build(), &request, Some(&session), NOW);
        let expected = if served {
            Next::Resume
        } else {
            Next::LogIn(id("mock"))
        };
        assert_eq!(told, Ok(expected), "{what}");
    }
}

#[test]
fn a_session_of_a_connector_the_client_may_not_use_is_none() {
    let spec = a_tenant()
        .with_connector(a_connector("other"))
        .with_client(a_client().allowing("other"))
        .build();
    let told = arriving_at(&spec, &asking(|_| {}), Some(&a_session()), NOW);
    assert_eq!(told, Ok(Next::LogIn(id("other"))));
}

#[test]
fn a_choice_that_is_wanted_is_shown_and_one_that_is_made_is_followed() {
    let two = |t: TenantBuilder| t.with_connector(a_connector("other"));
    let always = |t: TenantBuilder| t.with(|s| s.oauth2.always_show_login_screen = true);
    let only_mock = a_tenant()
        .with_connector(a_connector("other"))
        .with_client(a_client().allowing("mock"));
    let as_is = asking(|_| {});
    let anew = asking(|r| r.prompts = LOGIN);
    let insisting = asking(|r| r.connector_id = Some(id("mock")));
    let (wanted, open) = (Choice::Wanted, Choice::Open);
    let made = |text| Choice::Made(id(text));
    let both = || Ok(Next::Choose(vec![id("mock"), id("other")]));
    let one = || Ok(Next::Choose(vec![id("mock")]));
    let at = |text| Ok(Next::LogIn(id(text)));
    let not_allowed = || Err(Refusal::ConnectorNotAllowed("other".into()));
    let resume = || Ok(Next::Resume);
    // what, tenant, request, choice, next with a session at mock, without
    let rows = [
        (
            "nothing yet",
            two(a_tenant()),
            &as_is,
            &open,
            resume(),
            both(),
        ),
        ("wanted", two(a_tenant()), &as_is, &wanted, both(), both()),
        ("wanted of one", a_tenant(), &as_is, &wanted, one(), one()),
        (
            "wanted, the client insists",
            two(a_tenant()),
            &insisting,
            &wanted,
            resume(),
            at("mock"),
        ),
        (
            "made",
            two(a_tenant()),
            &as_is,
            &made("mock"),
            resume(),
            at("mock"),
        ),
        (
            "made, another",
            two(a_tenant()),
            &as_is,
            &made("other"),
            at("other"),
            at("other"),
        ),
        (
            "made, prompt=login",
            two(a_tenant()),
            &anew,
            &made("mock"),
            at("mock"),
            at("mock"),
        ),
        (
            "made where it is always shown",
            always(two(a_tenant())),
            &as_is,
            &made("mock"),
            resume(),
            at("mock"),
        ),
        (
            "made, not the client's",
            only_mock,
            &as_is,
            &made("other"),
            not_allowed(),
            not_allowed(),
        ),
        (
            "made, the client insists",
            two(a_tenant()),
            &insisting,
            &made("other"),
            Err(Refusal::WrongConnector),
            Err(Refusal::WrongConnector),
        ),
    ];
    for (what, tenant, request, choice, with_session, without) in rows {
        let spec = tenant.build();
        let session = a_session();
        for (session, expected) in [(Some(&session), with_session), (None, without)] {
            let told = choosing_at(&spec, request, session, choice);
            assert_eq!(told, expected, "{what}, session: {}", session.is_some());
        }
    }
}

#[test]
fn a_password_may_be_typed_where_the_clients_people_may_come_through() {
    let two = a_tenant().with_connector(a_connector("other"));
    let only_mock = two.clone().with_client(a_client().allowing("mock"));
    let insisting = asking(|r| r.connector_id = Some(id("mock")));
    for (what, tenant, request, expected) in [
        (
            "nobody says",
            two.clone(),
            asking(|_| {}),
            [true, true, false],
        ),
        ("the client insists", two, insisting, [true, false, false]),
        (
            "the client may not",
            only_mock,
            asking(|_| {}),
            [true, false, false],
        ),
    ] {
        let spec = tenant.build();
        let client = spec.client("app").unwrap();
        let told = ["mock", "other", "gone"].map(|id| may_log_in_at(id, &request, client, &spec));
        assert_eq!(told, expected, "{what}");
    }
}

#[test]
fn a_yes_just_now_leaves_nothing_to_ask_but_who_it_was() {
    let spec = a_tenant().build();
    let client = spec.client("app").unwrap();
    let login = a_login();
    let told = |request: &AuthorizationRequest| {
        let standing = Standing::Known {
            login: &login,
            consent: Consent::Now,
        };
        next(request, client, &spec, standing, NOW)
    };
    assert_eq!(told(&asking(|r| r.prompts = CONSENT)), Ok(Next::Issue));
    assert_eq!(told(&asking(|r| r.force_approval = true)), Ok(Next::Issue));
    let another = asking(|r| r.hinted_sub = Some(jane_at("other")));
    assert_eq!(told(&another), Err(Refusal::WrongPerson));
}

type Change = fn(&mut AuthorizationRequest);

/// Clause, tenant, request, what was allowed before, what is next.
type ConsentRow = (
    &'static str,
    TenantBuilder,
    Change,
    Option<&'static str>,
    Result<Next, Refusal>,
);

#[test]
fn consent_is_asked_once_and_again_when_forced_or_not_enough() {
    let all = "openid email profile";
    let tenant_skips = |t: TenantBuilder| t.with(|s| s.oauth2.skip_approval_screen = true);
    let client_skips = |t: TenantBuilder| t.with_client(a_client().skipping_approval());
    let force = |r: &mut AuthorizationRequest| r.force_approval = true;
    let silent = |r: &mut AuthorizationRequest| r.prompts = NONE;
    let anew = |r: &mut AuthorizationRequest| r.prompts = CONSENT;
    let as_is = |_: &mut AuthorizationRequest| {};
    let rows: Vec<ConsentRow> = vec![
        (
            "§3.1.2.4 never asked",
            a_tenant(),
            as_is,
            None,
            Ok(Next::Consent),
        ),
        (
            "§3.1.2.4 allowed before",
            a_tenant(),
            as_is,
            Some(all),
            Ok(Next::Issue),
        ),
        (
            "openid needs none of its own",
            a_tenant(),
            as_is,
            Some("email profile"),
            Ok(Next::Issue),
        ),
        (
            "more was allowed",
            a_tenant(),
            as_is,
            Some("openid email profile groups"),
            Ok(Next::Issue),
        ),
        (
            "less was allowed",
            a_tenant(),
            as_is,
            Some("openid email"),
            Ok(Next::Consent),
        ),
        (
            "§11 offline_access was not allowed before",
            a_tenant(),
            |r| r.scopes = Scopes::parse("openid email profile offline_access"),
            Some(all),
            Ok(Next::Consent),
        ),
        (
            "skipApprovalScreen",
            tenant_skips(a_tenant()),
            as_is,
            None,
            Ok(Next::Issue),
        ),
        (
            "the client skips",
            client_skips(a_tenant()),
            as_is,
            None,
            Ok(Next::Issue),
        ),
        (
            "dex §12.63 force beats skip",
            tenant_skips(a_tenant()),
            force,
            Some(all),
            Ok(Next::Consent),
        ),
        (
            "force beats the client's skip",
            client_skips(a_tenant()),
            force,
            Some(all),
            Ok(Next::Consent),
        ),
        (
            "prompt=consent",
            a_tenant(),
            anew,
            Some(all),
            Ok(Next::Consent),
        ),
        (
            "prompt=consent beats skip",
            tenant_skips(a_tenant()),
            anew,
            None,
            Ok(Next::Consent),
        ),
        (
            "§3.1.2.6 prompt=none",
            a_tenant(),
            silent,
            None,
            Err(Refusal::ConsentRequired),
        ),
        (
            "prompt=none, allowed before",
            a_tenant(),
            silent,
            Some(all),
            Ok(Next::Issue),
        ),
        (
            "prompt=none, skipped",
            tenant_skips(a_tenant()),
            silent,
            None,
            Ok(Next::Issue),
        ),
    ];
    for (clause, tenant, change, granted, expected) in rows {
        let spec = tenant.build();
        let request = asking(change);
        let client = spec.clients.get(&request.client_id).unwrap();
        let granted = granted.map(Scopes::parse);
        let login = a_login();
        let standing = Standing::Known {
            login: &login,
            consent: Consent::Before(granted.as_ref()),
        };
        let told = next(&request, client, &spec, standing, NOW);
        assert_eq!(told, expected, "{clause}");
        if !depends_on_consent(&request, client, &spec) {
            let standing = Standing::Known {
                login: &login,
                consent: Consent::Before(None),
            };
            let unread = next(&request, client, &spec, standing, NOW);
            assert_eq!(
                unread, told,
                "{clause}: what nobody looks up must not matter"
            );
        }
    }
}

#[test]
fn a_hint_binds_the_login_that_was_made_too() {
    let spec = a_tenant().build();
    let client = spec.client("app").unwrap();
    let login = a_login();
    let standing = Standing::Known {
        login: &login,
        consent: Consent::Before(None),
    };
    let told = |sub: &str| {
        let request = asking(|r| r.hinted_sub = Some(sub.to_owned()));
        next(&request, client, &spec, standing, NOW)
    };
    assert_eq!(told(&jane_at("mock")), Ok(Next::Consent));
    assert_eq!(
        told(&jane_at("other")),
        Err(Refusal::WrongPerson),
        "OIDC Core §3.1.2.2"
    );
}

#[test]
fn the_sub_and_the_essential_acr_of_claims_decide_whose_login_and_which_counts() {
    let spec = a_tenant().build();
    let client = spec.client("app").unwrap();
    let login = a_login();
    let known = Standing::Known {
        login: &login,
        consent: Consent::Before(None),
    };
    let password = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    let session = BrowserSession {
        amr: login.amr.clone(),
        ..a_session()
    };
    let (jane, joe) = (jane_at("mock"), jane_at("other"));
    let log_in = || Ok(Next::LogIn(id("mock")));
    let wrong = || Err(Refusal::WrongPerson);
    let unmet = || Err(Refusal::UnmetAuthentication);
    // clause, subs, acr values, next with Jane's session, and once she logged in with a password
    let rows: [(_, &[&str], &[&str], _, _); 7] = [
        ("nothing", &[], &[], Ok(Next::Resume), Ok(Next::Consent)),
        (
            "§5.5.1 sub",
            &[&jane],
            &[],
            Ok(Next::Resume),
            Ok(Next::Consent),
        ),
        (
            "§5.5.1 one of two",
            &[&joe, &jane],
            &[],
            Ok(Next::Resume),
            Ok(Next::Consent),
        ),
        ("§5.5.1 another", &[&joe], &[], log_in(), wrong()),
        (
            "§5.5.1.1 reached",
            &[],
            &["x", password],
            Ok(Next::Resume),
            Ok(Next::Consent),
        ),
        ("§5.5.1.1 not reached", &[], &["x"], log_in(), unmet()),
        ("the person comes first", &[&joe], &["x"], log_in(), wrong()),
    ];
    for (clause, subs, acr, arriving, done) in rows {
        let texts = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let mut request = asking(|r| {
            r.claims.subs = texts(subs);
            r.claims.acr = texts(acr);
        });
        let told = arriving_at(&spec, &request, Some(&session), NOW);
        assert_eq!(told, arriving, "{clause}");
        assert_eq!(next(&request, client, &spec, known, NOW), done, "{clause}");
        request.prompts = NONE;
        let silent = arriving_at(&spec, &request, Some(&session), NOW);
        let expected = match arriving {
            Ok(Next::LogIn(_)) => Err(Refusal::LoginRequired),
            other => other,
        };
        assert_eq!(silent, expected, "{clause}, prompt=none");
    }
}

#[test]
fn an_upstreams_word_that_the_tenant_takes_meets_an_essential_acr() {
    let two = "https://acr.test/two";
    let trusting = a_tenant().with(|t| {
        std::sync::Arc::make_mut(&mut t.connectors[0]).acr_mapping =
            [("loa2".to_owned(), two.to_owned())].into();
    });
    let request = asking(|r| r.claims.acr = vec![two.to_owned()]);
    let said = Some("loa2".to_owned());
    let session = BrowserSession {
        acr: said.clone(),
        ..a_session()
    };
    let login = Login {
        acr: said,
        ..a_login()
    };
    for (tenant, arriving, done) in [
        (trusting, Ok(Next::Resume), Ok(Next::Consent)),
        (
            a_tenant(),
            Ok(Next::LogIn(id("mock"))),
            Err(Refusal::UnmetAuthentication),
        ),
    ] {
        let spec = tenant.build();
        let client = spec.client("app").unwrap();
        assert_eq!(arriving_at(&spec, &request, Some(&session), NOW), arriving);
        let known = Standing::Known {
            login: &login,
            consent: Consent::Before(None),
        };
        assert_eq!(next(&request, client, &spec, known, NOW), done);
    }
}

#[test]
fn a_claim_is_not_had_without_the_consent_its_scope_would_need() {
    let spec = a_tenant().build();
    let client = spec.client("app").unwrap();
    let login = a_login();
    let told = |request: &AuthorizationRequest, granted: &str| {
        let consented = Scopes::parse(granted);
        let standing = Standing::Known {
            login: &login,
            consent: Consent::Before(Some(&consented)),
        };
        next(request, client, &spec, standing, NOW)
    };
    for in_id_token in [true, false] {
        let mut request = asking(|r| {
            r.scopes = Scopes::parse("openid");
            let asked = [Claim::Email].into_iter().collect();
            if in_id_token {
                r.claims.released.id_token = asked;
            } else {
                r.claims.released.userinfo = asked;
            }
        });
        assert_eq!(told(&request, ""), Ok(Next::Consent));
        assert_eq!(told(&request, "profile"), Ok(Next::Consent));
        assert_eq!(told(&request, "email"), Ok(Next::Issue));
        request.prompts = NONE;
        assert_eq!(told(&request, ""), Err(Refusal::ConsentRequired));
    }
}

#[test]
fn somebody_whose_sub_would_be_too_long_is_told_before_they_are_asked_anything() {
    let (spec, mut login) = (a_tenant().build(), a_login());
    login.claims.user_id = insula_model::UserId::parse("u".repeat(255)).unwrap();
    let client = spec.client("app").unwrap();
    for (scopes, is_refused) in [("openid", true), ("email", false)] {
        for consent in [Consent::Before(None), Consent::Now] {
            let request = asking(|r| r.scopes = Scopes::parse(scopes));
            let standing = Standing::Known {
                login: &login,
                consent,
            };
            let told = next(&request, client, &spec, standing, NOW);
            let refused = matches!(told, Err(Refusal::UpstreamReply { .. }));
            assert_eq!(refused, is_refused, "OIDC Core §2, {scopes}");
        }
    }
}

#[test]
fn dex_without_sessions_asks_for_consent_at_every_login() {
    let granted = Scopes::parse("openid email profile");
    let request = asking(|_| {});
    let login = a_login();
    let dex = || a_tenant().dex();
    for (tenant, expected) in [
        (dex(), Next::Consent),
        (dex().with(|s| s.sessions.enabled = true), Next::Issue),
        (
            dex().with(|s| s.oauth2.skip_approval_screen = true),
            Next::Issue,
        ),
        (a_tenant().with(|s| s.sessions.enabled = false), Next::Issue),
    ] {
        let spec = tenant.build();
        let client = spec.client("app").unwrap();
        let standing = Standing::Known {
            login: &login,
            consent: Consent::Before(Some(&granted)),
        };
        let told = next(&request, client, &spec, standing, NOW);
        assert_eq!(told, Ok(expected), "dex §1.11");
    }
    let spec = dex().build();
    let client = spec.client("app").unwrap();
    assert!(!depends_on_consent(&request, client, &spec));
}

#[test]
fn what_a_native_app_was_allowed_is_not_given_to_whoever_took_its_redirect_uri() {
    let granted = Scopes::parse("openid email profile");
    let login = a_login();
    let rows = [
        // redirect URI, public, remembered
        ("http://127.0.0.1:4711/cb", true, false),
        ("http://127.8.0.1/cb", true, false),
        ("http://localhost:8000", true, false),
        ("http://LocalHost:8000", true, false),
        ("http://[::1]:8000/cb", true, false),
        ("https://localhost/cb", true, false),
        ("http://app.localhost/cb", true, false),
        ("com.example.app:/cb", true, false),
        ("com.example.app://cb", true, false),
        ("urn:ietf:wg:oauth:2.0:oob", true, false),
        ("https://app.test/cb", true, true),
        ("HTTPS://app.test/cb", true, true),
        ("https://localhost.app.test/cb", true, true),
        ("http://127.0.0.1:4711/cb", false, true),
        ("com.example.app:/cb", false, true),
    ];
    for (uri, public, remembered) in rows {
        let sessions = |t: TenantBuilder| t.with(|s| s.sessions.enabled = true);
        for tenant in [a_tenant(), sessions(a_tenant().dex())] {
            let client = if public {
                a_client().public()
            } else {
                a_client()
            };
            let tenant = tenant.with_client(client.with_redirect(uri));
            let told = |tenant: TenantBuilder, prompts: Prompts| {
                let spec = tenant.build();
                let client = spec.client("app").unwrap();
                let request = asking(|r| {
                    uri.clone_into(&mut r.redirect_uri);
                    r.prompts = prompts;
                });
                let standing = Standing::Known {
                    login: &login,
                    consent: Consent::Before(Some(&granted)),
                };
                let looked_up = depends_on_consent(&request, client, &spec);
                (next(&request, client, &spec, standing, NOW), looked_up)
            };
            let (shown, silent) = if remembered {
                (Ok(Next::Issue), Ok(Next::Issue))
            } else {
                (Ok(Next::Consent), Err(Refusal::ConsentRequired))
            };
            let clause = format!("RFC 8252 §8.6 {uri} public: {public}");
            assert_eq!(
                told(tenant.clone(), NO_PROMPT),
                (shown, remembered),
                "{clause}"
            );
            assert_eq!(told(tenant.clone(), NONE), (silent, remembered), "{clause}");
            let trusting = tenant
                .clone()
                .with(|spec| spec.oauth2.remember_native_consent = true);
            let (told_then, _) = told(trusting, NONE);
            assert_eq!(told_then, Ok(Next::Issue), "{clause}, the tenant says so");
            let skipping = tenant.with(|spec| spec.oauth2.skip_approval_screen = true);
            let (told_then, _) = told(skipping, NONE);
            assert_eq!(told_then, Ok(Next::Issue), "{clause}, nobody is asked");
        }
    }
}

#[test]
fn an_upstream_is_to_ask_anew_where_its_session_may_be_too_old_for_the_client() {
    for (max_age, prompts, by_rfc, by_dex) in [
        (None, NO_PROMPT, false, false),
        (None, CONSENT, false, false),
        (None, SELECT, false, false),
        (None, LOGIN, true, true),
        (Some(0), NO_PROMPT, true, true),
        (Some(3600), NO_PROMPT, true, false),
        (Some(3600), LOGIN, true, true),
    ] {
        let request = asking(|r| {
            r.max_age = max_age;
            r.prompts = prompts;
        });
        let told = [&Rules::STANDARD, &Rules::DEX].map(|rules| forces_login(&request, rules));
        let clause = format!("OIDC Core §3.1.2.1 {max_age:?} {prompts:?}");
        assert_eq!(told, [by_rfc, by_dex], "{clause}");
    }
}

#[test]
fn rfc_8628_5_4_a_device_is_confirmed_before_anything_else_is_asked() {
    let spec = a_tenant().build();
    for request in [
        an_authorization_request(),
        asking(|request| request.prompts = NONE),
        asking(|request| request.prompts = LOGIN),
    ] {
        let client = spec.clients.get(&request.client_id).unwrap();
        let asked = next(&request, client, &spec, Standing::Unconfirmed, NOW);
        assert_eq!(asked, Ok(Next::Confirm));
    }
}
