use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::BrowserSession;
use tokio::sync::Mutex;

use super::records::{
    HOUR, MS, NOON, a_tenant, a_word, at_once, cookie, grant_id, refresh, session,
};
use crate::{Durable, Redemption, SealedKeys};

/// The collector sweeps all tenants, so its sentences run one by one; and long ago, so that they
/// take nothing from the others.
pub(super) static ONE_BY_ONE: Mutex<()> = Mutex::const_new(());
pub(super) const LONG_AGO: Timestamp = Timestamp::from_millis(1_000_000_000_777);

pub(super) async fn sweep_all(durable: &Arc<dyn Durable>, now: Timestamp) {
    while durable.collect_expired(now, 1_000).await.unwrap() > 0 {}
}

pub async fn a_backend_that_is_there_answers(durable: Arc<dyn Durable>) {
    durable.ping().await.unwrap();
}

pub async fn a_backend_that_takes_writes_says_so(durable: Arc<dyn Durable>) {
    for _ in 0..2 {
        durable.probe(NOON).await.unwrap();
    }
    let all = at_once(5, |_| {
        let durable = Arc::clone(&durable);
        async move { durable.probe(NOON).await }
    });
    assert!(
        all.await.iter().all(Result::is_ok),
        "probes of several processes"
    );
}

pub async fn a_fact_is_settled_once_and_stands(durable: Arc<dyn Durable>) {
    let (name, other) = (a_word(), a_word());
    assert_eq!(durable.fact(&name).await.unwrap(), None);
    for value in ["first", "second"] {
        let standing = durable.settle_fact(&name, value).await.unwrap();
        assert_eq!(standing, "first");
    }
    assert_eq!(durable.fact(&name).await.unwrap().as_deref(), Some("first"));
    assert_eq!(durable.fact(&other).await.unwrap(), None);
}

pub async fn of_many_who_settle_a_fact_all_hear_the_same(durable: Arc<dyn Durable>) {
    let name = a_word();
    let heard = at_once(20, |n| {
        let (durable, name) = (Arc::clone(&durable), name.clone());
        async move {
            durable
                .settle_fact(&name, &format!("value {n}"))
                .await
                .unwrap()
        }
    })
    .await;
    let standing = durable.fact(&name).await.unwrap().unwrap();
    assert!(heard.iter().all(|value| *value == standing), "{heard:?}");
}

pub async fn key_rings_of_any_tenant_are_found(durable: Arc<dyn Durable>) {
    let sealed = SealedKeys {
        version: 1,
        sealed: b"sealed".to_vec(),
    };
    a_tenant(&durable).swap_keys(None, &sealed).await.unwrap();
    a_tenant(&durable).swap_keys(None, &sealed).await.unwrap();
    assert_eq!(durable.some_key_rings(1).await.unwrap().len(), 1);
    assert!(durable.some_key_rings(100_000).await.unwrap().len() >= 2);
}

pub async fn a_lease_is_held_by_one_until_it_runs_out(durable: Arc<dyn Durable>) {
    let chore = a_word();
    for (holder, now, expected) in [
        ("a", NOON, true),
        ("b", NOON, false),
        ("b", NOON + HOUR - MS, false),
        ("b", NOON + HOUR, true),
        ("a", NOON + HOUR + MS, false),
    ] {
        let lease = durable.lease(&chore, holder, now, HOUR).await.unwrap();
        assert_eq!(lease, expected, "{holder} {now:?}");
    }
    let another = durable.lease(&a_word(), "a", NOON, HOUR).await.unwrap();
    assert!(another, "another chore is another lease");
}

pub async fn of_many_who_want_a_lease_one_gets_it(durable: Arc<dyn Durable>) {
    let chore = a_word();
    for now in [NOON, NOON + HOUR] {
        let got = at_once(20, |n| {
            let (durable, chore) = (Arc::clone(&durable), chore.clone());
            let holder = format!("process {n} at {now:?}");
            async move { durable.lease(&chore, &holder, now, HOUR).await.unwrap() }
        })
        .await;
        assert_eq!(got.into_iter().filter(|got| *got).count(), 1);
    }
}

pub async fn a_holder_renews_its_lease(durable: Arc<dyn Durable>) {
    let chore = a_word();
    for now in [NOON, NOON, NOON + HOUR - MS] {
        assert!(durable.lease(&chore, "a", now, HOUR).await.unwrap());
    }
    let other = durable.lease(&chore, "b", NOON + HOUR, HOUR).await.unwrap();
    assert!(!other, "the lease was renewed past {:?}", NOON + HOUR);
}

