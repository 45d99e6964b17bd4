//! The short form of `cargo xtask attack`: the same attacks, small, and what they must leave standing.

use insula_tests::attack::{self, Scale, assert_held};

#[tokio::test(flavor = "multi_thread")]
async fn password_guesses_at_one_tenant_leave_its_neighbours_logins_alone() {
    assert_held(&attack::password_guesses_at_one_tenant(Scale::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_guessed_from_many_addresses_are_slowed_down_and_keep_no_owner_out() {
    assert_held(&attack::passwords_guessed_from_many_addresses(Scale::Short).await);
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

#[tokio::test(flavor = "multi_thread")]
async fn templates_that_never_end_leave_memory_and_the_pages_of_neighbours() {
    assert_held(&attack::themes_that_take_everything(Scale::Short).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_or_a_cache_that_is_cut_off_or_stalls_at_any_request_logs_nobody_out() {
    let proofs = attack::outages(Scale::Short).await;
    if insula_tests::service("INSULA_TEST_POSTGRES").is_some() {
        assert_held(&proofs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_redeemed_stays_so_when_the_cache_is_set_back() {
    let proofs = attack::codes_of_a_cache_set_back(Scale::Short).await;
    if insula_tests::service("INSULA_TEST_REDIS").is_some() {
        assert_held(&proofs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_logged_out_revoked_or_removed_stays_so_whatever_becomes_of_the_cache() {
    let proofs = attack::ends_while_the_cache_is_away(Scale::Short).await;
    if insula_tests::service("INSULA_TEST_REDIS").is_some() {
        assert_held(&proofs);
    }
}
