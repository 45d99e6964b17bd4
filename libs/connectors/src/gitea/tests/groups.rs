use insula_connector_kit::{Connector, ConnectorError};
use insula_model::Rules;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::{a_gitea, give, jane, open, open_by, page, team};
use crate::testing::{FakeUpstream, a_login, log_in};

async fn groups(fake: &FakeUpstream, settings: Value) -> Result<Vec<String>, ConnectorError> {
    let told = log_in(&open(fake, &settings).unwrap(), &a_login()).await;
    told.map(|told| told.claims.groups)
}

#[tokio::test]
async fn groups_are_organisations_and_their_teams() {
    let fake = a_gitea().await;
    let all = ["Acme", "Acme:Owners", "Acme:shop", "globex", "globex:staff"];
    assert_eq!(
        groups(&fake, json!({"loadAllGroups": true})).await.unwrap(),
        all
    );
    let of_acme = json!({"orgs": [{"name": "acme"}, {"name": "initech"}]});
    assert_eq!(groups(&fake, of_acme).await.unwrap(), ["acme"]);
    let of_teams =
        json!({"orgs": [{"name": "acme", "teams": ["shop", "Board"]}], "loadAllGroups": true});
    assert_eq!(
        groups(&fake, of_teams).await.unwrap(),
        ["acme", "acme:shop"]
    );
}

#[tokio::test]
async fn who_is_in_none_of_what_is_named_is_not_let_in_whatever_the_client_asks() {
    let fake = a_gitea().await;
    let other = json!({"orgs": [{"name": "initech"}, {"name": "acm"}]});
    let refused = groups(&fake, other).await;
    assert_eq!(refused, Err(ConnectorError::NotInGroup));
    // A team of that name in another organisation is another team.
    let elsewhere = json!({"orgs": [{"name": "globex", "teams": ["shop"]}]});
    let refused = groups(&fake, elsewhere.clone()).await;
    assert_eq!(refused, Err(ConnectorError::NotInGroup));
    // dex lets the members of an organisation in, whatever their team.
    let of_dex = open_by(&fake, &elsewhere, Rules::DEX).unwrap();
    let told = log_in(&of_dex, &a_login()).await.unwrap();
    assert_eq!(told.claims.groups, ["globex"]);
}

#[tokio::test]
async fn who_leaves_is_out_at_the_next_refresh() {
    let fake = a_gitea().await;
    let gitea = open(&fake, &json!({"orgs": [{"name": "acme"}]})).unwrap();
    let known = log_in(&gitea, &a_login()).await.unwrap();
    fake.serve("/api/v1/user/teams", json!([])).await;
    let left = gitea.refresh(&a_login(), &known).await;
    assert_eq!(left, Err(ConnectorError::NotInGroup));
}

#[tokio::test]
async fn a_short_page_is_not_the_last_one() {
    let fake = FakeUpstream::new().await;
    give(&fake, "1").await;
    fake.serve("/api/v1/user", jane()).await;
    // A server whose MAX_RESPONSE_ITEMS is 2.
    page(&fake, 1, json!([team("a", "1"), team("a", "2")])).await;
    page(&fake, 2, json!([team("a", "3"), team("b", "4")])).await;
    page(&fake, 3, json!([team("c", "5")])).await;
    page(&fake, 4, Value::Null).await;
    let told = groups(&fake, json!({"loadAllGroups": true})).await.unwrap();
    let all = ["a", "a:1", "a:2", "a:3", "b", "b:4", "c", "c:5"];
    assert_eq!(told, all);
    assert_eq!(fake.calls("/api/v1/user/teams").await.len(), 4);
}

#[tokio::test]
async fn a_list_whose_length_is_told_is_not_asked_for_more() {
    let fake = a_gitea().await;
    let counted = ResponseTemplate::new(200)
        .insert_header("x-total-count", "1")
        .set_body_json(json!([team("acme", "shop")]));
    fake.answer("GET", "/api/v1/user/teams", counted).await;
    let told = groups(&fake, json!({"loadAllGroups": true})).await.unwrap();
    assert_eq!(told, ["acme", "acme:shop"]);
    assert_eq!(fake.calls("/api/v1/user/teams").await.len(), 1);
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let fake = a_gitea().await;
    fake.serve("/api/v1/user/teams", json!([team("acme", "shop")]))
        .await;
    let failed = groups(&fake, json!({"loadAllGroups": true})).await;
    assert!(matches!(failed, Err(ConnectorError::Upstream(_))));
    assert_eq!(fake.calls("/api/v1/user/teams").await.len(), 100);
}

#[tokio::test]
async fn teams_that_may_not_be_read_are_trouble_for_now_and_no_empty_list() {
    let fake = a_gitea().await;
    for (status, says) in [(403, "read:organization"), (500, "it answered 500")] {
        fake.answer("GET", "/api/v1/user/teams", ResponseTemplate::new(status))
            .await;
        let failed = groups(&fake, json!({"orgs": [{"name": "acme"}]})).await;
        let is_said = matches!(&failed, Err(ConnectorError::Upstream(why)) if why.contains(says));
        assert!(is_said, "{failed:?}");
    }
    fake.serve("/api/v1/user/teams", json!([{"id": 1, "name": "shop"}]))
        .await;
    let failed = groups(&fake, json!({"orgs": [{"name": "acme"}]})).await;
    assert!(matches!(failed, Err(ConnectorError::BadReply(_))));
}