pub async fn the_collector_takes_what_expired_and_nothing_else(durable: Arc<dyn Durable>) {
    let _turn = ONE_BY_ONE.lock().await;
    let tenants = [a_tenant(&durable), a_tenant(&durable)];
    for tenant in &tenants {
        for (word, end) in [("gone", LONG_AGO), ("stays", LONG_AGO + MS)] {
            let saved = session(word, end);
            tenant.save_session(&cookie(word), &saved).await.unwrap();
            let mut grant = refresh(word, word);
            grant.expires_at = end;
            tenant.add_refresh(&grant, None).await.unwrap();
            let family = grant_id(&format!("revoked-{word}"));
            tenant.revoke_grant(&family, end).await.unwrap();
            let family = grant_id(&format!("redeemed-{word}"));
            tenant.note_redeemed(&family, None, end).await.unwrap();
        }
    }
    sweep_all(&durable, LONG_AGO).await;
    for tenant in &tenants {
        for (word, stays) in [("gone", false), ("stays", true)] {
            let before = LONG_AGO - MS;
            let found = tenant.find_session(&cookie(word), before).await.unwrap();
            assert_eq!(found.is_some(), stays, "session {word}");
            let found = tenant.find_refresh(&refresh(word, word).id).await.unwrap();
            assert_eq!(found.is_some(), stays, "refresh grant {word}");
            let family = grant_id(&format!("revoked-{word}"));
            let revoked = tenant.is_revoked(&family).await.unwrap();
            assert_eq!(revoked, stays, "revocation {word}");
            let family = grant_id(&format!("redeemed-{word}"));
            let again = tenant
                .note_redeemed(&family, None, LONG_AGO + MS)
                .await
                .unwrap();
            assert_eq!(again != Redemption::First, stays, "redemption {word}");
        }
    }
    sweep_all(&durable, LONG_AGO + HOUR).await;
}

pub async fn the_collector_takes_no_more_than_a_batch_of_each_kind(durable: Arc<dyn Durable>) {
    let _turn = ONE_BY_ONE.lock().await;
    sweep_all(&durable, LONG_AGO + HOUR).await;
    let tenant = a_tenant(&durable);
    for n in 0..7 {
        let word = format!("w{n}");
        let saved = session(&word, LONG_AGO);
        tenant.save_session(&cookie(&word), &saved).await.unwrap();
        let mut grant = refresh(&word, &word);
        grant.expires_at = LONG_AGO;
        tenant.add_refresh(&grant, None).await.unwrap();
    }
    for expected in [6, 6, 2, 0] {
        let gone = durable.collect_expired(LONG_AGO, 3).await.unwrap();
        assert_eq!(gone, expected);
    }
}

pub async fn a_revocation_stands_until_it_is_collected(durable: Arc<dyn Durable>) {
    let _turn = ONE_BY_ONE.lock().await;
    let tenant = a_tenant(&durable);
    let family = grant_id("g1");
    for until in [LONG_AGO + HOUR, LONG_AGO] {
        tenant.revoke_grant(&family, until).await.unwrap();
    }
    sweep_all(&durable, LONG_AGO + HOUR - MS).await;
    let revoked = tenant.is_revoked(&family).await.unwrap();
    assert!(revoked, "the later of two ends counts");
    sweep_all(&durable, LONG_AGO + HOUR).await;
    assert!(!tenant.is_revoked(&family).await.unwrap());
}

pub async fn a_revocation_leaves_no_grant_behind_when_it_is_collected(durable: Arc<dyn Durable>) {
    let _turn = ONE_BY_ONE.lock().await;
    let tenant = a_tenant(&durable);
    let late = refresh("r1", "g1");
    tenant.revoke_grant(&late.grant_id, LONG_AGO).await.unwrap();
    tenant.add_refresh(&late, None).await.unwrap();
    sweep_all(&durable, LONG_AGO).await;
    assert!(!tenant.is_revoked(&late.grant_id).await.unwrap());
    assert_eq!(tenant.find_refresh(&late.id).await.unwrap(), None);
}

pub async fn a_session_prolonged_while_the_collector_sweeps_stays(durable: Arc<dyn Durable>) {
    let _turn = ONE_BY_ONE.lock().await;
    let tenant = a_tenant(&durable);
    for round in 0..10 {
        let word = format!("c{round}");
        let old = session(&word, LONG_AGO);
        tenant.save_session(&cookie(&word), &old).await.unwrap();
        let prolonged = BrowserSession {
            expires_at: NOON + HOUR,
            ..old
        };
        at_once(2, |who| {
            let (durable, tenant) = (Arc::clone(&durable), Arc::clone(&tenant));
            let (word, prolonged) = (word.clone(), prolonged.clone());
            async move {
                if who == 0 {
                    sweep_all(&durable, LONG_AGO).await;
                } else {
                    tenant
                        .save_session(&cookie(&word), &prolonged)
                        .await
                        .unwrap();
                }
            }
        })
        .await;
        let found = tenant.find_session(&cookie(&word), NOON).await.unwrap();
        assert_eq!(found, Some(prolonged));
    }
}
