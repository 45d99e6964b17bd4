use std::collections::HashMap;
use std::sync::Arc;

use super::records::{a_tenant, a_tenant_id, at_once};
use crate::{Durable, KEY_VERSIONS_AT_ONCE, KeySwap, SealedKeys};

fn ring(version: u64, sealed: &[u8]) -> SealedKeys {
    SealedKeys {
        version,
        sealed: sealed.to_vec(),
    }
}

pub async fn a_tenant_begins_without_keys(durable: Arc<dyn Durable>) {
    assert_eq!(a_tenant(&durable).load_keys().await.unwrap(), None);
}

pub async fn keys_come_back_as_they_were_stored(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let keys = ring(1, &bytes);
    tenant.swap_keys(None, &keys, &[]).await.unwrap();
    assert_eq!(tenant.load_keys().await.unwrap(), Some(keys));
}

pub async fn of_two_who_swap_keys_one_wins(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    tenant.swap_keys(None, &ring(1, b"old"), &[]).await.unwrap();
    let first = tenant
        .swap_keys(Some(1), &ring(2, b"a"), &[])
        .await
        .unwrap();
    let second = tenant
        .swap_keys(Some(1), &ring(2, b"b"), &[])
        .await
        .unwrap();
    assert_eq!((first, second), (KeySwap::Swapped, KeySwap::Lost));
    assert_eq!(tenant.load_keys().await.unwrap(), Some(ring(2, b"a")));
}

pub async fn of_a_hundred_first_swaps_one_wins(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let swaps = at_once(100, |n| {
        let tenant = Arc::clone(&tenant);
        async move {
            let keys = ring(1, n.to_string().as_bytes());
            (tenant.swap_keys(None, &keys, &[]).await.unwrap(), keys)
        }
    })
    .await;
    let mut winners = swaps.into_iter().filter(|(s, _)| *s == KeySwap::Swapped);
    let (_, stored) = winners.next().unwrap();
    assert_eq!(winners.count(), 0, "exactly one swap wins");
    assert_eq!(tenant.load_keys().await.unwrap(), Some(stored));
}

pub async fn a_swap_from_a_version_that_is_gone_is_lost(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let swap = tenant
        .swap_keys(Some(1), &ring(2, b"x"), &[])
        .await
        .unwrap();
    assert_eq!(swap, KeySwap::Lost);
    assert_eq!(tenant.load_keys().await.unwrap(), None);
    tenant.swap_keys(None, &ring(1, b"x"), &[]).await.unwrap();
    let swap = tenant.swap_keys(None, &ring(1, b"y"), &[]).await.unwrap();
    assert_eq!(swap, KeySwap::Lost);
    assert_eq!(tenant.load_keys().await.unwrap(), Some(ring(1, b"x")));
}

pub async fn the_versions_of_many_key_rings_are_told_at_once(durable: Arc<dyn Durable>) {
    assert_eq!(durable.key_versions(&[]).await.unwrap(), HashMap::new());
    // More than are asked for in one statement.
    let ids: Vec<_> = (0..=KEY_VERSIONS_AT_ONCE).map(|_| a_tenant_id()).collect();
    let first = &ids[0];
    let last = &ids[KEY_VERSIONS_AT_ONCE];
    for (id, versions) in [(first, 1..=3), (last, 1..=1)] {
        let tenant = durable.tenant(id);
        for version in versions {
            let expected = (version > 1).then(|| version - 1);
            let swap = tenant
                .swap_keys(expected, &ring(version, b"ring"), &[])
                .await;
            assert_eq!(swap.unwrap(), KeySwap::Swapped);
        }
    }
    let unasked = a_tenant(&durable);
    unasked
        .swap_keys(None, &ring(1, b"ring"), &[])
        .await
        .unwrap();
    let told = durable.key_versions(&ids).await.unwrap();
    assert_eq!(told, HashMap::from([(first.clone(), 3), (last.clone(), 1)]));
}
