use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{
    BrowserSession, ClientId, ConnectorId, Event, EventId, EventKind, GrantId, IdentityClaims,
    Login, RefreshGrant, RefreshId, SessionId, TenantId, TokenHash, UserId,
};
use insula_oauth::Scopes;
use insula_store::{
    Changes, Durable as _, KeySwap, KeyVersions as _, RecordedLogin, RefreshRotation, SealedKeys,
    TenantStore,
};
use insula_store_sql::SqlStore;

use crate::scratch::Scratch;

pub(crate) const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(crate) const EVENING: Timestamp = Timestamp::from_secs(1_800_030_000);

pub(crate) fn tenant(store: &SqlStore) -> Arc<dyn TenantStore> {
    store.tenant(&TenantId::parse("acme").unwrap())
}

pub(crate) fn local() -> ConnectorId {
    ConnectorId::parse("local").unwrap()
}

pub(crate) fn jane() -> IdentityClaims {
    IdentityClaims {
        email: "jane@example.test".into(),
        ..IdentityClaims::of(UserId::parse("jane").unwrap())
    }
}

pub(crate) fn session() -> BrowserSession {
    BrowserSession {
        id: SessionId::parse("sid").unwrap(),
        connector_id: local(),
        claims: jane(),
        auth_time: NOON,
        amr: vec!["pwd".into()],
        acr: None,
        clients: vec![],
        earlier: Vec::new(),
        last_seen_at: NOON,
        expires_at: EVENING,
    }
}

pub(crate) fn refresh() -> RefreshGrant {
    RefreshGrant {
        id: RefreshId::parse("r1").unwrap(),
        grant_id: GrantId::parse("g1").unwrap(),
        client_id: ClientId::parse("app").unwrap(),
        generation: 0,
        scopes: Scopes::parse("openid offline_access"),
        resources: Vec::new(),
        claims: insula_model::RequestedClaims::default(),
        nonce: None,
        login: Login {
            connector_id: local(),
            claims: jane(),
            auth_time: NOON,
            amr: vec![],
            acr: None,
            session_id: None,
            connector_data: None,
        },
        created_at: NOON,
        last_used_at: NOON,
        answered: true,
        expires_at: EVENING,
    }
}

pub(crate) async fn a_login_writes_three_statements(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    let (app, scopes) = (ClientId::parse("app").unwrap(), Scopes::parse("openid"));
    for (login, at) in [(1, NOON), (2, EVENING)] {
        let consent = Some((&app, &scopes));
        acme.record_login(&local(), &jane(), consent, at)
            .await
            .unwrap();
        assert_eq!(store.metrics().writes(), 3 * login - 2);
        let cookie = TokenHash::of(&login.to_string());
        acme.save_session(&cookie, &session()).await.unwrap();
        assert_eq!(store.metrics().writes(), 3 * login - 1);
        let grant = RefreshGrant {
            id: RefreshId::parse(format!("r{login}")).unwrap(),
            ..refresh()
        };
        acme.add_refresh(&grant, None).await.unwrap();
        assert_eq!(store.metrics().writes(), 3 * login);
        assert_eq!(store.metrics().reads(), login);
    }
    store.close().await;
}

/// A commit that tells one event and changes nothing else.
pub(crate) fn told(id: &str) -> Changes {
    let event = Event {
        id: EventId::parse(id).unwrap(),
        at: NOON,
        kind: EventKind::LoggedIn {
            client: ClientId::parse("app").unwrap(),
            connector: local(),
            user: jane().user_id,
            session: None,
            amr: vec![],
        },
    };
    Changes {
        events: vec![event],
        ..Changes::default()
    }
}

/// Its records, and one statement for all that is told of it.
pub(crate) async fn a_login_and_its_events_are_one_commit_of_three_statements(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let mut changes = told("e1");
    changes.events.extend(told("e2").events);
    changes.login = Some(RecordedLogin {
        connector: local(),
        claims: jane(),
        consent: None,
        at: NOON,
    });
    changes.begun = Some((TokenHash::of("cookie"), session()));
    let (reads, writes) = (store.metrics().reads(), store.metrics().writes());
    tenant(&store).commit(&changes).await.unwrap();
    assert_eq!(store.metrics().reads() - reads, 1);
    assert_eq!(store.metrics().writes() - writes, 3);
    store.close().await;
}

