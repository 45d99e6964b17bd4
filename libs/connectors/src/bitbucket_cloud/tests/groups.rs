use insula_connector_kit::{Connector, ConnectorError};
use serde_json::{Value, json};
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, ResponseTemplate};

use super::{a_bitbucket, list, open, with_groups, workspace};
use crate::testing::{FakeUpstream, a_login, log_in};

const LIST: &str = "/2.0/user/workspaces";

async fn groups(fake: &FakeUpstream, settings: Value) -> Result<Vec<String>, ConnectorError> {
    let told = log_in(&open(fake, &settings).unwrap(), &with_groups()).await;
    told.map(|told| told.claims.groups)
}

#[tokio::test]
async fn groups_are_workspaces_and_if_wanted_what_somebody_may_do_there() {
    let fake = a_bitbucket().await;
    let all = ["acme", "globex", "evzijst"];
    assert_eq!(groups(&fake, json!({})).await.unwrap(), all);
    let told = groups(&fake, json!({"getWorkspacePermissions": true})).await;
    // The third one does not tell, with 404.
    let all = ["acme", "globex", "evzijst", "acme:owner", "globex:member"];
    assert_eq!(told.unwrap(), all);
    let forbidden = ResponseTemplate::new(403);
    fake.answer("GET", "/2.0/user/workspaces/acme/permission", forbidden)
        .await;
    let told = groups(&fake, json!({"getWorkspacePermissions": true})).await;
    let all = ["acme", "globex", "evzijst", "globex:member"];
    assert_eq!(told.unwrap(), all);
}

#[tokio::test]
async fn only_people_of_the_workspaces_that_are_named_are_let_in_whatever_the_client_asks() {
    let fake = a_bitbucket().await;
    let named = json!({"teams": ["globex", "initech"]});
    for ctx in [a_login(), with_groups()] {
        let erik = log_in(&open(&fake, &named).unwrap(), &ctx).await.unwrap();
        assert_eq!(erik.claims.groups, ["globex"]);
        let others = json!({"teams": ["initech", "acm"]});
        let refused = log_in(&open(&fake, &others).unwrap(), &ctx).await;
        assert_eq!(refused, Err(ConnectorError::NotInGroup));
    }
    // What somebody may do there can be what is required.
    let owners = json!({"teams": ["acme:owner", "globex:owner"], "getWorkspacePermissions": true});
    assert_eq!(groups(&fake, owners).await.unwrap(), ["acme:owner"]);
    let unasked = "/2.0/user/workspaces/evzijst/permission";
    assert!(fake.calls(unasked).await.is_empty());

    let bitbucket = open(&fake, &named).unwrap();
    let known = log_in(&bitbucket, &a_login()).await.unwrap();
    fake.serve(LIST, list(&[workspace("acme")])).await;
    let left = bitbucket.refresh(&a_login(), &known).await;
    assert_eq!(left, Err(ConnectorError::NotInGroup));
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let fake = a_bitbucket().await;
    let second = json!({"pagelen": 100, "page": 2, "values": [workspace("last")]});
    let mut first = list(&[workspace("first")]);
    first["next"] = fake
        .url("/2.0/user/workspaces?pagelen=100&page=2")
        .as_str()
        .into();
    fake.serve(LIST, first).await;
    Mock::given(path(LIST))
        .and(query_param("page", "2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(second))
        .with_priority(1)
        .mount(&fake.server)
        .await;
    assert_eq!(groups(&fake, json!({})).await.unwrap(), ["first", "last"]);
    let calls = fake.calls(LIST).await;
    assert_eq!(calls[0].url.query(), Some("pagelen=100"));
}

#[tokio::test]
async fn a_token_goes_nowhere_but_to_bitbucket() {
    let fake = a_bitbucket().await;
    let elsewhere = FakeUpstream::new().await;
    let mut first = list(&[workspace("first")]);
    first["next"] = elsewhere.url(LIST).as_str().into();
    fake.serve(LIST, first).await;
    let failed = groups(&fake, json!({})).await;
    assert!(matches!(failed, Err(ConnectorError::BadReply(_))));
    let calls = elsewhere.server.received_requests().await.unwrap();
    assert!(calls.is_empty());
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let fake = a_bitbucket().await;
    let mut page = list(&[workspace("acme")]);
    page["next"] = fake.url(LIST).as_str().into();
    fake.serve(LIST, page).await;
    let failed = groups(&fake, json!({})).await;
    assert!(matches!(failed, Err(ConnectorError::Upstream(_))));
    assert_eq!(fake.calls(LIST).await.len(), 50);
}

#[tokio::test]
async fn permissions_are_not_asked_for_without_end() {
    let fake = a_bitbucket().await;
    let many: Vec<_> = (0..101).map(|n| workspace(&format!("w{n}"))).collect();
    fake.serve(LIST, list(&many)).await;
    let failed = groups(&fake, json!({"getWorkspacePermissions": true})).await;
    let said = failed.unwrap_err().to_string();
    assert!(said.contains("more than 100 workspaces"), "{said}");
}

#[tokio::test]
async fn workspaces_that_may_not_be_read_are_trouble_for_now_and_no_empty_list() {
    let fake = a_bitbucket().await;
    for status in [403, 410, 503] {
        fake.answer("GET", LIST, ResponseTemplate::new(status))
            .await;
        let failed = groups(&fake, json!({})).await;
        assert!(matches!(failed, Err(ConnectorError::Upstream(_))));
    }
    for body in [
        json!({"values": [1]}),
        json!({"values": {}}),
        json!({"values": [{"workspace": {}}]}),
    ] {
        fake.serve(LIST, body).await;
        let failed = groups(&fake, json!({})).await;
        assert!(matches!(failed, Err(ConnectorError::BadReply(_))));
    }
}
