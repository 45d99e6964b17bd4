use std::sync::Arc;

use insula_model::TokenHash;

use super::records::{
    HOUR, NOON, a_tenant, a_tenant_id, claims, connector, cookie, grant_id, refresh, session, user,
};
use crate::{Durable, KeySwap, RefreshRotation, SealedKeys, UpgradedPassword};

fn ring(sealed: &str) -> SealedKeys {
    SealedKeys {
        version: 1,
        sealed: sealed.into(),
    }
}

pub async fn no_tenant_sees_the_keys_of_another(durable: Arc<dyn Durable>) {
    let (acme, globex) = (a_tenant(&durable), a_tenant(&durable));
    acme.swap_keys(None, &ring("acme"), &[]).await.unwrap();
    assert_eq!(globex.load_keys().await.unwrap(), None);
    let swap = globex
        .swap_keys(Some(1), &ring("stolen"), &[])
        .await
        .unwrap();
    assert_eq!(swap, KeySwap::Lost);
    let swap = globex.swap_keys(None, &ring("globex"), &[]).await.unwrap();
    assert_eq!(swap, KeySwap::Swapped);
    assert_eq!(acme.load_keys().await.unwrap(), Some(ring("acme")));
}

pub async fn no_tenant_sees_the_people_of_another(durable: Arc<dyn Durable>) {
    let (acme, globex) = (a_tenant(&durable), a_tenant(&durable));
    let (local, jane, email) = (connector("local"), user("jane"), "jane@example.test");
    acme.record_login(&local, &claims("jane"), None, NOON)
        .await
        .unwrap();
    let upgraded = UpgradedPassword {
        email: email.into(),
        replaces: TokenHash::of("old"),
        hash: "$argon2id$".into(),
    };
    acme.upgrade_password(&upgraded, None).await.unwrap();
    assert_eq!(globex.find_identity(&local, &jane).await.unwrap(), None);
    assert_eq!(globex.find_upgraded_password(email).await.unwrap(), None);

    globex
        .record_login(&local, &claims("jane"), None, NOON + HOUR)
        .await
        .unwrap();
    let theirs = acme.find_identity(&local, &jane).await.unwrap().unwrap();
    assert_eq!(theirs.last_login_at, NOON);
}

pub async fn no_tenant_sees_or_ends_the_sessions_of_another(durable: Arc<dyn Durable>) {
    let (acme, globex) = (a_tenant(&durable), a_tenant(&durable));
    let theirs = session("sid", NOON + HOUR);
    acme.save_session(&cookie("c"), &theirs).await.unwrap();
    assert_eq!(globex.find_session(&cookie("c"), NOON).await.unwrap(), None);
    assert!(!globex.session_exists(&theirs.id, NOON).await.unwrap());
    assert_eq!(globex.end_session(&cookie("c")).await.unwrap(), None);
    let ours = session("other", NOON + 2 * HOUR);
    globex.save_session(&cookie("c"), &ours).await.unwrap();
    let found = acme.find_session(&cookie("c"), NOON).await.unwrap();
    assert_eq!(found, Some(theirs));
}

pub async fn no_tenant_sees_rotates_or_revokes_the_grants_of_another(durable: Arc<dyn Durable>) {
    let (acme, globex) = (a_tenant(&durable), a_tenant(&durable));
    let theirs = refresh("r1", "g1");
    acme.add_refresh(&theirs, None).await.unwrap();
    assert_eq!(globex.find_refresh(&theirs.id).await.unwrap(), None);
    let mut next = theirs.clone();
    next.generation = 1;
    let rotation = globex.rotate_refresh(0, &next).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Lost);
    let listed = globex
        .refresh_grants_of(&connector("local"), &user("jane"), None)
        .await
        .unwrap();
    assert_eq!(listed, []);

    globex
        .revoke_grant(&theirs.grant_id, NOON + HOUR)
        .await
        .unwrap();
    assert!(!acme.is_revoked(&grant_id("g1")).await.unwrap());
    let found = acme.find_refresh(&theirs.id).await.unwrap();
    assert_eq!(found, Some(theirs.clone()));
    let rotation = acme.rotate_refresh(0, &next).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Rotated);
}

pub async fn two_bindings_of_one_tenant_see_the_same_rows(durable: Arc<dyn Durable>) {
    let id = a_tenant_id();
    let (one, two) = (durable.tenant(&id), durable.tenant(&id));
    one.swap_keys(None, &ring("shared"), &[]).await.unwrap();
    assert_eq!(two.load_keys().await.unwrap(), Some(ring("shared")));
}
