use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join;
use insula_ambient::Timestamp;
use insula_model::{Denial, Event, EventId, EventKind, RefreshGrant, Revocation, SessionEnd};
use insula_oauth::Scopes;

use super::collector::{LONG_AGO, ONE_BY_ONE, sweep_all};
use super::records::{
    HOUR, MS, NOON, a_tenant, at_once, claims, client, connector, cookie, grant_id, refresh,
    session, user,
};
use crate::{
    Changes, Durable, EVENTS_KEPT_FOR, EndedSession, Overtaken, PlacedEvent, RecordedLogin,
    RedeemedCode, RevokedGrant, RotatedGrant, SealedKeys, SessionEnding, SwappedKeys, TenantStore,
    UpgradedPassword,
};

fn logged_in(id: &str, at: Timestamp) -> Event {
    Event {
        id: EventId::parse(id).unwrap(),
        at,
        kind: EventKind::LoggedIn {
            client: client("app"),
            connector: connector("local"),
            user: user("jane"),
            session: None,
            amr: vec!["pwd".into()],
        },
    }
}

fn telling(id: &str, at: Timestamp) -> Changes {
    Changes {
        events: vec![logged_in(id, at)],
        ..Changes::default()
    }
}

fn ending(id: &str) -> Changes {
    let ended = EndedSession {
        cookie: cookie("c"),
        event: Some(SessionEnding {
            id: EventId::parse(id).unwrap(),
            at: NOON,
            reason: SessionEnd::LoggedOut,
        }),
        audience: None,
    };
    Changes {
        ended: vec![ended],
        ..Changes::default()
    }
}

async fn ids(store: &dyn TenantStore) -> Vec<String> {
    let told = store.events_after(0, 1_000).await.unwrap();
    let id = |placed: PlacedEvent| placed.event.id.as_str().to_owned();
    told.into_iter().map(id).collect()
}

pub async fn what_is_committed_together_stands_together_and_is_told(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let begun = session("sid", NOON + HOUR);
    let changes = Changes {
        login: Some(RecordedLogin {
            connector: connector("local"),
            claims: claims("jane"),
            consent: Some((client("app"), Scopes::parse("email"))),
            at: NOON,
        }),
        begun: Some((cookie("c"), begun.clone())),
        events: vec![logged_in("e1", NOON), logged_in("e2", NOON)],
        ..Changes::default()
    };
    store.commit(&changes).await.unwrap();
    let known = store
        .find_identity(&connector("local"), &user("jane"))
        .await;
    assert_eq!(known.unwrap().unwrap().consents.len(), 1);
    let found = store.find_session(&cookie("c"), NOON).await.unwrap();
    assert_eq!(found, Some(begun.clone()));
    let told = store.events_after(0, 10).await.unwrap();
    let events: Vec<_> = told.into_iter().map(|placed| placed.event).collect();
    assert_eq!(events, changes.events);

    // An event of that name is there: nothing of the commit stands.
    let again = Changes {
        begun: Some((cookie("other"), begun)),
        events: vec![logged_in("e2", NOON)],
        ..Changes::default()
    };
    store.commit(&again).await.unwrap_err();
    let other = store.find_session(&cookie("other"), NOON).await.unwrap();
    assert_eq!(other, None);
}

pub async fn events_are_read_in_order_page_by_page_each_once(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    assert_eq!(store.events_after(0, 10).await.unwrap(), []);
    for n in 0..5_u32 {
        let changes = telling(&format!("e{n}"), NOON + n * MS);
        store.commit(&changes).await.unwrap();
    }
    let (mut seen, mut position) = (Vec::new(), 0);
    loop {
        let page = store.events_after(position, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        assert!(last.position > position);
        position = last.position;
        seen.extend(page.into_iter().map(|placed| placed.event.id.to_string()));
    }
    assert_eq!(seen, ["e0", "e1", "e2", "e3", "e4"]);
    // What happened earlier and is committed later comes behind.
    store.commit(&telling("late", NOON)).await.unwrap();
    let behind = store.events_after(position, 2).await.unwrap();
    assert_eq!(behind.len(), 1);
    assert_eq!(behind[0].event.id.as_str(), "late");
}

pub async fn events_that_are_committed_while_others_are_read_are_all_read(
    durable: Arc<dyn Durable>,
) {
    let store = a_tenant(&durable);
    let writing = at_once(40, |n| {
        let store = Arc::clone(&store);
        async move {
            let changes = telling(&format!("e{n}"), NOON);
            store.commit(&changes).await.unwrap();
        }
    });
    let reading = at_once(3, |_| {
        let store = Arc::clone(&store);
        async move {
            let (mut seen, mut position) = (Vec::<String>::new(), 0);
            while seen.len() < 40 {
                for placed in store.events_after(position, 7).await.unwrap() {
                    position = placed.position;
                    seen.push(placed.event.id.to_string());
                }
                tokio::task::yield_now().await;
            }
            seen
        }
    });
    let (_, readers) = join(writing, reading).await;
    for seen in &readers {
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 40, "{seen:?}");
        assert_eq!(seen, &readers[0], "all read the same order");
    }
}