/// The first who reads finds all that was ever told without a place.
pub(crate) async fn a_page_of_events_gives_places_to_no_more_than_it_needs(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    for commit in 0..3 {
        let events = (0..400).flat_map(|event| told(&format!("e{commit}-{event}")).events);
        let changes = Changes {
            events: events.collect(),
            ..Changes::default()
        };
        acme.commit(&changes).await.unwrap();
    }
    let writes = store.metrics().writes();
    let page = acme.events_after(0, 10).await.unwrap();
    assert_eq!(page.len(), 10);
    // The counter is made, the events get their places, the counter is set.
    assert_eq!(store.metrics().writes() - writes, 3);
    let rest = acme.events_after(page[9].position, 2_000).await.unwrap();
    assert_eq!(rest.len(), 1_190);
    store.close().await;
}

/// Who was faster is not looked for where the one statement of a commit says it.
pub(crate) async fn a_commit_that_is_overtaken_alone_is_one_statement(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    acme.add_refresh(&refresh(), None).await.unwrap();
    let keys = SealedKeys {
        version: 1,
        sealed: b"ring".to_vec(),
    };
    acme.swap_keys(None, &keys, &[]).await.unwrap();
    let counted = || (store.metrics().reads(), store.metrics().writes());
    let (reads, writes) = counted();
    let mut next = refresh();
    next.generation = 8;
    let rotation = acme.rotate_refresh(7, &next).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Lost);
    assert_eq!(counted(), (reads, writes + 1));
    for expected in [None, Some(7)] {
        let swap = acme.swap_keys(expected, &keys, &[]).await.unwrap();
        assert_eq!(swap, KeySwap::Lost);
    }
    assert_eq!(counted(), (reads, writes + 3));
    store.close().await;
}

pub(crate) async fn a_refresh_writes_one_statement(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    acme.add_refresh(&refresh(), None).await.unwrap();
    let (reads, writes) = (store.metrics().reads(), store.metrics().writes());
    let mut next = acme.find_refresh(&refresh().id).await.unwrap().unwrap();
    next.generation = 1;
    let rotation = acme.rotate_refresh(0, &next).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Rotated);
    assert_eq!(store.metrics().reads(), reads + 1);
    assert_eq!(store.metrics().writes(), writes + 1);
    store.close().await;
}

/// Many that are told their tokens in one moment cost one statement, which nobody waits for and
/// which everybody sees in the end.
pub(crate) async fn answers_are_written_together_and_soon(scratch: &Scratch) {
    let stores = [scratch.store().await, scratch.store().await];
    stores[0].migrate().await.unwrap();
    let [here, there] = [0, 1].map(|n| tenant(&stores[n]));
    let ids: Vec<_> = (0..20)
        .map(|n| RefreshId::parse(format!("r{n}")).unwrap())
        .collect();
    for id in &ids {
        let grant = RefreshGrant {
            id: id.clone(),
            grant_id: GrantId::parse(id.as_str()).unwrap(),
            answered: false,
            ..refresh()
        };
        here.add_refresh(&grant, None).await.unwrap();
    }
    let writes = stores[0].metrics().writes();
    for id in &ids {
        here.note_answered(id, 0, EVENING).await.unwrap();
        let seen = here.find_refresh(id).await.unwrap().unwrap();
        assert!(seen.answered && seen.last_used_at == EVENING, "at once");
    }
    stores[0].close().await;
    for id in &ids {
        let written = there.find_refresh(id).await.unwrap().unwrap();
        assert!(written.answered && written.last_used_at == EVENING);
    }
    let spent = stores[0].metrics().writes() - writes;
    assert!(
        (1..=5).contains(&spent),
        "{spent} statements for 20 answers"
    );
    stores[1].close().await;
}

pub(crate) async fn a_login_soon_after_another_writes_nothing(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    acme.record_login(&local(), &jane(), None, NOON)
        .await
        .unwrap();
    let writes = store.metrics().writes();
    let soon = NOON + std::time::Duration::from_secs(59);
    acme.record_login(&local(), &jane(), None, soon)
        .await
        .unwrap();
    assert_eq!(store.metrics().writes(), writes);
    store.close().await;
}

/// What a process that has 2,500 tenants awake asks every minute.
pub(crate) async fn the_key_versions_of_thousands_of_tenants_cost_a_statement_for_each_thousand(
    scratch: &Scratch,
) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let ids: Vec<_> = (0..2_500)
        .map(|n| TenantId::parse(format!("t{n}")).unwrap())
        .collect();
    let keys = SealedKeys {
        version: 1,
        sealed: vec![0; 1_000],
    };
    for id in ids.iter().step_by(500) {
        store.tenant(id).swap_keys(None, &keys, &[]).await.unwrap();
    }
    let reads = store.metrics().reads();
    let versions = store.key_versions(&ids).await.unwrap();
    assert_eq!((versions.len(), store.metrics().reads() - reads), (5, 3));
    store.close().await;
}
