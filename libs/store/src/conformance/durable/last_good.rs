use std::sync::Arc;

use super::records::{HOUR, NOON, a_tenant_id};
use crate::Durable;

pub async fn the_last_good_document_is_replaced_and_forgotten(durable: Arc<dyn Durable>) {
    let (acme, other) = (a_tenant_id(), a_tenant_id());
    assert_eq!(durable.last_good(&acme).await.unwrap(), None);
    durable.forget_good(&acme).await.unwrap();
    let long: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    for (sealed, at) in [(b"first".as_slice(), NOON), (&long, NOON + HOUR)] {
        durable.keep_good(&acme, sealed, at).await.unwrap();
        let kept = durable.last_good(&acme).await.unwrap();
        assert!(kept.as_deref() == Some(sealed), "{} bytes", sealed.len());
    }
    assert_eq!(durable.last_good(&other).await.unwrap(), None);
    durable.keep_good(&other, b"other", NOON).await.unwrap();
    durable.forget_good(&acme).await.unwrap();
    assert_eq!(durable.last_good(&acme).await.unwrap(), None);
    assert!(durable.last_good(&other).await.unwrap().is_some());
}
