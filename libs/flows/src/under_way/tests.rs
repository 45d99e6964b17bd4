use insula_oauth::Params;
use insula_testkit::{FakeConnector, PASSWORD, TenantBuilder, a_client, a_tenant};

use crate::callback::{self, Returned};
use crate::testing::{
    ASK, Person, at_callback, code_in, consent_fields, destination, heard, state_in, view,
    with_connector,
};
use crate::{Outcome, Screen, TenantView};

use super::*;

/// How a login is proven: by an upstream's answer or by a password.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Upstream,
    Password,
}

/// A tenant, and a request of its client, public or not.
fn tenant(builder: TenantBuilder, public: bool, by: By) -> (TenantView, String) {
    let mut ask = ASK.to_owned();
    let mut builder = builder;
    if public {
        builder = builder.with_client(a_client().public());
        ask += "&code_challenge_method=S256\
                &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    }
    let (view, _) = view(builder);
    let fake = match by {
        By::Upstream => FakeConnector::redirecting(),
        By::Password => FakeConnector::asking_password(),
    };
    (with_connector(&view, "mock", fake).0, ask)
}

fn without_cookie_bound() -> [TenantBuilder; 1] {
    [a_tenant().dex()]
}

fn with_cookie_bound() -> [TenantBuilder; 2] {
    [
        a_tenant(),
        a_tenant().dex().with(|spec| spec.sessions.enabled = true),
    ]
}

const EVERY: [(bool, By); 4] = [
    (false, By::Upstream),
    (true, By::Upstream),
    (false, By::Password),
    (true, By::Password),
];

/// Proves who they are in the login of `state`, whoever began it.
async fn finishes(
    person: &mut Person,
    view: &TenantView,
    state: &str,
    by: By,
) -> Result<Outcome, FlowError> {
    match by {
        By::Upstream => person.returns(view, &format!("code=c&state={state}")).await,
        By::Password => {
            let form = format!("/auth/mock/login?state={state}");
            person.types(view, &form, "jane", PASSWORD).await
        }
    }
}

/// Every way to ask for a login by its name alone.
async fn asks_again(person: &Person, view: &TenantView, state: &str, by: By) -> Vec<FlowError> {
    let mut refused = Vec::new();
    let bare = format!("state={state}");
    let form = Params::parse(&format!("RelayState={state}")).unwrap();
    refused.push(person.clone().returns(view, &bare).await.unwrap_err());
    let posted = callback::complete(
        view,
        at_callback(view),
        Returned::Form(form),
        &person.browser,
    )
    .await;
    refused.push(posted.unwrap_err());
    let form = format!("/auth/mock/login?{bare}");
    refused.push(person.clone().opens(view, &form).await.unwrap_err());
    for password in [PASSWORD, "wrong"] {
        let typed = person.clone().types(view, &form, "jane", password).await;
        refused.push(typed.unwrap_err());
    }
    let finished = finishes(&mut person.clone(), view, state, by).await;
    refused.push(finished.unwrap_err());
    refused
}

#[tokio::test]
async fn who_began_a_login_for_somebody_else_never_gets_its_proof() {
    for (public, by) in EVERY {
        for builder in without_cookie_bound() {
            let (view, ask) = tenant(builder, public, by);
            let (mut attacker, mut victim) = (Person::default(), Person::default());
            let sent = attacker.opens(&view, &format!("/auth/mock?{ask}")).await;
            let state = state_in(&sent.unwrap());
            let proven = finishes(&mut victim, &view, &state, by).await.unwrap();
            let proof = destination(&proven).to_owned();
            assert!(proof.starts_with("/approval?req="), "{proof}");

            let stranger = Person::default();
            for asking in [&attacker, &stranger] {
                for refused in asks_again(asking, &view, &state, by).await {
                    let told = heard::<Outcome>(Err(refused));
                    assert_eq!(told, (Refusal::WrongBrowser, false), "{public} {by:?}");
                }
            }
            let guessed = format!("/approval?req={state}");
            let told = heard(attacker.opens(&view, &guessed).await);
            assert_eq!(told, (Refusal::BadProof, false));
            // Not even who saw the victim's address bar.
            let told = heard(attacker.opens(&view, &proof).await);
            assert_eq!(told, (Refusal::WrongBrowser, false));

            let shown = victim.opens(&view, &proof).await.unwrap();
            let answered = victim.answers(&view, &shown, true).await.unwrap();
            assert!(!code_in(&answered).is_empty());
        }
    }
}

/// The routes that name a stored login: its choice, and a connector of it.
fn named(state: &str) -> [String; 2] {
    [
        format!("/auth?req={state}"),
        format!("/auth/mock?req={state}"),
    ]
}

async fn stored(view: &TenantView, state: &str) -> AuthRequest {
    let id = AuthRequestId::parse(state).unwrap();
    let found = view.effects.cache.get_auth_request(&id).await;
    found.unwrap().unwrap()
}

#[tokio::test]
async fn who_opens_a_finished_login_by_its_name_alone_begins_another_and_gets_no_proof() {
    for (public, by, is_posted) in EVERY
        .map(|(public, by)| (public, by, false))
        .into_iter()
        .chain([(false, By::Upstream, true), (true, By::Upstream, true)])
    {
        let (view, ask) = tenant(a_tenant().dex(), public, by);
        let (mut attacker, mut victim) = (Person::default(), Person::default());
        let sent = attacker.opens(&view, &format!("/auth/mock?{ask}")).await;
        let state = state_in(&sent.unwrap());
        let proven = if is_posted {
            // No cookie came along, so that from here on the login is bound to no browser.
            let form = Params::from_pairs([("RelayState", state.as_str())]);
            let posted = Returned::Form(form);
            let turn = callback::complete(&view, None, posted, &victim.browser).await;
            turn.unwrap().outcome
        } else {
            finishes(&mut victim, &view, &state, by).await.unwrap()
        };
        let finished = stored(&view, &state).await;
        assert!(finished.person.is_some());

        for asking in [&attacker, &Person::default()] {
            let is_known_as_another = !is_posted && !asking.browser.bindings.is_empty();
            for route in named(&state) {
                let opened = asking.clone().opens(&view, &route).await;
                let what = format!("{route} {public} {by:?} {is_posted}");
                if is_known_as_another {
                    let told = heard(opened);
                    assert_eq!(told, (Refusal::WrongBrowser, false), "{what}");
                    continue;
                }
                let another = state_in(&opened.unwrap());
                assert_ne!(another, state, "{what}");
                assert_eq!(stored(&view, &another).await.person, None, "{what}");
            }
        }
        assert_eq!(stored(&view, &state).await, finished, "it stays as it was");
        let shown = victim.follows(&view, &proven).await.unwrap();
        code_in(&victim.answers(&view, &shown, true).await.unwrap());
    }
}

#[tokio::test]
async fn where_cookies_are_a_must_nobody_else_opens_a_login_by_its_name() {
    for (public, by) in EVERY {
        for builder in with_cookie_bound() {
            let (view, ask) = tenant(builder, public, by);
            let (mut owner, mut other) = (Person::default(), Person::default());
            let route = format!("/auth/mock?{ask}");
            other.opens(&view, &route).await.unwrap();
            let state = state_in(&owner.opens(&view, &route).await.unwrap());
            for is_finished in [false, true] {
                if is_finished {
                    finishes(&mut owner, &view, &state, by).await.unwrap();
                }
                let before = stored(&view, &state).await;
                for stranger in [&Person::default(), &other] {
                    for route in named(&state) {
                        let told = heard(stranger.clone().opens(&view, &route).await);
                        assert_eq!(told, (Refusal::WrongBrowser, false), "{route} {by:?}");
                    }
                }
                assert_eq!(stored(&view, &state).await, before);
            }
        }
    }
}

#[tokio::test]
async fn where_cookies_are_a_must_nobody_finishes_a_login_begun_elsewhere() {
    for (public, by) in EVERY {
        for builder in with_cookie_bound() {
            let (view, ask) = tenant(builder, public, by);
            let (mut attacker, mut victim) = (Person::default(), Person::default());
            let sent = attacker.opens(&view, &format!("/auth/mock?{ask}")).await;
            let state = state_in(&sent.unwrap());
            let told = heard(finishes(&mut victim, &view, &state, by).await);
            assert_eq!(told, (Refusal::WrongBrowser, false), "{public} {by:?}");
            assert!(victim.session().is_none());
        }
    }
}

#[tokio::test]
async fn a_browser_known_by_another_cookie_finishes_no_login_of_somebody_else() {
    for (public, by) in EVERY {
        let (view, ask) = tenant(a_tenant().dex(), public, by);
        let (mut attacker, mut victim) = (Person::default(), Person::default());
        let route = format!("/auth/mock?{ask}");
        let state = state_in(&attacker.opens(&view, &route).await.unwrap());
        victim.opens(&view, &route).await.unwrap();
        let told = heard(finishes(&mut victim, &view, &state, by).await);
        assert_eq!(told, (Refusal::WrongBrowser, false), "{public} {by:?}");
    }
}

#[tokio::test]
async fn the_browser_that_finished_a_login_may_load_the_page_again() {
    for (public, by) in EVERY {
        let [ours, sessions] = with_cookie_bound();
        for builder in [ours, sessions, a_tenant().dex()] {
            let (view, ask) = tenant(builder, public, by);
            let mut person = Person::default();
            let sent = person.opens(&view, &format!("/auth/mock?{ask}")).await;
            let state = state_in(&sent.unwrap());
            finishes(&mut person, &view, &state, by).await.unwrap();
            let again = finishes(&mut person, &view, &state, by).await.unwrap();
            let shown = person.follows(&view, &again).await.unwrap();
            assert!(matches!(shown, Outcome::Show(Screen::Consent { .. })));
        }
    }
}

#[tokio::test]
async fn a_finished_login_that_asked_nothing_is_over_for_everybody() {
    for (public, by) in EVERY {
        let [ours, sessions] = with_cookie_bound();
        for builder in [ours, sessions, a_tenant().dex()] {
            let builder = builder.with(|spec| spec.oauth2.skip_approval_screen = true);
            let (view, ask) = tenant(builder, public, by);
            let mut person = Person::default();
            let sent = person.opens(&view, &format!("/auth/mock?{ask}")).await;
            let state = state_in(&sent.unwrap());
            code_in(&finishes(&mut person, &view, &state, by).await.unwrap());
            for asking in [&person, &Person::default()] {
                for refused in asks_again(asking, &view, &state, by).await {
                    let told = heard::<Outcome>(Err(refused));
                    assert_eq!(told, (Refusal::LoginUnknown, false), "{public} {by:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_browser_that_takes_no_cookies_logs_in_through_dexs_dialect_and_is_told_once() {
    for (public, by) in EVERY {
        let (view, ask) = tenant(a_tenant().dex(), public, by);
        let without = Person::default;
        let sent = without().opens(&view, &format!("/auth/mock?{ask}")).await;
        let state = state_in(&sent.unwrap());
        let proven = finishes(&mut without(), &view, &state, by).await.unwrap();
        let again = heard(finishes(&mut without(), &view, &state, by).await);
        assert_eq!(again, (Refusal::WrongBrowser, false), "the proof was told");
        let shown = without().follows(&view, &proven).await.unwrap();
        let answered = without().answers(&view, &shown, true).await.unwrap();
        assert!(!code_in(&answered).is_empty(), "{public} {by:?}");
    }
}

#[tokio::test]
async fn an_answer_posted_by_another_site_costs_no_other_tab_its_login() {
    let (view, ask) = tenant(a_tenant().dex(), false, By::Upstream);
    let mut person = Person::default();
    let route = format!("/auth/mock?{ask}");
    let first = person.opens(&view, &route).await.unwrap();
    let second = person.opens(&view, &route).await.unwrap();
    let posted = Params::from_pairs([("RelayState", state_in(&first).as_str())]);
    // A cross-site POST comes without the cookie that the browser holds.
    let elsewhere = Browser::default();
    let turn = callback::complete(&view, None, Returned::Form(posted), &elsewhere).await;
    let turn = turn.unwrap();
    assert_eq!(turn.cookies, [], "the cookie of the other tab stays");
    let shown = person.follows(&view, &turn.outcome).await.unwrap();
    let (req, _) = consent_fields(&shown);
    let told = heard(person.returns(&view, &format!("state={req}")).await);
    assert_eq!(told, (Refusal::WrongBrowser, false), "a name is no proof");
    code_in(&person.answers(&view, &shown, true).await.unwrap());
    person.logs_in(&view, &second).await.unwrap();
}

#[tokio::test]
async fn a_login_that_another_version_stored_is_over_and_no_fault_of_ours() {
    for builder in [a_tenant(), a_tenant().dex()] {
        for by in [By::Upstream, By::Password] {
            let (view, ask) = tenant(builder.clone(), false, by);
            let (view, _, cache) = crate::testing::watched(&view);
            let mut person = Person::default();
            let sent = person.opens(&view, &format!("/auth/mock?{ask}")).await;
            let state = state_in(&sent.unwrap());
            let unreadable = || {
                let trouble = crate::testing::Trouble::Unreadable;
                cache.trouble("get_auth_request", trouble);
            };
            let over = (Refusal::LoginUnknown, false);
            unreadable();
            let told = heard(finishes(&mut person, &view, &state, by).await);
            assert_eq!(told, over, "{by:?}");
            let hmac = insula_engine::proof_of(&view.keys, &state, insula_engine::Step::Approval);
            for route in [
                format!("/auth/mock/login?state={state}"),
                format!("/approval?req={state}&hmac={hmac}"),
                format!("/auth?req={state}"),
                format!("/auth/mock?req={state}"),
            ] {
                unreadable();
                let told = heard(person.opens(&view, &route).await);
                assert_eq!(told, over, "{route}");
            }
        }
    }
}

#[tokio::test]
async fn a_cookie_planted_beside_ours_does_not_lose_the_login() {
    for builder in [a_tenant(), a_tenant().dex()] {
        let (view, ask) = tenant(builder, false, By::Upstream);
        let mut person = Person::default();
        let sent = person.opens(&view, &format!("/auth/mock?{ask}")).await;
        let sent = sent.unwrap();
        let planted = insula_model::BindingCookie::new("planted-by-a-sibling-of-this-host");
        person.browser.bindings.insert(0, planted);
        assert!(person.logs_in(&view, &sent).await.is_ok());
    }
}
