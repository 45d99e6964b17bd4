//! What every `Cache` must do, one sentence a function.
//!
//! A backend runs them all through [`cache_conformance!`](crate::cache_conformance), which makes
//! each sentence a test of its own. Nothing here waits: what ends is judged by moving the backend on.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a suite speaks by failing; nothing but tests calls it"
)]

mod codes;
mod devices;
mod logins;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::{Entropy as _, SystemEntropy, Timestamp};
use insula_model::{
    Asked, AuthRequest, AuthRequestId, AuthorizationRequest, Claim, ClaimSet, ClaimsRequest,
    ClientId, CodeGrant, ConnectorId, DeviceRequest, GrantId, IdentityClaims, Login, Origin, Proof,
    ProvenPerson, RequestedClaims, TenantId, TokenHash, UserId,
};
use insula_oauth::{Prompts, ResponseMode, ResponseType, Scopes};

use crate::{Cache, ClaimedCode, LeaveToAnswer, LoginRoom, StoreError, TenantCache};

pub use codes::*;
pub use devices::*;
pub use logins::*;
pub use whole::*;

/// Room enough for what most sentences store.
const ROOM: LoginRoom = LoginRoom::of(10_000);

/// How long a login may take here.
const LIFE: Duration = Duration::from_mins(10);

/// How long a code waits here.
const MINUTE: Duration = Duration::from_mins(1);

/// How many try the same at once where only one may win.
const CROWD: usize = 100;

/// A cache on trial.
#[async_trait]
pub trait CacheOnTrial: Send + Sync {
    /// The cache.
    fn cache(&self) -> &dyn Cache;

    /// Brings every entry's end nearer, as if so much time had passed.
    async fn advance(&self, by: Duration);

    /// The names of all entries that would stay for ever. There must be none.
    async fn entries_without_end(&self) -> Vec<String>;
}

/// Makes each sentence of the suite a test: `cache_conformance!(path::to::factory)`, where the
/// factory is an `async fn() -> Option<impl CacheOnTrial>`; `None` skips.
#[macro_export]
macro_rules! cache_conformance {
    ($factory:path) => {
        $crate::cache_conformance! { @each $factory:
            a_stored_login_is_read_back_whole
            an_unknown_login_is_nothing
            a_login_of_no_lifetime_is_not_stored
            a_login_that_advances_ends_when_it_was_to_end
            a_login_never_takes_the_place_of_one_that_stands
            a_tenant_full_of_logins_lets_its_oldest_go_and_no_neighbours
            logins_are_bounded_in_bytes_as_well_as_in_number
            a_login_larger_than_all_the_room_is_refused_and_costs_nobody_theirs
            a_login_that_grew_counts_as_it_is_now
            what_is_finished_dropped_or_ended_gives_its_room_back
            a_room_that_was_made_smaller_is_kept_from_then_on
            a_flood_of_a_hundred_at_once_stays_within_the_room
            a_login_is_advanced_from_the_version_that_was_read_only
            of_a_hundred_advances_exactly_one_wins
            an_ended_or_unknown_login_is_not_advanced
            finishing_a_login_ends_it_and_its_code_stands
            of_a_hundred_finishes_exactly_one_wins_and_one_code_stands
            a_stale_finish_leaves_no_code
            an_ended_login_is_not_finished
            a_dropped_login_is_gone_and_is_dropped_once
            peeking_at_a_code_does_not_use_it_up
            a_code_is_redeemed_once_and_replayed_with_its_grant_ever_after
            a_code_claimed_by_a_hundred_presenters_is_one_s_and_replayed_to_all_others
            a_code_claimed_again_by_its_presenter_is_answered_for_the_last_claim_alone
            of_a_hundred_claims_of_one_presenter_exactly_one_is_answered
            leave_to_answer_for_a_code_that_is_gone_is_neither_given_nor_refused
            a_code_that_was_claimed_lives_on_for_those_who_try_again
            an_epoch_is_one_from_the_first_claim_to_the_last_answer
            an_unknown_code_is_unknown
            a_code_is_unknown_once_it_has_ended
            a_used_code_is_remembered_past_its_end
            a_used_code_cannot_be_stored_again
            a_device_is_found_by_its_user_code_until_it_ends
            a_user_code_that_somebody_has_is_not_given_to_another
            a_device_that_polls_too_soon_has_to_wait_longer_from_then_on
            a_forgiving_pace_begins_anew_after_a_poll_in_time
            an_approved_device_has_a_code_that_is_claimed_as_any_other
            a_code_of_a_device_lives_as_long_as_the_device_code_was_to_live
            of_a_hundred_answers_to_a_device_exactly_one_counts
            a_denied_device_is_told_so
            what_became_of_a_device_is_told_after_its_end_and_later_forgotten
            a_tenant_full_of_devices_lets_its_oldest_go_and_no_neighbours
            a_refreshed_login_is_kept_in_place_of_the_turn_until_it_is_forgotten
            of_a_hundred_who_want_to_ask_an_upstream_one_may
            a_turn_to_ask_is_given_back_by_its_holder_alone_and_ends_by_itself
            counters_count_within_the_window_that_began_with_the_first_event
            failures_rest_longer_each_time_and_are_forgotten_after_a_quiet_while
            failures_of_several_names_are_counted_in_one_step
            a_hundred_events_at_once_are_a_hundred_events
            counters_of_different_keys_do_not_mix
            no_method_of_one_tenant_touches_another
            big_values_survive
            odd_characters_survive
            every_entry_has_an_end
            what_has_ended_is_not_seen_any_more
            the_cache_answers_a_ping
        }
    };
    (@each $factory:path: $($sentence:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $sentence() {
                let Some(trial) = $factory().await else {
                    return;
                };
                $crate::conformance::cache::$sentence(&trial).await;
            }
        )*
    };
}

