//! What every [`Durable`](crate::Durable) must do. See [`durable_conformance!`](crate::durable_conformance).
//!
//! Every sentence works on tenants of random names, so that sentences may run at once on one
//! database. Everything but the collector's own rows expires far in the future of the collector's
//! clock, so that its sweeps take nothing from the others.
#![expect(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "names are sentences here, and a suite speaks by panicking"
)]

mod clients;
mod collector;
mod installation;
mod isolation;
mod keys;
mod last_good;
mod logouts;
mod outbox;
mod owner;
mod people;
pub(crate) mod records;
mod refresh;
mod sessions;

pub use clients::*;
pub use collector::*;
pub use installation::*;
pub use isolation::*;
pub use keys::*;
pub use last_good::*;
pub use logouts::*;
pub use outbox::*;
pub use owner::*;
pub use people::*;
pub use refresh::*;
pub use sessions::*;

/// Turns the suite of [`Durable`](crate::Durable) into tests of the backend under test.
///
/// Takes an expression of a future of `Option<Arc<dyn Durable>>`; `None` skips, for a service that
/// is not there. The caller needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! durable_conformance {
    ($factory:expr) => {
        $crate::durable_conformance! { @each $factory;
            rows_belong_to_whoever_claims_them_first,
            rows_that_are_adopted_belong_to_another,
            a_tenant_that_left_is_remembered_until_it_is_adopted,
            of_a_hundred_first_claims_one_wins,
            no_tenant_sees_the_owner_of_another,
            all_owners_are_told_at_once,
            an_unknown_client_is_not_found,
            a_client_comes_back_as_it_was_put,
            a_client_is_replaced_only_from_the_version_it_has,
            of_a_hundred_who_put_a_client_one_wins,
            a_deleted_client_is_gone_and_another_may_have_its_id,
            client_ids_that_look_alike_are_different_clients,
            clients_are_listed_page_by_page_each_once,
            it_is_told_which_of_many_clients_are_stored,
            no_tenant_sees_replaces_or_deletes_the_clients_of_another,
            a_tenant_begins_without_keys,
            keys_come_back_as_they_were_stored,
            of_two_who_swap_keys_one_wins,
            of_a_hundred_first_swaps_one_wins,
            a_swap_from_a_version_that_is_gone_is_lost,
            the_versions_of_many_key_rings_are_told_at_once,
            the_last_good_document_is_replaced_and_forgotten,
            an_unknown_person_is_not_found,
            a_login_is_recorded_with_all_the_connector_says,
            a_later_login_brings_new_claims_and_keeps_the_first_time,
            a_late_login_does_not_turn_the_clock_back,
            consents_add_up_per_client,
            a_login_without_consent_keeps_what_was_allowed,
            a_hundred_logins_at_once_lose_no_consent,
            user_ids_that_look_alike_are_different_people,
            ids_and_claims_at_their_limits_come_back_whole,
            the_same_user_id_of_two_connectors_is_two_people,
            an_upgraded_password_replaces_an_earlier_one,
            login_names_are_compared_letter_by_letter,
            a_session_comes_back_as_it_was_saved,
            a_session_saved_again_is_replaced,
            a_session_ends_at_its_expiry_and_not_a_millisecond_before,
            ending_a_session_answers_it_once,
            of_many_who_end_a_session_one_is_answered,
            a_session_is_prolonged_while_it_is_there_and_not_brought_back,
            a_session_is_found_by_its_sid_until_it_ends,
            a_session_saved_under_a_new_sid_forgets_the_old_one,
            a_refresh_grant_comes_back_as_it_was_stored,
            a_refresh_grant_without_optional_parts_comes_back_without_them,
            an_expired_refresh_grant_is_still_found,
            a_refresh_id_is_given_out_once,
            a_family_begins_one_refresh_grant_however_often_it_is_added,
            a_revoked_family_is_not_begun_again,
            a_redemption_is_noted_once_and_for_one_tenant,
            a_redemption_tells_the_claim_it_was_first_noted_with,
            of_a_hundred_who_take_the_answer_of_a_redemption_one_gets_it,
            the_answer_of_a_redemption_whose_token_was_used_is_not_taken,
            a_rotation_is_unanswered_until_that_is_noted,
            a_rotation_changes_what_it_may_and_nothing_else,
            a_rotation_from_another_generation_is_lost,
            a_rotation_of_an_unknown_grant_is_lost,
            of_a_hundred_rotations_of_one_generation_one_wins,
            revoking_takes_the_whole_family_and_no_other,
            revoking_twice_is_once,
            a_revoked_family_cannot_be_rotated,
            a_grant_added_after_its_family_was_revoked_is_dead,
            a_rotation_and_a_revocation_at_once_leave_no_grant,
            grants_of_a_person_are_listed_newest_first_and_by_client,
            at_most_a_hundred_grants_are_listed,
            what_is_committed_together_stands_together_and_is_told,
            events_are_read_in_order_page_by_page_each_once,
            events_that_are_committed_while_others_are_read_are_all_read,
            of_many_commits_that_end_a_session_one_tells_it,
            a_session_that_is_not_there_is_not_told_to_end,
            a_revocation_is_told_the_first_time_alone,
            of_many_logins_at_once_each_is_told_once,
            of_a_code_redeemed_twice_nothing_of_the_second_commit_stands,
            of_many_commits_that_redeem_a_code_one_stands,
            of_a_rotation_that_is_lost_nothing_beside_it_stands,
            keys_are_swapped_together_with_what_is_told_of_them,
            a_commit_that_fails_changes_no_grant_no_keys_and_no_password,
            an_event_of_every_kind_comes_back_as_it_was_told,
            no_tenant_sees_the_events_of_another,
            the_collector_takes_events_once_they_were_kept_for_their_time,
            a_session_that_ends_leaves_word_for_each_client_but_those_that_want_none,
            sessions_of_very_many_logins_end_at_once,
            word_of_a_session_is_left_once_however_many_end_it,
            a_logout_is_claimed_by_one_and_is_due_again_if_they_end,
            a_logout_that_was_told_is_forgotten_and_one_that_was_not_waits,
            clients_that_wait_for_longest_are_told_first,
            the_collector_takes_word_that_nobody_could_be_told,
            the_sessions_of_a_person_are_found_until_they_end,
            no_tenant_sees_or_takes_the_logouts_of_another,
            no_tenant_sees_the_keys_of_another,
            no_tenant_sees_the_people_of_another,
            no_tenant_sees_or_ends_the_sessions_of_another,
            no_tenant_sees_rotates_or_revokes_the_grants_of_another,
            two_bindings_of_one_tenant_see_the_same_rows,
            a_backend_that_is_there_answers,
            a_backend_that_takes_writes_says_so,
            a_fact_is_settled_once_and_stands,
            of_many_who_settle_a_fact_all_hear_the_same,
            key_rings_of_any_tenant_are_found,
            a_lease_is_held_by_one_until_it_runs_out,
            of_many_who_want_a_lease_one_gets_it,
            a_holder_renews_its_lease,
            the_collector_takes_what_expired_and_nothing_else,
            the_collector_takes_no_more_than_a_batch_of_each_kind,
            a_revocation_stands_until_it_is_collected,
            a_revocation_leaves_no_grant_behind_when_it_is_collected,
            a_session_prolonged_while_the_collector_sweeps_stays,
        }
    };
    (@each $factory:expr; $($sentence:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let durable: ::std::option::Option<::std::sync::Arc<dyn $crate::Durable>> =
                    $factory.await;
                if let Some(durable) = durable {
                    $crate::conformance::durable::$sentence(durable).await;
                }
            }
        )*
    };
}
