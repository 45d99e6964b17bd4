use std::sync::Arc;

use super::records::{a_tenant, at_once};
use crate::{Durable, KeySwap, SealedKeys};

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
    tenant.swap_keys(None, &keys).await.unwrap();
    assert_eq!(tenant.load_keys().await.unwrap(), Some(keys));
}

pub async fn of_two_who_swap_keys_one_wins(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    tenant.swap_keys(None, &ring(1, b"old")).await.unwrap();
    let first = tenant.swap_keys(Some(1), &ring(2, b"a")).await.unwrap();
    let second = tenant.swap_keys(Some(1), &ring(2, b"b")).await.unwrap();
    assert_eq!((first, second), (KeySwap::Swapped, KeySwap::Lost));
    assert_eq!(tenant.load_keys().await.unwrap(), Some(ring(2, b"a")));
}

pub async fn of_a_hundred_first_swaps_one_wins(durable: Arc<dyn Durable>) {
    let tenant = a_tenant(&durable);
    let swaps = at_once(100, |n| {
        let tenant = Arc::clone(&tenant);
        async move {
            let keys = ring(1, n.to_string().as_bytes());
            (tenant.swap_keys(None, &keys).await.unwrap(), keys)
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
    let swap = tenant.swap_keys(Some(1), &ring(2, b"x")).await.unwrap();
    assert_eq!(swap, KeySwap::Lost);
    assert_eq!(tenant.load_keys().await.unwrap(), None);
    tenant.swap_keys(None, &ring(1, b"x")).await.unwrap();
    let swap = tenant.swap_keys(None, &ring(1, b"y")).await.unwrap();
    assert_eq!(swap, KeySwap::Lost);
    assert_eq!(tenant.load_keys().await.unwrap(), Some(ring(1, b"x")));
}