pub async fn of_many_commits_that_end_a_session_one_tells_it(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let begun = session("sid", NOON + HOUR);
    store.save_session(&cookie("c"), &begun).await.unwrap();
    let ended = at_once(20, |n| {
        let store = Arc::clone(&store);
        async move { store.commit(&ending(&format!("e{n}"))).await.unwrap().ended }
    });
    let ended: Vec<_> = ended.await.into_iter().flatten().collect();
    assert_eq!(ended, std::slice::from_ref(&begun));
    let told = store.events_after(0, 100).await.unwrap();
    assert_eq!(told.len(), 1);
    let kind = EventKind::SessionEnded {
        session: begun.id,
        connector: begun.connector_id,
        user: begun.claims.user_id,
        clients: begun.clients,
        reason: SessionEnd::LoggedOut,
    };
    assert_eq!(told[0].event.kind, kind);
}

pub async fn a_session_that_is_not_there_is_not_told_to_end(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let committed = store.commit(&ending("e1")).await.unwrap();
    assert_eq!(committed.ended, []);
    assert_eq!(store.events_after(0, 10).await.unwrap(), []);
}

pub async fn a_revocation_is_told_the_first_time_alone(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let revoking = |id: &str, until| Changes {
        revoked: Some(RevokedGrant {
            grant: grant_id("g"),
            until,
            event: Some(Event {
                id: EventId::parse(id).unwrap(),
                at: NOON,
                kind: EventKind::GrantRevoked {
                    grant: grant_id("g"),
                    client: client("app"),
                    reason: Revocation::Reused,
                },
            }),
        }),
        ..Changes::default()
    };
    store.commit(&revoking("e1", NOON + HOUR)).await.unwrap();
    for until in [NOON, NOON + 2 * HOUR] {
        store.commit(&revoking("e2", until)).await.unwrap();
    }
    assert_eq!(ids(&*store).await, ["e1"]);
    assert!(store.is_revoked(&grant_id("g")).await.unwrap());
}

pub async fn of_many_logins_at_once_each_is_told_once(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let logins = at_once(30, |n| {
        let store = Arc::clone(&store);
        async move {
            let changes = Changes {
                login: Some(RecordedLogin {
                    connector: connector("local"),
                    claims: claims("jane"),
                    consent: Some((client(&format!("app{n}")), Scopes::parse("email"))),
                    at: NOON,
                }),
                ..telling(&format!("e{n}"), NOON)
            };
            store.commit(&changes).await.unwrap();
        }
    });
    logins.await;
    let known = store
        .find_identity(&connector("local"), &user("jane"))
        .await;
    assert_eq!(known.unwrap().unwrap().consents.len(), 30);
    let told = ids(&*store).await;
    assert_eq!(told.len(), 30);
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), 30);
}

pub async fn no_tenant_sees_the_events_of_another(durable: Arc<dyn Durable>) {
    let (acme, globex) = (a_tenant(&durable), a_tenant(&durable));
    acme.commit(&telling("e1", NOON)).await.unwrap();
    assert_eq!(globex.events_after(0, 10).await.unwrap(), []);
    globex.commit(&telling("e1", NOON)).await.unwrap();
    assert_eq!(ids(&*acme).await, ["e1"]);
    assert_eq!(ids(&*globex).await, ["e1"]);
}

pub async fn the_collector_takes_events_once_they_were_kept_for_their_time(
    durable: Arc<dyn Durable>,
) {
    let _alone = ONE_BY_ONE.lock().await;
    let store = a_tenant(&durable);
    let at = LONG_AGO - EVENTS_KEPT_FOR;
    store.commit(&telling("old", at)).await.unwrap();
    store.commit(&telling("kept", at + MS)).await.unwrap();
    let first = store.events_after(0, 1).await.unwrap();
    sweep_all(&durable, LONG_AGO).await;
    assert_eq!(ids(&*store).await, ["kept"]);
    // What comes later is still behind what was read.
    store.commit(&telling("new", NOON)).await.unwrap();
    let behind = store.events_after(first[0].position, 10).await.unwrap();
    assert_eq!(behind.len(), 2);
}

