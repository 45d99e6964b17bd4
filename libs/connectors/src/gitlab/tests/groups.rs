use insula_connector_kit::{Connector, ConnectorError};
use serde_json::{Value, json};
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, ResponseTemplate};

use super::{a_gitlab, open, with_groups};
use crate::testing::{FakeUpstream, a_login, asked, log_in};

async fn groups(fake: &FakeUpstream, settings: Value) -> Result<Vec<String>, ConnectorError> {
    let told = log_in(&open(fake, &settings).unwrap(), &with_groups()).await;
    told.map(|told| told.claims.groups)
}

fn group(id: u64, full_path: &str) -> Value {
    let name = full_path.rsplit('/').next().unwrap();
    json!({"id": id, "name": name, "path": name, "full_name": name, "full_path": full_path,
        "visibility": "private", "parent_id": null})
}

/// Pages of the list of groups, as GitLab numbers them.
async fn list(fake: &FakeUpstream, pages: &[Vec<Value>]) {
    for (at, page) in pages.iter().enumerate() {
        let next = if at + 1 < pages.len() {
            (at + 2).to_string()
        } else {
            String::new()
        };
        let answer = ResponseTemplate::new(200)
            .insert_header("x-next-page", next.as_str())
            .set_body_json(page);
        let mock = Mock::given(path("/api/v4/groups"))
            .and(query_param("page", (at + 1).to_string()))
            .and(query_param("per_page", "100"))
            .and(query_param("min_access_level", "10"));
        mock.respond_with(answer)
            .with_priority(1)
            .mount(&fake.server)
            .await;
    }
}

async fn member(fake: &FakeUpstream, id: u64, level: u64) {
    let at = format!("/api/v4/groups/{id}/members/all/4711000");
    let member = json!({"id": 4_711_000, "username": "john_smith", "access_level": level});
    fake.serve(&at, member).await;
}

#[tokio::test]
async fn groups_are_called_by_their_full_paths() {
    let fake = a_gitlab().await;
    let all = ["acme", "acme/shop", "acme/shop/web", "globex", "acme-labs"];
    assert_eq!(groups(&fake, json!({})).await.unwrap(), all);
    let gitlab = open(&fake, &json!({})).unwrap();
    let asked = asked(&gitlab, &with_groups()).await;
    assert_eq!(asked["scope"], "read_user openid");
}

#[tokio::test]
async fn only_people_of_the_groups_that_are_named_are_let_in_whatever_the_client_asks() {
    let fake = a_gitlab().await;
    let named = json!({"groups": ["acme/shop", "initech"]});
    let others = json!({"groups": ["Acme", "acme/sho", "initech"]});
    for ctx in [a_login(), with_groups()] {
        let gitlab = open(&fake, &named).unwrap();
        assert_eq!(asked(&gitlab, &ctx).await["scope"], "read_user openid");
        let john = log_in(&gitlab, &ctx).await.unwrap();
        assert_eq!(john.claims.groups, ["acme/shop"]);
        let refused = log_in(&open(&fake, &others).unwrap(), &ctx).await;
        assert_eq!(refused, Err(ConnectorError::NotInGroup));
    }
    // Who leaves them is out at the next refresh.
    let gitlab = open(&fake, &named).unwrap();
    let known = log_in(&gitlab, &a_login()).await.unwrap();
    fake.serve("/oauth/userinfo", json!({"sub": "4711000", "groups": []}))
        .await;
    let left = gitlab.refresh(&a_login(), &known).await;
    assert_eq!(left, Err(ConnectorError::NotInGroup));
}

#[tokio::test]
async fn roles_are_inherited_by_the_groups_below_and_the_highest_is_told() {
    let fake = a_gitlab().await;
    let told = groups(&fake, json!({"getGroupsPermission": true})).await;
    let all = [
        "acme",
        "acme/shop",
        "acme/shop/web",
        "globex",
        "acme-labs",
        "acme:maintainer",
        "acme/shop:owner",
        "acme/shop/web:owner",
        "globex:developer",
    ];
    assert_eq!(told.unwrap(), all);
    // A role can be what is required.
    let named = json!({"getGroupsPermission": true, "groups": ["acme:owner", "globex:developer"]});
    assert_eq!(groups(&fake, named).await.unwrap(), ["globex:developer"]);
}

