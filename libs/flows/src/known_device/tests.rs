use std::time::Duration;

use insula_testkit::a_tenant;

use super::*;
use crate::testing::{elsewhere, reconfigured, view};

const DAY: Duration = Duration::from_hours(24);

fn knowing(view: &TenantView, browser: &mut Browser, name: &str) {
    match remember(view, browser, "mock", name) {
        Some(CookieChange::KnowDevice { value, .. }) => browser.devices = vec![value],
        other => panic!("{other:?}"),
    }
}

fn knows(view: &TenantView, browser: &Browser, name: &str) -> bool {
    device(view, browser, "mock", name).is_some()
}

#[test]
fn a_browser_is_known_for_as_long_as_the_tenant_says() {
    let (view, clock) = view(a_tenant().with(|spec| spec.limits.known_devices = 2 * DAY));
    let mut browser = Browser::default();
    assert!(!knows(&view, &browser, "jane"));
    knowing(&view, &mut browser, "jane");
    clock.advance(DAY + Duration::from_secs(24 * 3600 - 1));
    assert!(
        knows(&view, &browser, " Jane "),
        "the name as it is counted"
    );
    assert!(knows(&elsewhere(&view), &browser, "jane"), "on every node");
    clock.advance(Duration::from_secs(1));
    assert!(!knows(&view, &browser, "jane"));

    let never = reconfigured(&view, |spec| spec.limits.known_devices = Duration::ZERO);
    assert_eq!(remember(&never, &browser, "mock", "jane"), None);
}

#[test]
fn a_browser_is_known_to_the_names_that_logged_in_and_no_others() {
    let (view, _) = view(a_tenant());
    let mut browser = Browser::default();
    knowing(&view, &mut browser, "jane");
    let first = device(&view, &browser, "mock", "jane");
    knowing(&view, &mut browser, "john");
    assert_eq!(device(&view, &browser, "mock", "jane"), first);
    assert_eq!(device(&view, &browser, "mock", "john"), first);
    assert!(!knows(&view, &browser, "admin"));
    assert_eq!(device(&view, &browser, "other", "jane"), None);
}

#[test]
fn a_cookie_that_the_tenant_did_not_seal_says_nothing() {
    let (ours, _) = view(a_tenant());
    let (theirs, _) = view(a_tenant().with(|spec| spec.limits.password_hashes = 5));
    let theirs = TenantView {
        keys: std::sync::Arc::new(insula_jose::KeyRing::empty(theirs.effects.entropy.as_ref())),
        ..theirs
    };
    let mut browser = Browser::default();
    knowing(&theirs, &mut browser, "jane");
    assert!(knows(&theirs, &browser, "jane"));
    assert!(!knows(&ours, &browser, "jane"));
    let foreign = browser.devices.clone();
    knowing(&ours, &mut browser, "jane");
    let mut cut = browser.devices[0].clone();
    cut.pop();
    for made_up in [String::new(), "{}".to_owned(), cut] {
        let planted = Browser {
            devices: vec![made_up],
            ..Browser::default()
        };
        assert!(!knows(&ours, &planted, "jane"));
    }
    browser.devices.splice(0..0, foreign);
    assert!(
        knows(&ours, &browser, "jane"),
        "whatever was planted beside it"
    );
}

#[test]
fn a_cookie_stays_short_and_shows_no_name_however_many_log_in() {
    let (view, clock) = view(a_tenant());
    let mut browser = Browser::default();
    for n in 0..50 {
        clock.advance(Duration::from_secs(1));
        knowing(&view, &mut browser, &format!("person-{n}@acme.test"));
    }
    assert!(
        browser.devices[0].len() < 1_500,
        "{}",
        browser.devices[0].len()
    );
    let known = (0..50).filter(|n| knows(&view, &browser, &format!("person-{n}@acme.test")));
    assert_eq!(known.collect::<Vec<_>>(), (42..50).collect::<Vec<_>>());
}
