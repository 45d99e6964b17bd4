use insula_model::{AuthorizationRequest, Login};
use insula_oauth::ResponseType;
use insula_testkit::{a_login, an_authorization_request};

use super::*;
use crate::Peers;
use crate::grants::{FrontChannelFacts, front_channel_plan};
use crate::issue::issue_in_front_channel;
use crate::token_plan::Asker;

const CODE: &str = "the-code";

fn answered(spec: &TenantSpec, response_type: &str) -> (ResponseType, FrontChannelTokens) {
    let response_type = ResponseType::parse(response_type).unwrap();
    let request = AuthorizationRequest {
        response_type,
        scopes: Scopes::parse("openid email"),
        ..an_authorization_request()
    };
    let (login, grant_id): (Login, _) = (a_login(), a_code_grant().grant_id);
    let facts = FrontChannelFacts {
        spec,
        request: &request,
        login: &login,
        grant_id: &grant_id,
        code: response_type.code.then_some(CODE),
        asker: Asker {
            client: spec.client("app").unwrap(),
            peers: &Peers::default(),
            resources: &[],
        },
    };
    let plan = front_channel_plan(facts).unwrap();
    assert_eq!(plan.refresh, None, "RFC 6749 §4.2.2");
    let alg = spec.signer.algorithms[0].parse().unwrap();
    let (ring, key) = (test_keys(), test_key(alg, "k1"));
    let (keys, entropy) = (Keys::of_one(&ring, &key), SeededEntropy::new(7));
    let tokens = issue_in_front_channel(response_type, &plan, spec, keys, NOW, &entropy);
    (response_type, tokens.unwrap())
}

#[test]
fn an_answer_holds_the_tokens_its_response_type_names_each_bound_to_what_stands_beside_it() {
    let all = ["access_token", "token_type", "expires_in", "scope"];
    for (asked, has_access, has_id) in [
        ("id_token", false, true),
        ("token", true, false),
        ("id_token token", true, true),
        ("code id_token", false, true),
        ("code token", true, false),
        ("code id_token token", true, true),
    ] {
        for (spec, is_ours) in [
            (a_tenant().build(), true),
            (a_tenant().dex().build(), false),
        ] {
            let (asked, tokens) = answered(&spec, asked);
            let half = |text: &str| {
                let alg = spec.signer.algorithms[0].parse().unwrap();
                Some(left_half_hash(alg, text))
            };
            if let Some(id_token) = &tokens.id_token {
                let claims = payload(id_token);
                let text = |name: &str| claims[name].as_str().map(str::to_owned);
                // OpenID Connect Core §3.2.2.10, §3.3.2.11
                let access = tokens.access_token.as_ref();
                let at_hash = access.and_then(|token| half(token.reveal()));
                assert_eq!(text("at_hash"), at_hash, "{asked}");
                let c_hash = asked.code.then(|| half(CODE)).flatten();
                assert_eq!(text("c_hash"), c_hash, "{asked}");
                assert_eq!(claims["nonce"], "n-0S6_WzA2Mj");
                assert_eq!(claims["aud"], "app");
                assert_eq!(claims["email"], "jane@example.test");
                assert!(text("jti").unwrap().starts_with("family1."));
            }
            assert_eq!(tokens.access_token.is_some(), has_access, "{asked}");
            assert_eq!(tokens.id_token.is_some(), has_id, "{asked}");
            let names: Vec<_> = tokens.into_params().iter().map(|(name, _)| *name).collect();
            // dex §1.11: no scope, and no expires_in beside a code
            let told = |name: &&str| match *name {
                "expires_in" => is_ours || !asked.code,
                "scope" => is_ours,
                _ => true,
            };
            let mut expected: Vec<_> = all.into_iter().filter(|_| has_access).collect();
            expected.retain(told);
            expected.extend(has_id.then_some("id_token"));
            assert_eq!(names, expected, "{asked}");
        }
    }
}

#[test]
fn an_access_token_of_the_front_channel_is_one_like_every_other_and_as_short_lived() {
    let spec = a_tenant().build();
    let (_, tokens) = answered(&spec, "id_token token");
    let access = tokens.access_token.as_ref().unwrap();
    let claims = payload(access);
    assert_eq!(claims["client_id"], "app");
    assert_eq!(claims["exp"], NOW.as_secs() + 600);
    let params = tokens.into_params();
    let value = |name: &str| {
        let found = params.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("expires_in"), Some("600"));
    assert_eq!(value("token_type"), Some("Bearer"));
    assert_eq!(value("scope"), Some("openid email"));
    let (_, dexs) = answered(&a_tenant().dex().build(), "id_token token");
    let params = dexs.into_params();
    assert!(params.contains(&("token_type", "bearer".to_owned())));
    assert!(params.contains(&("expires_in", "86400".to_owned())));
}