#[tokio::test]
async fn a_scope_that_the_application_lacks_is_named() {
    let fake = a_gitlab().await;
    let short = json!({"error": "insufficient_scope", "error_description": "…"});
    let answer = ResponseTemplate::new(403).set_body_json(short);
    for at in ["/oauth/userinfo", "/api/v4/groups"] {
        fake.answer("GET", at, answer.clone()).await;
    }
    for (settings, scope) in [
        (json!({}), "openid"),
        (json!({"inheritedGroups": true}), "read_api"),
    ] {
        let failed = groups(&fake, settings).await.unwrap_err().to_string();
        assert!(failed.contains(scope), "{failed}");
    }
}

#[tokio::test]
async fn inherited_groups_are_listed_to_the_last_page() {
    let fake = a_gitlab().await;
    let many = |from: u64, to: u64| {
        (from..to)
            .map(|n| group(n, &format!("acme/g{n}")))
            .collect()
    };
    // The last group of the first page is told again: one came before it meanwhile.
    list(&fake, &[many(0, 100), many(99, 150)]).await;
    let settings = json!({"inheritedGroups": true});
    let told = groups(&fake, settings.clone()).await.unwrap();
    assert_eq!(told.len(), 150);
    assert!(
        fake.calls("/oauth/userinfo").await.is_empty(),
        "one list is enough"
    );
    let gitlab = open(&fake, &settings).unwrap();
    let asked = asked(&gitlab, &with_groups()).await;
    assert_eq!(asked["scope"], "read_user openid read_api");
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let fake = a_gitlab().await;
    let endless = ResponseTemplate::new(200)
        .insert_header("x-next-page", "2")
        .set_body_json(json!([group(1, "acme")]));
    fake.answer("GET", "/api/v4/groups", endless).await;
    let failed = groups(&fake, json!({"inheritedGroups": true})).await;
    assert!(matches!(failed, Err(ConnectorError::Upstream(_))));
    assert_eq!(fake.calls("/api/v4/groups").await.len(), 50);
}

#[tokio::test]
async fn a_group_that_does_not_tell_the_role_is_told_without_one() {
    let fake = a_gitlab().await;
    let names = [
        (1, "acme"),
        (2, "acme/a"),
        (3, "b"),
        (4, "c"),
        (5, "d"),
        (6, "e"),
    ];
    list(&fake, &[names.map(|(id, path)| group(id, path)).to_vec()]).await;
    for (id, level) in [(1, 50), (2, 20), (5, 15), (6, 99)] {
        member(&fake, id, level).await;
    }
    for (id, status) in [(3, 403), (4, 404)] {
        let at = format!("/api/v4/groups/{id}/members/all/4711000");
        fake.answer("GET", &at, ResponseTemplate::new(status)).await;
    }
    let settings = json!({"inheritedGroups": true, "getGroupsPermission": true});
    let told = groups(&fake, settings).await.unwrap();
    let all = [
        "acme",
        "acme/a",
        "b",
        "c",
        "d",
        "e",
        "acme:owner",
        "acme/a:reporter",
        "d:planner",
    ];
    assert_eq!(told, all);
}

#[tokio::test]
async fn roles_are_asked_for_where_they_can_matter_and_not_without_end() {
    let fake = a_gitlab().await;
    let many: Vec<_> = (0..201).map(|n| group(n, &format!("g{n}"))).collect();
    let (first, rest) = many.split_at(100);
    let (second, rest) = rest.split_at(100);
    list(&fake, &[first.to_vec(), second.to_vec(), rest.to_vec()]).await;
    member(&fake, 7, 40).await;
    let settings = json!({"inheritedGroups": true, "getGroupsPermission": true,
        "groups": ["g7:maintainer", "g70"]});
    let told = groups(&fake, settings).await.unwrap();
    assert_eq!(told, ["g70", "g7:maintainer"]);
    let calls = fake.server.received_requests().await.unwrap();
    let members = calls
        .iter()
        .filter(|call| call.url.path().contains("/members/"));
    assert_eq!(members.count(), 1);

    let settings = json!({"inheritedGroups": true, "getGroupsPermission": true});
    let failed = groups(&fake, settings).await.unwrap_err().to_string();
    assert!(failed.contains("more than 200 groups"), "{failed}");
}

#[tokio::test]
async fn the_groups_of_today_are_told_at_a_refresh() {
    let fake = a_gitlab().await;
    let gitlab = open(&fake, &json!({})).unwrap();
    let known = log_in(&gitlab, &with_groups()).await.unwrap();
    fake.serve("/oauth/userinfo", json!({"sub": "1", "groups": ["globex"]}))
        .await;
    let today = gitlab.refresh(&with_groups(), &known).await.unwrap();
    assert_eq!(today.claims.groups, ["globex"]);
    assert_eq!(today.connector_data, known.connector_data);
    assert_eq!(fake.calls("/oauth/token").await.len(), 1);
}
