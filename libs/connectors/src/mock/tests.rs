use insula_connector_kit::connector_contract;
use insula_oauth::Params;
use serde_json::json;

use super::*;
use crate::testing::{a_login, a_spec};

fn a_mock_password() -> MockPassword {
    let config = json!({"username": "kilgore", "password": "trout"});
    MockPassword::open(&a_spec("mockPassword", config)).unwrap()
}

connector_contract!(callback_contract, (MockCallback, ()), a_login());
connector_contract!(password_contract, (a_mock_password(), ()), a_login());

#[tokio::test]
async fn the_callback_mock_sends_the_browser_straight_back() {
    let challenge = MockCallback.begin(&a_login()).await.unwrap();
    let Challenge::Redirect { to, memory } = challenge else {
        panic!("{challenge:?}");
    };
    assert_eq!(to, "https://acme.test/callback?state=state1");
    let reply = Reply::Query(Params::from_pairs([("state", "state1")]));
    let identity = MockCallback
        .complete(&a_login(), &memory, reply)
        .await
        .unwrap();
    assert_eq!(identity.claims.user_id.as_str(), "0-385-28089-0");
    assert_eq!(identity.claims.username, "Kilgore Trout");
    assert_eq!(identity.claims.email, "kilgore@kilgore.trout");
    assert!(identity.claims.email_verified);
    assert_eq!(identity.claims.groups, ["authors"]);
    let refreshed = MockCallback.refresh(&a_login(), &identity).await;
    assert_eq!(refreshed, Ok(identity));
}

#[tokio::test]
async fn the_password_mock_knows_one_name_and_one_password() {
    let mock = a_mock_password();
    for (username, password, right) in [
        ("kilgore", "trout", true),
        ("kilgore", "wrong", false),
        ("wrong", "trout", false),
        ("", "", false),
    ] {
        let reply = Reply::Password {
            username: username.to_owned(),
            password: Password::new(password),
        };
        let answer = mock.complete(&a_login(), &Memory::Null, reply).await;
        match answer {
            Ok(identity) => assert!(right && identity.claims.groups.is_empty(), "{username}"),
            Err(cause) => assert!(
                !right && cause == ConnectorError::WrongPassword,
                "{username}"
            ),
        }
    }
}
