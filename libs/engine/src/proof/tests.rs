use insula_ambient::SeededEntropy;
use insula_jose::KeyRing;
use insula_testkit::test_keys;

use super::{Step, proof_of, proves};

#[test]
fn a_proof_holds_for_its_subject_its_step_and_its_ring_alone() {
    let (keys, others) = (test_keys(), KeyRing::empty(&SeededEntropy::new(7)));
    let proof = proof_of(&keys, "request1", Step::Approval);
    assert!(proves(&keys, "request1", Step::Approval, &proof));
    assert!(!proves(&keys, "request2", Step::Approval, &proof));
    assert!(!proves(&keys, "request1", Step::Logout, &proof));
    assert!(!proves(&others, "request1", Step::Approval, &proof));
    for forged in [
        "",
        "A",
        &proof[1..],
        &format!("{proof}A"),
        &proof.to_lowercase(),
    ] {
        assert!(
            !proves(&keys, "request1", Step::Approval, forged),
            "{forged}"
        );
    }
}

#[test]
fn a_proof_fits_into_a_url_and_is_the_same_every_time() {
    let keys = test_keys();
    let proof = proof_of(&keys, "request1", Step::Approval);
    assert_eq!(proof, proof_of(&keys, "request1", Step::Approval));
    assert_eq!(
        proof.len(),
        43,
        "dex §1.11: base64url without padding of an HMAC-SHA256"
    );
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    assert!(proof.bytes().all(is_plain), "{proof}");
}
