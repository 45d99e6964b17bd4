//! A rolling restart: in short what `cargo xtask attack` does in full.

use insula_tests::attack::{Scale, assert_held, nodes_restarted_in_turn};
use insula_tests::{program, service};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_restarted_in_turn_under_load_lose_no_request() {
    for needed in ["INSULA_TEST_POSTGRES", "INSULA_TEST_REDIS"] {
        if service(needed).is_none() {
            return;
        }
    }
    if program("INSULA_TEST_HAPROXY").is_some() {
        assert_held(&nodes_restarted_in_turn(Scale::Short).await);
    }
}