fn redeemed(family: &str, begins: bool) -> RedeemedCode {
    if begins {
        let refresh = RefreshGrant {
            answered: false,
            ..refresh(family, family)
        };
        RedeemedCode::Beginning {
            refresh: Box::new(refresh),
            claim: None,
        }
    } else {
        RedeemedCode::Ending {
            grant: grant_id(family),
            claim: None,
            until: NOON + HOUR,
        }
    }
}

/// What is committed beside a condition, to see whether it stands.
fn beside(id: &str, changes: Changes) -> Changes {
    Changes {
        begun: Some((cookie(id), session(id, NOON + HOUR))),
        events: vec![logged_in(id, NOON)],
        ..changes
    }
}

async fn stands(store: &dyn TenantStore, id: &str) -> bool {
    let session = store.find_session(&cookie(id), NOON).await.unwrap();
    let is_told = ids(store).await.iter().any(|told| told == id);
    assert_eq!(session.is_some(), is_told, "the whole or nothing");
    is_told
}

pub async fn of_a_code_redeemed_twice_nothing_of_the_second_commit_stands(
    durable: Arc<dyn Durable>,
) {
    for begins in [true, false] {
        let store = a_tenant(&durable);
        let redeeming = |id: &str| {
            let redeemed = Some(redeemed("g", begins));
            let changes = Changes {
                redeemed,
                ..Changes::default()
            };
            beside(id, changes)
        };
        let first = store.commit(&redeeming("e1")).await.unwrap();
        assert_eq!(first.overtaken, None);
        assert!(stands(&*store, "e1").await);
        let second = store.commit(&redeeming("e2")).await.unwrap();
        assert!(
            matches!(&second.overtaken, Some(Overtaken::Redeemed(noted))
                if !noted.answered && noted.refresh.is_some() == begins),
            "{second:?}"
        );
        assert!(!stands(&*store, "e2").await);
    }
}

pub async fn of_many_commits_that_redeem_a_code_one_stands(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let committed = at_once(20, |n| {
        let store = Arc::clone(&store);
        async move {
            let changes = Changes {
                redeemed: Some(redeemed("g", n % 2 == 0)),
                ..Changes::default()
            };
            let changes = beside(&format!("e{n}"), changes);
            store.commit(&changes).await.unwrap().overtaken.is_none()
        }
    });
    // One of those that begin a refresh grant, and one of those that do not.
    assert_eq!(committed.await.into_iter().filter(|won| *won).count(), 2);
    assert_eq!(ids(&*store).await.len(), 2);
}

pub async fn of_a_rotation_that_is_lost_nothing_beside_it_stands(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let before = refresh("r", "g");
    store.add_refresh(&before, None).await.unwrap();
    let rotating = |id: &str| {
        let mut next = before.clone();
        next.generation += 1;
        let changes = Changes {
            rotated: Some(RotatedGrant {
                expected: before.generation,
                next,
            }),
            ..Changes::default()
        };
        beside(id, changes)
    };
    let committed = at_once(10, |n| {
        let (store, changes) = (Arc::clone(&store), rotating(&format!("e{n}")));
        async move { store.commit(&changes).await.unwrap().overtaken }
    });
    let lost = committed.await.into_iter().flatten();
    assert_eq!(lost.filter(|how| *how == Overtaken::Rotated).count(), 9);
    assert_eq!(ids(&*store).await.len(), 1);
    let stored = store.find_refresh(&before.id).await.unwrap().unwrap();
    assert_eq!(stored.generation, before.generation + 1);
}

