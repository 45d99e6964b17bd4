use insula_jose::KeyRing;
use insula_testkit::{a_connector, a_tenant};

use super::*;
use crate::testing::{elsewhere, reconfigured, view};

fn two() -> insula_testkit::TenantBuilder {
    a_tenant().with_connector(a_connector("other"))
}

fn other() -> ConnectorId {
    ConnectorId::parse("other").unwrap()
}

fn told(view: &TenantView) -> Browser {
    match remember(view, &other()) {
        Some(CookieChange::RememberConnector { value, .. }) => Browser {
            last_used: vec![value],
            ..Browser::default()
        },
        told => panic!("{told:?}"),
    }
}

#[test]
fn a_connector_is_remembered_for_a_while_on_every_node() {
    let (view, clock) = view(two());
    let browser = told(&view);
    assert_eq!(remembered(&elsewhere(&view), &browser), Some(other()));
    clock.advance(Duration::from_secs(KNOWN_FOR.as_secs() - 1));
    assert_eq!(remembered(&view, &browser), Some(other()));
    clock.advance(Duration::from_secs(1));
    assert_eq!(remembered(&view, &browser), None);
}

#[test]
fn a_cookie_that_the_tenant_did_not_seal_names_no_connector() {
    let (ours, _) = view(two());
    let theirs = TenantView {
        keys: std::sync::Arc::new(KeyRing::empty(ours.effects.entropy.as_ref())),
        ..ours.clone()
    };
    let theirs = told(&theirs);
    assert_eq!(remembered(&ours, &theirs), None);
    for value in ["", "other", "b3RoZXI", "!"] {
        let forged = Browser {
            last_used: vec![value.to_owned()],
            ..Browser::default()
        };
        assert_eq!(remembered(&ours, &forged), None, "{value}");
    }
}

#[test]
fn nothing_is_remembered_where_there_is_no_choice_and_in_dexs_dialect() {
    let (alone, _) = view(a_tenant());
    assert_eq!(remember(&alone, &other()), None);
    let (ours, _) = view(two());
    let browser = told(&ours);
    let dex = reconfigured(&ours, |spec| spec.rules = insula_model::Rules::DEX);
    assert_eq!(remember(&dex, &other()), None);
    assert_eq!(remembered(&dex, &browser), None);
}