/// A tenant nobody else has, so that suites may share a server.
fn a_tenant(trial: &dyn CacheOnTrial) -> Arc<dyn TenantCache> {
    trial.cache().tenant(&a_tenant_id())
}

fn a_tenant_id() -> TenantId {
    TenantId::parse(SystemEntropy.word(10)).expect("a word is a tenant id")
}

fn a_hash() -> TokenHash {
    TokenHash::of(&SystemEntropy.word(20))
}

fn later(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn a_login() -> Login {
    let user = UserId::parse("jane").expect("a user id");
    Login {
        connector_id: ConnectorId::parse("mock").expect("a connector id"),
        claims: IdentityClaims::of(user),
        auth_time: Timestamp::from_secs(1),
        amr: vec!["pwd".into()],
        acr: Some("urn:upstream:two".into()),
        session_id: None,
        connector_data: Some(vec![0, 255, 10]),
    }
}

fn a_request() -> AuthRequest {
    AuthRequest {
        id: AuthRequestId::generate(&SystemEntropy),
        version: 1,
        origin: Origin::Browser,
        request: AuthorizationRequest {
            client_id: ClientId::parse("app").expect("a client_id"),
            redirect_uri: "https://app.test/cb".into(),
            response_type: ResponseType::CODE,
            response_mode: ResponseMode::Query,
            scopes: Scopes::parse("openid email"),
            resources: vec!["https://api.test/ä b".into()],
            state: Some("state".into()),
            nonce: Some("nonce".into()),
            code_challenge: None,
            prompts: Prompts::default(),
            max_age: None,
            login_hint: None,
            ui_locales: vec!["de".into()],
            acr_values: vec![],
            claims: ClaimsRequest {
                released: RequestedClaims {
                    userinfo: [Claim::Groups].into_iter().collect(),
                    ..RequestedClaims::default()
                },
                acr: vec!["https://acr.test/two".to_owned()],
                subs: vec!["jane".to_owned()],
            },
            hinted_sub: None,
            connector_id: None,
            force_approval: false,
        },
        browser: Some(a_hash()),
        carried: false,
        created_at: Timestamp::from_secs(1),
        back_hash: Some(a_hash()),
        asked: Some(Asked {
            connector_id: ConnectorId::parse("mock").expect("a connector id"),
            memory: serde_json::json!({"verifier": "v"}),
        }),
        person: None,
        proofs: vec![],
        remember_me: None,
        typed_address: None,
    }
}

fn next(request: &AuthRequest) -> AuthRequest {
    let mut next = request.clone().reopened();
    next.version += 1;
    let login = a_login();
    let person = ProvenPerson {
        connector_id: login.connector_id,
        claims: login.claims,
        session_id: login.session_id,
        connector_data: login.connector_data,
    };
    let proof = Proof {
        at: login.auth_time,
        amr: login.amr,
        acr: login.acr,
    };
    next.proven(person, proof).expect("nobody was known")
}

fn a_device() -> DeviceRequest {
    DeviceRequest {
        client_id: ClientId::parse("tv").expect("a client_id"),
        is_proven: true,
        scopes: Scopes::parse("openid offline_access"),
        resources: vec!["https://api.test".into()],
        code_challenge: None,
        asked_from: Some([192, 0, 2, 7].into()),
        asked_at: Timestamp::from_secs(1),
    }
}

fn a_grant() -> CodeGrant {
    CodeGrant {
        grant_id: GrantId::generate(&SystemEntropy),
        client_id: ClientId::parse("app").expect("a client_id"),
        redirect_uri: "https://app.test/cb".into(),
        scopes: Scopes::parse("openid"),
        resources: vec!["https://api.test".into(), "urn:two".into()],
        claims: RequestedClaims {
            userinfo: ClaimSet::all(),
            id_token: [Claim::Email].into_iter().collect(),
        },
        nonce: None,
        code_challenge: None,
        login: a_login(),
        begins_refresh: Some(true),
    }
}

/// Claims a code for the presenter everybody here is, unless another is named.
async fn claim(tenant: &dyn TenantCache, code: &TokenHash) -> ClaimedCode {
    let presenter = TokenHash::of("presenter");
    fine(tenant.claim_code(code, &presenter, MINUTE).await)
}

/// Claims a code and answers the claim; what the claim came to.
async fn redeem(tenant: &dyn TenantCache, code: &TokenHash, remember: Duration) -> ClaimedCode {
    let claimed = claim(tenant, code).await;
    if let ClaimedCode::Claimed { claim, .. } = claimed {
        assert!(is_given(tenant, code, claim, remember).await);
    }
    claimed
}

/// Whether a claim gets leave to answer.
async fn is_given(
    tenant: &dyn TenantCache,
    code: &TokenHash,
    claim: u32,
    remember: Duration,
) -> bool {
    let leave = fine(tenant.answer_code(code, claim, remember).await);
    matches!(leave, LeaveToAnswer::Given(_))
}

/// What was claimed, and for the how manyth time.
fn told(claimed: ClaimedCode) -> Option<(CodeGrant, u32)> {
    match claimed {
        ClaimedCode::Claimed { grant, claim, .. } => Some((*grant, claim)),
        ClaimedCode::Replayed(_) | ClaimedCode::Unknown => None,
    }
}

type Outcome<T> = Result<T, StoreError>;

fn fine<T>(outcome: Outcome<T>) -> T {
    outcome.expect("the cache answers")
}
