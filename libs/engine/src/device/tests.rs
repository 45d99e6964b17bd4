use insula_oauth::Params;
use insula_testkit::{CHALLENGE, a_client, a_tenant};

use super::*;

fn judged(form: &str, spec: &TenantSpec) -> Result<DeviceAsks, Refusal> {
    let client = a_client().build();
    let request = DeviceAuthorizationRequest::from_params(&Params::parse(form).unwrap());
    judge(&request, Some(&client), &Peers::default(), spec)
}

fn served() -> TenantSpec {
    a_tenant()
        .with(|spec| spec.oauth2.grant_types.push(GrantType::DeviceCode))
        .build()
}

#[test]
fn a_device_that_names_no_scope_asks_for_openid() {
    for spec in [served(), a_tenant().dex().build()] {
        let asks = judged("", &spec).unwrap();
        assert_eq!(asks.scopes, Scopes::parse("openid"));
        assert_eq!(asks.code_challenge, None);
    }
}

#[test]
fn scopes_are_judged_at_once_and_in_dex_when_the_login_begins() {
    let dex = a_tenant().dex().build();
    let unknown = "scope=openid+nonsense";
    assert_eq!(
        judged(unknown, &served()).unwrap().scopes,
        Scopes::parse("openid")
    );
    let kept = judged(unknown, &dex).unwrap().scopes;
    assert_eq!(kept, Scopes::parse("openid nonsense"));
    let refused = judged("scope=nonsense", &served());
    assert_eq!(refused, Err(Refusal::MissingOpenIdScope));
    let untrusted = judged("scope=openid+audience:server:client_id:ledger", &served());
    assert!(
        matches!(untrusted, Err(Refusal::UntrustedAudience(_))),
        "{untrusted:?}"
    );
}

#[test]
fn a_challenge_is_kept_and_one_of_another_method_refused() {
    let sent = |method: &str| format!("code_challenge={CHALLENGE}&code_challenge_method={method}");
    for spec in [served(), a_tenant().dex().build()] {
        let kept = judged(&sent("S256"), &spec).unwrap().code_challenge;
        let expected = CodeChallenge {
            method: CodeChallengeMethod::S256,
            value: CHALLENGE.to_owned(),
        };
        assert_eq!(kept, Some(expected));
        let refused = judged(&sent("S512"), &spec);
        let method = Refusal::PkceMethodNotSupported("S512".to_owned());
        assert_eq!(refused, Err(method));
    }
    let only_s256 = a_tenant().with(|spec| {
        spec.oauth2.pkce_methods = vec![CodeChallengeMethod::S256];
    });
    let plain = judged(&sent("plain"), &only_s256.build());
    let method = Refusal::PkceMethodNotSupported("plain".to_owned());
    assert_eq!(plain, Err(method), "as at the authorization endpoint");
    let short = judged("code_challenge=short&code_challenge_method=S256", &served());
    assert_eq!(short, Err(Refusal::PkceMalformed));
    // dex looks at the method even where there is no challenge.
    let dex = a_tenant().dex().build();
    let alone = judged("code_challenge_method=S512", &dex);
    assert!(matches!(alone, Err(Refusal::PkceMethodNotSupported(_))));
}

#[test]
fn a_parameter_that_comes_twice_is_refused_and_in_dex_the_first_counts() {
    let twice = "scope=openid&scope=openid+email";
    let refused = Refusal::DuplicateParameter("scope".to_owned());
    assert_eq!(judged(twice, &served()), Err(refused));
    let dex = judged(twice, &a_tenant().dex().build()).unwrap();
    assert_eq!(dex.scopes, Scopes::parse("openid"));
}

#[test]
fn a_client_may_ask_where_the_tenant_serves_it_and_its_own_grants_allow_it() {
    let any = a_client().build();
    assert_eq!(may_ask(&any, &served()), Ok(()));
    let not_served = may_ask(&any, &a_tenant().build());
    assert!(matches!(not_served, Err(Refusal::UnsupportedGrantType(_))));
    let mut web = a_client().build();
    web.grant_types = vec![GrantType::AuthorizationCode];
    assert_eq!(may_ask(&web, &served()), Err(Refusal::GrantNotAllowed));
    web.grant_types.push(GrantType::DeviceCode);
    assert_eq!(may_ask(&web, &served()), Ok(()));
}

#[test]
fn both_spellings_of_dex_s_callback_are_its_callback() {
    let spec = a_tenant().dex().at("acme", "https://acme.test/dex").build();
    for (uri, expected) in [
        ("/device/callback", true),
        ("/dex/device/callback", true),
        ("/other/device/callback", false),
        ("https://acme.test/dex/device/callback", false),
        ("/dex/device/callback/", false),
        ("/dex", false),
    ] {
        assert_eq!(is_callback(uri, &spec), expected, "{uri}");
    }
}

#[test]
fn resources_are_asked_for_as_at_the_authorization_endpoint_and_dex_knows_none() {
    let named = "resource=https%3A%2F%2Fapi.test&resource=https%3A%2F%2Fapi.test";
    let refused = judged(named, &served());
    assert!(refused.is_err(), "no such resource: {refused:?}");
    let dex = judged(named, &a_tenant().dex().build()).unwrap();
    assert_eq!(dex.resources, Vec::<String>::new());
}
