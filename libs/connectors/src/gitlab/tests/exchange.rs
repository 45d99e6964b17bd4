use insula_connector_kit::{
    Connector, ConnectorError, SubjectToken, SubjectTokenAudience, SubjectTokenKind,
};
use serde_json::json;
use wiremock::ResponseTemplate;

use super::{a_gitlab, open};
use crate::testing::NOW;

fn shown(token: &str) -> SubjectToken<'_> {
    SubjectToken {
        token,
        kind: SubjectTokenKind::AccessToken,
        audience: SubjectTokenAudience::Us("https://acme.test"),
        by_userinfo: true,
        now: NOW,
    }
}

#[tokio::test]
async fn an_access_token_is_of_whom_the_api_says_with_all_groups() {
    let fake = a_gitlab().await;
    let gitlab = open(&fake, &json!({"groups": ["acme"]})).unwrap();
    let told = gitlab.exchange(shown("glpat-1")).await.unwrap();
    assert_eq!(told.identity.claims.user_id.as_str(), "4711000");
    assert_eq!(told.identity.claims.groups, ["acme"]);
    assert_eq!(told.identity.connector_data, None);
    assert_eq!(told.claims["username"], "john_smith");
    assert_eq!(told.claims["groups"], json!(["acme"]));
    let call = &fake.calls("/api/v4/user").await[0];
    assert_eq!(call.headers["authorization"], "Bearer glpat-1");

    let other = open(&fake, &json!({"groups": ["initech"]})).unwrap();
    let refused = other.exchange(shown("glpat-1")).await;
    assert_eq!(refused.err(), Some(ConnectorError::NotInGroup));
}

#[tokio::test]
async fn a_token_that_gitlab_does_not_take_is_a_bad_one() {
    let fake = a_gitlab().await;
    let gitlab = open(&fake, &json!({})).unwrap();
    for status in [401, 403] {
        fake.answer("GET", "/api/v4/user", ResponseTemplate::new(status))
            .await;
        let refused = gitlab.exchange(shown("glpat-1")).await.unwrap_err();
        assert!(
            matches!(refused, ConnectorError::BadReply(_)),
            "{refused:?}"
        );
        assert!(!refused.to_string().contains("glpat"), "{refused}");
    }
}

#[tokio::test]
async fn gitlab_vouches_where_the_tenant_lets_it_and_for_access_tokens() {
    let fake = a_gitlab().await;
    let gitlab = open(&fake, &json!({})).unwrap();
    let not_allowed = SubjectToken {
        by_userinfo: false,
        ..shown("t")
    };
    let of_another_kind = SubjectToken {
        kind: SubjectTokenKind::IdToken,
        ..shown("t")
    };
    for shown in [not_allowed, of_another_kind] {
        let refused = gitlab.exchange(shown).await;
        assert!(matches!(refused, Err(ConnectorError::BadReply(_))));
    }
    assert!(fake.calls("/api/v4/user").await.is_empty());
    // dex asks with whatever it is shown.
    let as_dex = SubjectToken {
        audience: SubjectTokenAudience::Anybody,
        ..of_another_kind
    };
    assert!(gitlab.exchange(as_dex).await.is_ok());
}
