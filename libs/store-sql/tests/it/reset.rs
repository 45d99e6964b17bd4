//! All that only the master key opens is given up.

use insula_model::{Event, EventId, EventKind, TenantId};
use insula_store::{Durable as _, SealedKeys};

use crate::cost::NOON;
use crate::scratch::Scratch;

pub(crate) async fn each_tenant_that_had_keys_is_told_that_they_were_given_up(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let name = |n: usize| TenantId::parse(format!("t{n}")).unwrap();
    let keys = SealedKeys {
        version: 1,
        sealed: b"ring".to_vec(),
    };
    // More than are told in one statement.
    for n in 0..501 {
        let tenant = store.tenant(&name(n));
        tenant.swap_keys(None, &keys, &[]).await.unwrap();
    }
    let told = || Event {
        id: EventId::parse("reset").unwrap(),
        at: NOON,
        kind: EventKind::KeysReset,
    };
    assert_eq!(store.forget_sealed(told).await.unwrap(), 501);
    for n in [0, 250, 500] {
        let tenant = store.tenant(&name(n));
        assert_eq!(tenant.load_keys().await.unwrap(), None);
        let events = tenant.events_after(0, 10).await.unwrap();
        let events: Vec<_> = events.into_iter().map(|placed| placed.event).collect();
        assert_eq!(events, [told()]);
    }
    let other = store.tenant(&name(501)).events_after(0, 10).await.unwrap();
    assert_eq!(other, []);
    store.close().await;
}
