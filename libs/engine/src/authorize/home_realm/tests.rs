use insula_model::{AuthorizationRequest, TenantSpec};
use insula_oauth::Prompts;
use insula_testkit::{NOW, a_connector, a_tenant, an_authorization_request};

use super::super::next::{Standing, next};
use super::*;
use crate::Refusal;

fn id(text: &str) -> ConnectorId {
    ConnectorId::parse(text).unwrap()
}

/// `mock` and `other` own no domain; `acme` and `globex` own one each.
fn a_tenant_of_domains() -> TenantSpec {
    let with_domain = |name: &str, domain: &str| ConnectorSpec {
        domains: vec![domain.to_owned()],
        ..a_connector(name)
    };
    a_tenant()
        .with_connector(a_connector("other"))
        .with_connector(with_domain("acme", "acme.example"))
        .with_connector(with_domain("globex", "globex.example"))
        .build()
}

fn without(mut spec: TenantSpec, gone: &[&str]) -> TenantSpec {
    spec.connectors
        .retain(|one| !gone.contains(&one.id.as_str()));
    spec
}

fn step(
    spec: &TenantSpec,
    choice: &Choice,
    change: impl FnOnce(&mut AuthorizationRequest),
) -> Result<Next, Refusal> {
    let mut request = an_authorization_request();
    change(&mut request);
    let standing = Standing::Arriving {
        session: None,
        logged_in_to: None,
        choice,
    };
    let client = spec.clients.get(&request.client_id).unwrap();
    next(&request, client, spec, standing, NOW)
}

fn typed(spec: &TenantSpec, address: &str) -> Next {
    step(spec, &Choice::Typed(address.to_owned()), |_| {}).unwrap()
}

fn hinted(spec: &TenantSpec, hint: &str) -> Next {
    step(spec, &Choice::Open, |r| {
        r.login_hint = Some(hint.to_owned());
    })
    .unwrap()
}

fn ask(others: &[&str], trouble: Option<AddressTrouble>) -> Next {
    Next::AskAddress {
        others: others.iter().map(|one| id(one)).collect(),
        trouble,
    }
}

#[test]
fn the_domain_of_the_typed_address_leads_to_its_connector() {
    let spec = a_tenant_of_domains();
    let others = || Next::Choose(vec![id("mock"), id("other")]);
    for (address, next) in [
        ("jane@acme.example", Next::LogIn(id("acme"))),
        (" Jane@ACME.example ", Next::LogIn(id("acme"))),
        ("bob@globex.example", Next::LogIn(id("globex"))),
        ("nobody@globex.example", Next::LogIn(id("globex"))),
        ("jane@mail.acme.example", others()),
        ("jane@evilacme.example", others()),
        ("jane@home.example", others()),
        (
            "jane",
            ask(&["mock", "other"], Some(AddressTrouble::Malformed)),
        ),
        ("", ask(&["mock", "other"], Some(AddressTrouble::Malformed))),
    ] {
        assert_eq!(typed(&spec, address), next, "{address}");
    }
}

#[test]
fn who_is_of_no_known_domain_has_the_connectors_that_own_none() {
    let one = without(a_tenant_of_domains(), &["other"]);
    assert_eq!(typed(&one, "jane@home.example"), Next::LogIn(id("mock")));
    let none = without(a_tenant_of_domains(), &["other", "mock"]);
    let unroutable = ask(&[], Some(AddressTrouble::Unroutable));
    assert_eq!(typed(&none, "jane@home.example"), unroutable);
    assert_eq!(hinted(&none, "jane@home.example"), ask(&[], None));
}

#[test]
fn people_are_asked_for_an_address_only_where_a_domain_leads_somewhere() {
    let spec = a_tenant_of_domains();
    let open = |spec: &TenantSpec| step(spec, &Choice::Open, |_| {}).unwrap();
    assert_eq!(open(&spec), ask(&["mock", "other"], None));
    let no_domains = without(spec.clone(), &["acme", "globex"]);
    assert_eq!(
        open(&no_domains),
        Next::Choose(vec![id("mock"), id("other")])
    );
    let only_one = without(spec, &["globex", "mock", "other"]);
    assert_eq!(open(&only_one), Next::LogIn(id("acme")));
    assert_eq!(
        typed(&only_one, "bob@globex.example"),
        Next::LogIn(id("acme"))
    );
}

#[test]
fn a_hint_of_the_client_that_is_an_address_skips_the_page() {
    let spec = a_tenant_of_domains();
    assert_eq!(hinted(&spec, "jane@acme.example"), Next::LogIn(id("acme")));
    let others = Next::Choose(vec![id("mock"), id("other")]);
    assert_eq!(hinted(&spec, "jane@home.example"), others);
    assert_eq!(hinted(&spec, "jane"), ask(&["mock", "other"], None));
}

#[test]
fn the_page_is_shown_despite_a_hint_to_who_is_to_select_an_account_or_wants_another_way() {
    let spec = a_tenant_of_domains();
    let page = || Ok(ask(&["mock", "other"], None));
    let hint = |r: &mut AuthorizationRequest| r.login_hint = Some("jane@acme.example".to_owned());
    assert_eq!(step(&spec, &Choice::Wanted, hint), page());
    let selecting = step(&spec, &Choice::Open, |r| {
        hint(r);
        r.prompts = Prompts {
            select_account: true,
            ..Prompts::default()
        };
    });
    assert_eq!(selecting, page());
    let mut always = spec.clone();
    always.oauth2.always_show_login_screen = true;
    assert_eq!(step(&always, &Choice::Open, hint), page());
    assert_eq!(typed(&always, "jane@acme.example"), Next::LogIn(id("acme")));
}

#[test]
fn the_connector_that_a_client_insists_on_beats_hint_and_typed_address() {
    let spec = a_tenant_of_domains();
    for choice in [Choice::Open, Choice::Typed("jane@acme.example".to_owned())] {
        let insisting = step(&spec, &choice, |r| {
            r.connector_id = Some(id("globex"));
            r.login_hint = Some("jane@acme.example".to_owned());
        });
        assert_eq!(insisting, Ok(Next::LogIn(id("globex"))));
    }
}

#[test]
fn a_connector_that_the_client_does_not_take_leads_nobody_anywhere() {
    let mut spec = a_tenant_of_domains();
    let request = an_authorization_request();
    let mut client = spec.client(request.client_id.as_str()).unwrap().clone();
    client.allowed_connectors = vec![id("mock"), id("globex")];
    spec.clients.insert(client.id.clone(), client.into());
    assert_eq!(typed(&spec, "jane@acme.example"), Next::LogIn(id("mock")));
    assert_eq!(
        typed(&spec, "bob@globex.example"),
        Next::LogIn(id("globex"))
    );
}

#[test]
fn nothing_is_asked_of_who_must_not_be_asked() {
    let spec = a_tenant_of_domains();
    let silent = step(&spec, &Choice::Open, |r| {
        r.login_hint = Some("jane@acme.example".to_owned());
        r.prompts = Prompts {
            none: true,
            ..Prompts::default()
        };
    });
    assert_eq!(silent, Err(Refusal::LoginRequired));
}
