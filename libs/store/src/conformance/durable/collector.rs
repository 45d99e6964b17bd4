use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::BrowserSession;
use tokio::sync::Mutex;

use super::records::{HOUR, MS, NOON, a_tenant, at_once, cookie, grant_id, refresh, session};
use crate::{Durable, Redemption};

/// The collector sweeps all tenants, so its sentences run one by one; and long ago, so that they
/// take nothing from the others.
pub(super) static ONE_BY_ONE: Mutex<()> = Mutex::const_new(());
pub(super) const LONG_AGO: Timestamp = Timestamp::from_millis(1_000_000_000_777);

pub(super) async fn sweep_all(durable: &Arc<dyn Durable>, now: Timestamp) {
    while durable.collect_expired(now, 1_000).await.unwrap() > 0 {}
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
