//! Which groups people are in, and which they must be in.

use super::*;

async fn groups(
    fake: &FakeUpstream,
    ctx: &LoginContext,
    more: &Value,
) -> Result<Vec<String>, ConnectorError> {
    let told = log_in(&open(fake, more), ctx).await;
    told.map(|who| who.claims.groups)
}

#[tokio::test]
async fn groups_are_called_by_name_or_id_and_the_scope_to_read_them_is_asked_for() {
    let fake = a_microsoft().await;
    let wanted = wanting_groups();
    let named = groups(&fake, &wanted, &json!({})).await;
    assert_eq!(named.unwrap(), ["Staff", "Contoso Admins"]);
    let question: Value = fake.calls(BY_IDS).await[0].body_json().unwrap();
    assert_eq!(question, json!({"ids": ["g-1", "g-2"], "types": ["group"]}));
    let by_id = groups(&fake, &wanted, &json!({"groupNameFormat": "id"})).await;
    assert_eq!(by_id.unwrap(), ["g-1", "g-2"]);
    assert_eq!(fake.calls(BY_IDS).await.len(), 1);
    for (scopes, asked_for) in [
        (json!(null), "user.read directory.read.all"),
        (
            json!(["User.Read", "GroupMember.Read.All"]),
            "User.Read GroupMember.Read.All",
        ),
        (
            json!("https://graph.microsoft.com/.default"),
            "https://graph.microsoft.com/.default",
        ),
        (
            json!(["user.read", "mail.read"]),
            "user.read mail.read directory.read.all",
        ),
    ] {
        let microsoft = open(&fake, &json!({ "scopes": scopes }));
        assert_eq!(asked(&microsoft, &wanted).await["scope"], asked_for);
    }
}

#[tokio::test]
async fn required_groups_hold_whatever_the_client_asks_for() {
    let fake = a_microsoft().await;
    for ctx in [a_login(), wanting_groups()] {
        let outsider = groups(&fake, &ctx, &json!({"groups": ["Owners"]})).await;
        assert_eq!(outsider, Err(ConnectorError::NotInGroup));
        let insider = groups(&fake, &ctx, &json!({"groups": ["Owners", "Staff"]})).await;
        assert_eq!(insider.unwrap(), ["Staff", "Contoso Admins"]);
        let listed = json!({"groups": ["Owners", "Staff"], "useGroupsAsWhitelist": true});
        assert_eq!(groups(&fake, &ctx, &listed).await.unwrap(), ["Staff"]);
    }
}

#[tokio::test]
async fn a_member_who_left_a_required_group_is_refused_at_the_next_refresh() {
    let fake = a_microsoft().await;
    let microsoft = open(&fake, &json!({"groups": ["Staff"]}));
    let known = log_in(&microsoft, &a_login()).await.unwrap();
    answer(&fake, MEMBER_GROUPS, &json!({"value": []})).await;
    let refused = microsoft.refresh(&a_login(), &known).await;
    assert_eq!(refused, Err(ConnectorError::NotInGroup));
    assert_eq!(
        fake.calls(BY_IDS).await.len(),
        1,
        "nothing is asked about no groups"
    );
}

#[tokio::test]
async fn all_pages_are_read_and_names_are_asked_for_in_batches() {
    let fake = a_microsoft().await;
    let ids = |from: usize, to: usize| (from..to).map(|n| format!("g-{n}")).collect::<Vec<_>>();
    let more = fake.url("/v1.0/more?$skiptoken=x");
    let first = json!({"value": ids(0, 200), "@odata.nextLink": more.as_str()});
    answer(&fake, MEMBER_GROUPS, &first).await;
    answer(&fake, "/v1.0/more", &json!({"value": ids(200, 510)})).await;
    groups(&fake, &wanting_groups(), &json!({})).await.unwrap();
    let next = &fake.calls("/v1.0/more").await[0];
    assert_eq!(next.url.query(), Some("$skiptoken=x"));
    let question: Value = next.body_json().unwrap();
    assert_eq!(
        question,
        json!({"securityEnabledOnly": false}),
        "the question is asked again"
    );
    let batches = fake.calls(BY_IDS).await;
    let batch = |at: usize| {
        let question: Value = batches[at].body_json().unwrap();
        question["ids"].as_array().unwrap().len()
    };
    assert_eq!([batch(0), batch(1), batch(2)], [250, 250, 10]);
}

#[tokio::test]
async fn a_token_is_shown_to_no_other_place_than_graph() {
    let (fake, elsewhere) = (a_microsoft().await, FakeUpstream::new().await);
    for link in [
        elsewhere.url("/v1.0/me/getMemberGroups").as_str(),
        "file:///etc/passwd",
        "?x",
    ] {
        let page = json!({"value": ["g-1"], "@odata.nextLink": link});
        answer(&fake, MEMBER_GROUPS, &page).await;
        let refused = groups(&fake, &wanting_groups(), &json!({}))
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("another place"), "{refused}");
    }
    assert!(
        elsewhere
            .server
            .received_requests()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn pages_without_an_end_are_given_up() {
    let fake = a_microsoft().await;
    let itself = fake.url(MEMBER_GROUPS);
    let page = json!({"value": [], "@odata.nextLink": itself.as_str()});
    answer(&fake, MEMBER_GROUPS, &page).await;
    let refused = groups(&fake, &wanting_groups(), &json!({}))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("more than 50 pages"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_missing_permission_is_named_and_a_group_without_a_name_is_left_out() {
    let fake = a_microsoft().await;
    let hidden = json!({"value": [
        {"@odata.type": "#microsoft.graph.group", "id": "g-1", "displayName": null},
        {"@odata.type": "#microsoft.graph.group", "id": "g-2", "displayName": "Staff"},
    ]});
    answer(&fake, BY_IDS, &hidden).await;
    assert_eq!(
        groups(&fake, &wanting_groups(), &json!({})).await.unwrap(),
        ["Staff"]
    );
    for at in [BY_IDS, MEMBER_GROUPS] {
        let denied = failing(403, "Authorization_RequestDenied");
        fake.answer("POST", at, denied).await;
        let refused = groups(&fake, &wanting_groups(), &json!({}))
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("GroupMember.Read.All"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn groups_of_people_of_any_tenant_are_not_asked_for_and_cannot_be_required() {
    let fake = a_microsoft().await;
    for tenant in ["common", "organizations", "consumers", ""] {
        let required = json!({ "tenant": tenant, "groups": ["Staff"] });
        let refused = open_by(Rules::STANDARD, &fake, &required).err();
        let Some(ConnectorError::Settings(said)) = refused else {
            panic!("{tenant}: {refused:?}");
        };
        assert!(said.contains("name your own tenant"), "{said}");
        let told = super::super::check(
            &a_spec("microsoft", config(&fake, &required)),
            &crate::testing::an_issuer(),
        );
        assert_eq!(told, [said], "told when it is loaded, too");
        let of_dex = open_by(Rules::DEX, &fake, &required);
        assert!(of_dex.is_ok(), "dex lets everybody in");
    }
    let unasked = groups(&fake, &wanting_groups(), &json!({"tenant": "common"})).await;
    assert_eq!(unasked.unwrap(), Vec::<String>::new());
    assert!(fake.calls(MEMBER_GROUPS).await.is_empty());
}
