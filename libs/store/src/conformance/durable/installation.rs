use std::sync::Arc;

use super::records::{HOUR, MS, NOON, a_tenant, a_word, at_once};
use crate::{Durable, SealedKeys};

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
    a_tenant(&durable)
        .swap_keys(None, &sealed, &[])
        .await
        .unwrap();
    a_tenant(&durable)
        .swap_keys(None, &sealed, &[])
        .await
        .unwrap();
    assert_eq!(durable.some_key_rings(1).await.unwrap().len(), 1);
    assert!(durable.some_key_rings(100_000).await.unwrap().len() >= 2);
}

pub async fn a_lease_is_held_by_one_until_it_runs_out(durable: Arc<dyn Durable>) {
    let name = a_word();
    for (holder, now, expected) in [
        ("a", NOON, true),
        ("b", NOON, false),
        ("b", NOON + HOUR - MS, false),
        ("b", NOON + HOUR, true),
        ("a", NOON + HOUR + MS, false),
    ] {
        let lease = durable.lease(&name, holder, now, HOUR).await.unwrap();
        assert_eq!(lease, expected, "{holder} {now:?}");
    }
    let another = durable.lease(&a_word(), "a", NOON, HOUR).await.unwrap();
    assert!(another, "another name is another lease");
}

pub async fn of_many_who_want_a_lease_one_gets_it(durable: Arc<dyn Durable>) {
    let name = a_word();
    for now in [NOON, NOON + HOUR] {
        let got = at_once(20, |n| {
            let (durable, name) = (Arc::clone(&durable), name.clone());
            let holder = format!("process {n} at {now:?}");
            async move { durable.lease(&name, &holder, now, HOUR).await.unwrap() }
        })
        .await;
        assert_eq!(got.into_iter().filter(|got| *got).count(), 1);
    }
}

pub async fn a_holder_renews_its_lease(durable: Arc<dyn Durable>) {
    let name = a_word();
    for now in [NOON, NOON, NOON + HOUR - MS] {
        assert!(durable.lease(&name, "a", now, HOUR).await.unwrap());
    }
    let other = durable.lease(&name, "b", NOON + HOUR, HOUR).await.unwrap();
    assert!(!other, "the lease was renewed past {:?}", NOON + HOUR);
}