pub async fn keys_are_swapped_together_with_what_is_told_of_them(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let swapping = |id: &str, expected: Option<u64>| {
        let changes = Changes {
            keys: Some(SwappedKeys {
                expected,
                new: SealedKeys {
                    version: expected.unwrap_or(0) + 1,
                    sealed: id.as_bytes().to_vec(),
                },
            }),
            ..Changes::default()
        };
        beside(id, changes)
    };
    for (id, expected, is_lost) in [
        ("e1", None, false),
        ("e2", None, true),
        ("e3", Some(7), true),
        ("e4", Some(1), false),
        ("e5", Some(1), true),
    ] {
        let committed = store.commit(&swapping(id, expected)).await.unwrap();
        let lost = is_lost.then_some(Overtaken::KeysSwapped);
        assert_eq!(committed.overtaken, lost, "{id}");
        assert_eq!(stands(&*store, id).await, !is_lost, "{id}");
    }
    let stored = store.load_keys().await.unwrap().unwrap();
    assert_eq!((stored.version, &*stored.sealed), (2, &b"e4"[..]));
}

pub async fn a_commit_that_fails_changes_no_grant_no_keys_and_no_password(
    durable: Arc<dyn Durable>,
) {
    let store = a_tenant(&durable);
    store.commit(&telling("e1", NOON)).await.unwrap();
    let before = refresh("r", "g");
    store.add_refresh(&before, None).await.unwrap();
    let mut next = before.clone();
    next.generation += 1;
    let changes = Changes {
        redeemed: Some(redeemed("other", true)),
        rotated: Some(RotatedGrant {
            expected: before.generation,
            next,
        }),
        keys: Some(SwappedKeys {
            expected: None,
            new: SealedKeys {
                version: 1,
                sealed: b"ring".to_vec(),
            },
        }),
        upgraded: Some(UpgradedPassword {
            email: "jane".to_owned(),
            replaces: cookie("old"),
            hash: "new".to_owned(),
        }),
        // There is an event of that name.
        ..telling("e1", NOON)
    };
    store.commit(&changes).await.unwrap_err();
    let stored = store.find_refresh(&before.id).await.unwrap();
    assert_eq!(stored, Some(before));
    let begun = store.find_refresh(&refresh("other", "other").id).await;
    assert_eq!(begun.unwrap(), None);
    assert_eq!(store.load_keys().await.unwrap(), None);
    let upgraded = store.find_upgraded_password("jane").await.unwrap();
    assert_eq!(upgraded, None);
    // The same without what stands in its way.
    let changes = Changes {
        events: vec![logged_in("e2", NOON)],
        ..changes
    };
    assert_eq!(store.commit(&changes).await.unwrap().overtaken, None);
    assert!(store.load_keys().await.unwrap().is_some());
    let upgraded = store.find_upgraded_password("jane").await.unwrap();
    assert_eq!(upgraded, changes.upgraded);
}

pub async fn an_event_of_every_kind_comes_back_as_it_was_told(durable: Arc<dyn Durable>) {
    let store = a_tenant(&durable);
    let denied = |user: Option<&str>, reason| EventKind::LoginDenied {
        client: client("app"),
        connector: connector("local"),
        user: user.map(super::records::user),
        reason,
        count: u64::from(u32::MAX) + 1,
    };
    let key = || "kid".to_owned();
    let kinds = [
        logged_in("e", NOON).kind,
        EventKind::ConsentGiven {
            client: client("app"),
            connector: connector("local"),
            user: user("jane"),
            scopes: Scopes::parse("email groups"),
        },
        EventKind::SessionEnded {
            session: session("sid", NOON).id,
            connector: connector("local"),
            user: user("jane"),
            clients: vec![client("app"), client("other")],
            reason: SessionEnd::Replaced,
        },
        EventKind::GrantRevoked {
            grant: grant_id("g"),
            client: client("app"),
            reason: Revocation::Denied,
        },
        denied(Some("jane"), Denial::WrongPassword),
        denied(Some("jane"), Denial::TooMany),
        denied(None, Denial::Denied),
        denied(None, Denial::Declined),
        denied(None, Denial::NotInGroup),
        EventKind::PasswordUpgraded { user: user("jane") },
        EventKind::KeyAnnounced {
            key: key(),
            alg: "ES256".to_owned(),
        },
        EventKind::KeyPromoted {
            key: key(),
            alg: "ES256".to_owned(),
        },
        EventKind::KeyRetired { key: key() },
        EventKind::KeysReset,
    ];
    let events = kinds.into_iter().enumerate().map(|(n, kind)| Event {
        id: EventId::parse(format!("e{n:02}")).unwrap(),
        at: NOON,
        kind,
    });
    let changes = Changes {
        events: events.collect(),
        ..Changes::default()
    };
    store.commit(&changes).await.unwrap();
    let told = store.events_after(0, 100).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|placed| placed.event).collect();
    assert_eq!(told, changes.events);
}
