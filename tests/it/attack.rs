//! The short form of `cargo xtask attack`: the same attacks, small, and what they must leave standing.

use insula_tests::attack::{self, Scale, assert_held};

#[tokio::test(flavor = "multi_thread")]
async fn password_guesses_at_one_tenant_leave_its_neighbours_logins_alone() {
    assert_held(&attack::password_guesses_at_one_tenant(Scale::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_that_nobody_finishes_cost_their_tenants_neighbours_no_login() {
    let proofs = attack::logins_that_nobody_finishes(Scale::Short).await;
    if insula_tests::service("INSULA_TEST_REDIS").is_some() {
        assert_held(&proofs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_that_asks_without_a_pause_leaves_the_tenants_quota_to_others() {
    assert_held(&attack::one_address_that_asks_without_a_pause(Scale::Short).await);
}
