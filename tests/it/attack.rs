//! The short form of `cargo xtask attack`: the same attacks, small, and what they must leave standing.

use insula_tests::attack::{self, Scale, assert_held};

#[tokio::test(flavor = "multi_thread")]
async fn password_guesses_at_one_tenant_leave_its_neighbours_logins_alone() {
    assert_held(&attack::password_guesses_at_one_tenant(Scale::Short).await);
}
