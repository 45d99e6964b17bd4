use std::sync::Arc;

use super::records::{NOON, a_tenant, a_tenant_id};
use crate::{Durable, Owner};

const ACME: &str = "https://acme.test";
const OTHER: &str = "https://other.test/a/path/that/is/long";

fn of(issuer: &str) -> Owner {
    Owner {
        issuer: issuer.to_owned(),
        left_at: None,
    }
}

pub async fn rows_belong_to_whoever_claims_them_first(durable: Arc<dyn Durable>) {
    let acme = a_tenant(&durable);
    assert_eq!(acme.claim(ACME).await.unwrap(), of(ACME));
    assert_eq!(acme.claim(OTHER).await.unwrap(), of(ACME));
}

pub async fn rows_that_are_adopted_belong_to_another(durable: Arc<dyn Durable>) {
    let acme = a_tenant(&durable);
    for _ in 0..2 {
        acme.adopt(OTHER).await.unwrap();
        assert_eq!(acme.claim(ACME).await.unwrap(), of(OTHER));
    }
    acme.adopt(ACME).await.unwrap();
    assert_eq!(acme.claim(OTHER).await.unwrap(), of(ACME));
}

pub async fn a_tenant_that_left_is_remembered_until_it_is_adopted(durable: Arc<dyn Durable>) {
    let acme = a_tenant(&durable);
    acme.note_left(NOON).await.unwrap();
    assert_eq!(
        acme.claim(ACME).await.unwrap(),
        of(ACME),
        "nobody was there to leave"
    );
    for _ in 0..2 {
        acme.note_left(NOON).await.unwrap();
        let gone = Owner {
            left_at: Some(NOON),
            ..of(ACME)
        };
        assert_eq!(acme.claim(OTHER).await.unwrap(), gone);
    }
    acme.adopt(ACME).await.unwrap();
    assert_eq!(acme.claim(ACME).await.unwrap(), of(ACME));
}

pub async fn of_a_hundred_first_claims_one_wins(durable: Arc<dyn Durable>) {
    let id = a_tenant_id();
    let claims = (0..100).map(|n| {
        let tenant = durable.tenant(&id);
        tokio::spawn(async move { tenant.claim(&format!("https://{n}.test")).await.unwrap() })
    });
    let claims: Vec<_> = claims.collect();
    let mut owners = Vec::new();
    for claim in claims {
        owners.push(claim.await.unwrap());
    }
    assert!(owners.iter().all(|owner| *owner == owners[0]));
}

pub async fn no_tenant_sees_the_owner_of_another(durable: Arc<dyn Durable>) {
    let (acme, other) = (a_tenant(&durable), a_tenant(&durable));
    acme.claim(ACME).await.unwrap();
    assert_eq!(other.claim(OTHER).await.unwrap(), of(OTHER));
    other.adopt("https://third.test").await.unwrap();
    other.note_left(NOON).await.unwrap();
    assert_eq!(acme.claim(ACME).await.unwrap(), of(ACME));
}

pub async fn all_owners_are_told_at_once(durable: Arc<dyn Durable>) {
    let (acme, other, unclaimed) = (a_tenant_id(), a_tenant_id(), a_tenant_id());
    durable.tenant(&acme).claim(ACME).await.unwrap();
    durable.tenant(&other).claim(OTHER).await.unwrap();
    durable.tenant(&other).note_left(NOON).await.unwrap();
    durable.tenant(&unclaimed).load_keys().await.unwrap();
    let mut owners = durable.owners().await.unwrap();
    owners.retain(|(id, _)| [&acme, &other, &unclaimed].contains(&id));
    owners.sort_by_key(|(id, _)| *id != acme);
    let gone = Owner {
        left_at: Some(NOON),
        ..of(OTHER)
    };
    assert_eq!(owners, [(acme, of(ACME)), (other, gone)]);
}
