use insula_model::GrantId;

use super::*;
use crate::Peers;
use crate::access_token::VerifiedToken;

/// What a plan comes to in which nobody logged in, signed by a key of the ring.
fn issued_to_client(spec: &TenantSpec, ring: &KeyRing) -> TokenSet {
    let (client, scopes) = (a_client().build(), Scopes::parse("email groups"));
    let audience = Audience::of(&scopes, &client.id, &Peers::default()).unwrap();
    let plan = TokenPlan {
        client_id: &client.id,
        grant_id: &GrantId::parse("family1").unwrap(),
        subject: Subject::Client(&client),
        actor: None,
        scopes: &scopes,
        claims: RequestedClaims::default(),
        nonce: None,
        audience,
        access_scopes: scopes.clone(),
        carried: ClaimSet::default(),
        lifetime: Duration::from_mins(5),
        id_token: None,
        refresh: None,
    };
    let alg = spec.signer.algorithms[0].parse().unwrap();
    let signing = ring.signing_key(alg).unwrap();
    let keys = Keys::of_one(ring, signing);
    issue(&plan, spec, keys, NOW, &SeededEntropy::new(7)).unwrap()
}

#[test]
fn rfc_9068_2_2_a_client_can_be_the_subject_where_nobody_logged_in() {
    for (spec, sub) in [
        (a_tenant().build(), "app"),
        (a_tenant().dex().build(), "CgNhcHA"),
    ] {
        let tokens = issued_to_client(&spec, &test_keys());
        assert_eq!((tokens.id_token, tokens.refresh_token), (None, None));
        assert_eq!(tokens.expires_in, Duration::from_mins(5));
        let claims = payload(&tokens.access_token);
        assert_eq!(claims["sub"], sub);
        assert_eq!(claims["aud"], "app");
        assert_eq!(claims["exp"], NOW.as_secs() + 300);
        let of_a_login = ["auth_time", "sid", "amr", "acr", "nonce", "act"];
        for absent in of_a_login.into_iter().chain(["name", "email", "groups"]) {
            assert_eq!(claims.get(absent), None, "{absent}");
        }
    }
}

#[test]
fn a_token_about_a_client_is_verified_as_one_of_ours_and_its_family_known() {
    let (spec, ring) = (a_tenant().build(), test_keys());
    let tokens = issued_to_client(&spec, &ring);
    let token = VerifiedToken::verify(tokens.access_token.reveal(), &spec, &ring, NOW);
    let token = token.unwrap();
    assert_eq!(token.client_id(), Some("app"));
    assert_eq!(token.grant(), Some(a_code_grant().grant_id));
    assert!(token.is_of_a_known_person(&spec));
}

#[test]
fn rfc_8693_4_1_who_acts_for_the_subject_is_in_both_tokens_with_the_chain_before() {
    let before = Actor {
        sub: "first".to_owned(),
        act: None,
    };
    let acting = Actor {
        sub: "second".to_owned(),
        act: Some(Box::new(before)),
    };
    let spec = a_tenant().build();
    let issued = |plan: TokenPlan<'_>| {
        let plan = TokenPlan {
            actor: Some(acting.clone()),
            ..plan
        };
        issue_plan(&spec, &plan)
    };
    let tokens = with_plan(&spec, &a_code_grant(), issued).unwrap();
    let expected = json!({"sub": "second", "act": {"sub": "first"}});
    for token in [&tokens.access_token, tokens.id_token.as_ref().unwrap()] {
        assert_eq!(payload(token)["act"], expected);
        assert_eq!(payload(token)["sub"], "CgZqYW5lLTESBG1vY2s");
    }
}

#[test]
fn the_refresh_token_told_is_the_current_one_of_the_planned_grant() {
    let spec = a_tenant().build();
    let told = |plan: TokenPlan<'_>| {
        let told = issue_plan(&spec, &plan).into_response(NOW).refresh_token;
        let planned = plan.refresh.as_deref();
        let current = planned.map(|grant| RefreshToken::current(grant, &test_keys()).encode());
        assert_eq!(told, current);
        told
    };
    let mut grant = a_code_grant();
    assert!(with_plan(&spec, &grant, told).unwrap().is_some());
    grant.scopes = Scopes::parse("openid");
    assert!(with_plan(&spec, &grant, told).unwrap().is_none());
}
