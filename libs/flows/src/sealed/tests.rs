use std::sync::Arc;

use insula_ambient::SeededEntropy;
use insula_jose::KeyRing;
use insula_testkit::a_tenant;

use super::*;
use crate::testing::view;

#[test]
fn only_the_tenant_that_sealed_it_can_read_what_a_connector_keeps() {
    let (ours, _) = view(a_tenant());
    let sealed = seal(&ours, b"upstream-refresh-token");
    assert!(!sealed.windows(8).any(|part| part == b"upstream"));
    assert_eq!(open(&ours, &sealed).unwrap(), b"upstream-refresh-token");
    let keys = Arc::new(KeyRing::empty(&SeededEntropy::new(7)));
    let theirs = TenantView {
        keys,
        ..ours.clone()
    };
    assert_eq!(open(&theirs, &sealed).err(), Some(SealError::Refused));
    let mut broken = sealed.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert_eq!(open(&ours, &broken).err(), Some(SealError::Refused));
    assert_ne!(
        seal(&ours, b"x"),
        seal(&ours, b"x"),
        "a nonce is never used twice"
    );
}
