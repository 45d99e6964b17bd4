use insula_model::Rules;
use insula_oauth::Params;
use insula_testkit::{FakeConnector, TenantBuilder, a_client, a_tenant};

use super::*;
use crate::testing::{Person, destination, heard, state_in, view, with_connector};

/// A tenant whose upstream can log people out, and somebody who is logged in.
async fn at_upstream(tenant: TenantBuilder) -> (TenantView, Person, String) {
    let (view, _) = view(tenant);
    let fake = FakeConnector::redirecting().logging_out();
    let (view, _) = with_connector(&view, "mock", fake);
    let (person, hint) = logged_in(&view).await;
    (view, person, hint)
}

#[tokio::test]
async fn a_person_is_logged_out_at_the_upstream_and_comes_back_to_go_on() {
    let dex = a_tenant().by(Rules::DEX);
    let ours = a_tenant().by(Rules {
        logs_out_upstream_unless_told: true,
        ..Rules::STANDARD
    });
    for tenant in [dex, ours] {
        let (view, person, hint) = Box::pin(at_upstream(tenant)).await;
        let asked = LogoutRequest {
            client_id: None,
            ..request(Some(&hint), Some(BYE))
        };
        let turn = leaves(&view, &asked, None, &person).await.unwrap();
        let sent = destination(&turn.outcome);
        assert!(sent.starts_with("https://upstream.test/logout?"), "{sent}");
        assert!(sent.contains("acme.test%2Flogout%2Fcallback"), "{sent}");
        assert!(!has_session(&view, &person).await, "whatever comes of it");
        let state = state_in(&turn.outcome);
        assert!(!state.contains("app.test"));
        let nobody = Browser::default();
        let back = returned(&view, Some(&state), &nobody).await.unwrap();
        assert_eq!(destination(&back.outcome), "https://app.test/bye?state=xyz");
    }
}

#[tokio::test]
async fn a_link_to_the_upstream_is_not_called_the_way_back_to_the_client() {
    let mut app = a_client().build();
    app.logout.frontchannel_logout_uri = Some("https://app.test/out".to_owned());
    let tenant = a_tenant().with_client(app).by(Rules {
        logs_out_upstream_unless_told: true,
        ..Rules::STANDARD
    });
    let (view, person, hint) = Box::pin(at_upstream(tenant)).await;
    let asked = request(Some(&hint), Some(BYE));
    let turn = leaves(&view, &asked, None, &person).await.unwrap();
    let Outcome::Show(Screen::LoggedOut {
        client_name,
        return_to,
        frames,
        ..
    }) = turn.outcome
    else {
        panic!("not the page with frames: {:?}", turn.outcome);
    };
    assert_eq!(frames.len(), 1);
    let return_to = return_to.unwrap();
    assert!(return_to.starts_with("https://upstream.test/logout?"));
    assert_eq!(client_name, None, "{return_to} is not the client's");
}

#[tokio::test]
async fn nobody_is_sent_to_an_upstream_that_was_not_told_so() {
    let (view, person, hint) = Box::pin(at_upstream(a_tenant())).await;
    let asked = request(Some(&hint), None);
    let turn = leaves(&view, &asked, None, &person).await.unwrap();
    assert_eq!(turn.outcome, shown(&["de", "en"]));
}

#[tokio::test]
async fn whoever_comes_back_without_having_left_goes_nowhere() {
    let (view, clock) = view(a_tenant());
    let nobody = Browser::default();
    let (person, _) = logged_in(&view).await;
    // What another site posts travels in words that we seal, too.
    let evil = Params::from_pairs([("then", "https://evil.test")]);
    let posted = crate::posted::seal(&view, "/logout/callback", &evil);
    for state in [None, Some("AAAA"), Some("not base64!"), posted.as_deref()] {
        let turn = returned(&view, state, &nobody).await.unwrap();
        assert_eq!(turn.outcome, shown(&[]));
        let turn = returned(&view, state, &person.browser).await.unwrap();
        let asked = proof_in(&turn.outcome);
        assert!(
            asked.is_some(),
            "they are logged in, and not told otherwise"
        );
    }
    let (view, person, hint) = Box::pin(at_upstream(a_tenant().by(Rules::DEX))).await;
    let told = heard(returned(&view, None, &nobody).await);
    assert_eq!(told, (Refusal::NoLogoutInProgress, false));
    let asked = request(Some(&hint), None);
    let sent = leaves(&view, &asked, None, &person).await.unwrap();
    let late = TenantView {
        effects: crate::Effects {
            clock: std::sync::Arc::new(clock.clone()),
            ..view.effects.clone()
        },
        ..view
    };
    clock.advance(std::time::Duration::from_mins(11));
    let told = returned(&late, Some(&state_in(&sent.outcome)), &nobody).await;
    assert_eq!(heard(told), (Refusal::NoLogoutInProgress, false));
}
