//! What every `Cache` must do, one sentence a function.
//!
//! A backend runs them all through [`cache_conformance!`](crate::cache_conformance), which makes
//! each sentence a test of its own. Nothing here waits: what ends is judged by moving the backend on.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a suite speaks by failing; nothing but tests calls it"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use insula_ambient::{Entropy as _, SystemEntropy, Timestamp};
use insula_model::{
    AuthRequest, AuthRequestId, AuthorizationRequest, ClientId, CodeGrant, ConnectorId, GrantId,
    IdentityClaims, Login, Stage, TenantId, TokenHash, UserId,
};
use insula_oauth::{Prompts, ResponseMode, ResponseType, Scopes};

use crate::{Cache, ClaimedCode, Finish, LoginRoom, StoreError, TenantCache};

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
            a_code_that_is_gone_stands_in_no_answers_way
            an_unknown_code_is_unknown
            a_code_is_unknown_once_it_has_ended
            a_used_code_is_remembered_past_its_end
            a_used_code_cannot_be_stored_again
            a_refreshed_login_is_kept_and_replaced
            counters_count_within_the_window_that_began_with_the_first_event
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
        session_id: None,
        connector_data: Some(vec![0, 255, 10]),
    }
}

fn a_request() -> AuthRequest {
    AuthRequest {
        id: AuthRequestId::generate(&SystemEntropy),
        version: 1,
        request: AuthorizationRequest {
            client_id: ClientId::parse("app").expect("a client_id"),
            redirect_uri: "https://app.test/cb".into(),
            response_type: ResponseType::CODE,
            response_mode: ResponseMode::Query,
            scopes: Scopes::parse("openid email"),
            state: Some("state".into()),
            nonce: Some("nonce".into()),
            code_challenge: None,
            prompts: Prompts::default(),
            max_age: None,
            login_hint: None,
            ui_locales: vec!["de".into()],
            acr_values: vec![],
            hinted_sub: None,
            connector_id: None,
            force_approval: false,
        },
        browser: Some(a_hash()),
        carried: false,
        created_at: Timestamp::from_secs(1),
        stage: Stage::AwaitingUpstream {
            connector_id: ConnectorId::parse("mock").expect("a connector id"),
            memory: serde_json::json!({"verifier": "v"}),
        },
    }
}

fn next(request: &AuthRequest) -> AuthRequest {
    let mut next = request.clone();
    next.version += 1;
    next.stage = Stage::Authenticated { login: a_login() };
    next
}

fn a_grant() -> CodeGrant {
    CodeGrant {
        grant_id: GrantId::generate(&SystemEntropy),
        client_id: ClientId::parse("app").expect("a client_id"),
        redirect_uri: "https://app.test/cb".into(),
        scopes: Scopes::parse("openid"),
        nonce: None,
        code_challenge: None,
        login: a_login(),
    }
}

/// Claims a code for the presenter everybody here is, unless another is named.
async fn claim(tenant: &dyn TenantCache, code: &TokenHash) -> ClaimedCode {
    let presenter = TokenHash::of("presenter");
    fine(tenant.claim_code(code, &presenter).await)
}

/// Claims a code and answers the claim; what the claim came to.
async fn redeem(tenant: &dyn TenantCache, code: &TokenHash, remember: Duration) -> ClaimedCode {
    let claimed = claim(tenant, code).await;
    if let ClaimedCode::Claimed { claim, .. } = claimed {
        assert!(fine(tenant.answer_code(code, claim, remember).await));
    }
    claimed
}

fn claimed(grant: CodeGrant, claim: u32) -> ClaimedCode {
    let grant = Box::new(grant);
    ClaimedCode::Claimed { grant, claim }
}

type Outcome<T> = Result<T, StoreError>;

fn fine<T>(outcome: Outcome<T>) -> T {
    outcome.expect("the cache answers")
}

/// See its name.
pub async fn a_stored_login_is_read_back_whole(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let request = a_request();
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let read = fine(tenant.get_auth_request(&request.id).await);
    assert_eq!(read, Some(request.clone()));
    let again = fine(tenant.get_auth_request(&request.id).await);
    assert_eq!(again, Some(request), "reading uses nothing up");
}

/// See its name.
pub async fn an_unknown_login_is_nothing(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let id = AuthRequestId::generate(&SystemEntropy);
    assert_eq!(fine(tenant.get_auth_request(&id).await), None);
}

/// See its name.
pub async fn a_login_of_no_lifetime_is_not_stored(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let request = a_request();
    fine(
        tenant
            .put_auth_request(&request, ROOM, Duration::ZERO)
            .await,
    );
    assert_eq!(fine(tenant.get_auth_request(&request.id).await), None);
}

/// See its name.
pub async fn a_login_that_advances_ends_when_it_was_to_end(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let first = a_request();
    fine(tenant.put_auth_request(&first, ROOM, LIFE).await);
    trial.advance(LIFE / 2).await;
    let second = next(&first);
    assert!(fine(tenant.advance_auth_request(&second).await));
    trial.advance(LIFE / 4).await;
    let read = fine(tenant.get_auth_request(&first.id).await);
    assert_eq!(read, Some(second));
    trial.advance(LIFE / 4).await;
    assert_eq!(fine(tenant.get_auth_request(&first.id).await), None);
}

/// See its name.
pub async fn a_login_never_takes_the_place_of_one_that_stands(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let request = a_request();
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let mut other = request.clone();
    other.version = 7;
    let refused = tenant.put_auth_request(&other, ROOM, LIFE).await;
    assert!(
        matches!(refused, Err(StoreError::Failed { .. })),
        "{refused:?}"
    );
    let read = fine(tenant.get_auth_request(&request.id).await);
    assert_eq!(read, Some(request));
}

/// Which of these logins still stand, by their place in the list.
async fn standing(tenant: &Arc<dyn TenantCache>, logins: &[AuthRequest]) -> Vec<usize> {
    let mut standing = Vec::new();
    for (at, login) in logins.iter().enumerate() {
        if fine(tenant.get_auth_request(&login.id).await).is_some() {
            standing.push(at);
        }
    }
    standing
}

/// Logins of about `bytes` each.
fn logins_of(count: usize, bytes: usize) -> Vec<AuthRequest> {
    let logins = std::iter::repeat_with(|| {
        let mut login = a_request();
        login.request.state = Some("s".repeat(bytes));
        login
    });
    logins.take(count).collect()
}

/// Stores logins that end one after the other.
async fn begin(tenant: &Arc<dyn TenantCache>, logins: &[AuthRequest], room: LoginRoom) {
    for (login, extra) in logins.iter().zip(0..) {
        let ttl = LIFE + later(extra);
        fine(tenant.put_auth_request(login, room, ttl).await);
    }
}

/// See its name.
pub async fn a_tenant_full_of_logins_lets_its_oldest_go_and_no_neighbours(
    trial: &dyn CacheOnTrial,
) {
    let (flooded, calm) = (a_tenant(trial), a_tenant(trial));
    let (neighbours, logins) = (logins_of(3, 10), logins_of(20, 10));
    begin(&calm, &neighbours, LoginRoom::of(3)).await;
    begin(&flooded, &logins, LoginRoom::of(3)).await;
    assert_eq!(standing(&flooded, &logins).await, [17, 18, 19]);
    assert_eq!(standing(&calm, &neighbours).await, [0, 1, 2]);
}

/// See its name.
pub async fn logins_are_bounded_in_bytes_as_well_as_in_number(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let room = LoginRoom {
        entries: 1_000,
        bytes: 20 * LoginRoom::BYTES_EACH,
    };
    let logins = logins_of(10, 9_000);
    begin(&tenant, &logins, room).await;
    let standing = standing(&tenant, &logins).await;
    assert!((3..=4).contains(&standing.len()), "{standing:?}");
    assert_eq!(standing.last(), Some(&9), "the oldest went");
}

/// See its name.
pub async fn a_login_larger_than_all_the_room_is_refused_and_costs_nobody_theirs(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let room = LoginRoom::of(3);
    let logins = logins_of(2, 10);
    begin(&tenant, &logins, room).await;
    let mut large = a_request();
    large.request.state = Some("s".repeat(3 * 2_048));
    let refused = tenant.put_auth_request(&large, room, LIFE).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    assert_eq!(standing(&tenant, &logins).await, [0, 1]);
}

/// See its name.
pub async fn a_login_that_grew_counts_as_it_is_now(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let room = LoginRoom {
        entries: 1_000,
        bytes: 20 * LoginRoom::BYTES_EACH,
    };
    let logins = logins_of(3, 9_000);
    let [first, second, third] = logins.as_slice() else {
        return;
    };
    fine(tenant.put_auth_request(first, room, LIFE).await);
    fine(tenant.put_auth_request(second, room, LIFE + MINUTE).await);
    let mut grown = next(second);
    grown.request.state = Some("s".repeat(28_000));
    assert!(fine(tenant.advance_auth_request(&grown).await));
    assert_eq!(standing(&tenant, &logins).await, [0, 1]);
    fine(tenant.put_auth_request(third, room, LIFE * 2).await);
    assert_eq!(standing(&tenant, &logins).await, [1, 2], "the oldest went");
    let mut shrunk = next(&grown);
    shrunk.request.state = None;
    assert!(fine(tenant.advance_auth_request(&shrunk).await));
    for login in &logins_of(2, 9_000) {
        fine(tenant.put_auth_request(login, room, LIFE * 3).await);
    }
    assert_eq!(standing(&tenant, &logins).await, [1, 2], "it shrank again");
}

/// See its name.
pub async fn what_is_finished_dropped_or_ended_gives_its_room_back(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let room = LoginRoom::of(2);
    let kept = a_request();
    fine(tenant.put_auth_request(&kept, room, LIFE * 2).await);
    for round in 0..20 {
        let login = a_request();
        fine(tenant.put_auth_request(&login, room, LIFE).await);
        match round % 3 {
            0 => {
                let (code, grant) = (a_hash(), a_grant());
                let finish = tenant.finish_auth_request(&login.id, 1, &code, &grant, MINUTE);
                assert_eq!(fine(finish.await), Finish::Finished);
            }
            1 => assert!(fine(tenant.drop_auth_request(&login.id).await)),
            _ => {
                let brief = a_request();
                assert!(fine(tenant.drop_auth_request(&login.id).await));
                fine(tenant.put_auth_request(&brief, room, MINUTE).await);
                // The next one is stored after it has ended.
                trial.advance(MINUTE).await;
                let after = a_request();
                fine(tenant.put_auth_request(&after, room, LIFE).await);
                assert!(fine(tenant.drop_auth_request(&after.id).await));
            }
        }
    }
    let read = fine(tenant.get_auth_request(&kept.id).await);
    assert_eq!(read, Some(kept), "it never had to make room");
}

/// See its name.
pub async fn a_room_that_was_made_smaller_is_kept_from_then_on(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let logins = logins_of(9, 10);
    let (last, before) = logins.split_last().expect("there are nine");
    begin(&tenant, before, ROOM).await;
    let room = LoginRoom::of(2);
    fine(tenant.put_auth_request(last, room, LIFE * 2).await);
    assert_eq!(standing(&tenant, &logins).await, [7, 8]);
}

/// See its name.
pub async fn a_flood_of_a_hundred_at_once_stays_within_the_room(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let logins = logins_of(100, 10);
    let puts = logins.iter().cloned().map(|login| {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            let room = LoginRoom::of(10);
            fine(tenant.put_auth_request(&login, room, LIFE).await);
        })
    });
    for put in join_all(puts).await {
        put.expect("no put panics");
    }
    assert_eq!(standing(&tenant, &logins).await.len(), 10);
}

/// See its name.
pub async fn a_login_is_advanced_from_the_version_that_was_read_only(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let request = a_request();
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let second = next(&request);
    assert!(
        !fine(tenant.advance_auth_request(&request).await),
        "the same version"
    );
    assert!(
        !fine(tenant.advance_auth_request(&next(&second)).await),
        "a version too far"
    );
    assert!(fine(tenant.advance_auth_request(&second).await));
    assert!(
        !fine(tenant.advance_auth_request(&second).await),
        "the same step twice"
    );
    let read = fine(tenant.get_auth_request(&request.id).await);
    assert_eq!(read, Some(second));
}

/// See its name.
pub async fn of_a_hundred_advances_exactly_one_wins(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let request = a_request();
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let tries = (0..CROWD).map(|who| {
        let (tenant, mut mine) = (tenant.clone(), next(&request));
        mine.request.state = Some(who.to_string());
        tokio::spawn(async move {
            let won = fine(tenant.advance_auth_request(&mine).await);
            won.then_some(mine)
        })
    });
    let outcomes = join_all(tries).await;
    let mut winners = outcomes
        .into_iter()
        .filter_map(|o| o.expect("no try panics"));
    let winner = winners.next();
    assert!(winner.is_some(), "somebody wins");
    assert_eq!(winners.count(), 0, "nobody else does");
    assert_eq!(fine(tenant.get_auth_request(&request.id).await), winner);
}

/// See its name.
pub async fn an_ended_or_unknown_login_is_not_advanced(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let request = a_request();
    assert!(!fine(tenant.advance_auth_request(&next(&request)).await));
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    trial.advance(LIFE).await;
    assert!(
        !fine(tenant.advance_auth_request(&next(&request)).await),
        "what has ended is not revived"
    );
}

/// See its name.
pub async fn finishing_a_login_ends_it_and_its_code_stands(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (request, code, grant) = (a_request(), a_hash(), a_grant());
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let finish = tenant.finish_auth_request(&request.id, 1, &code, &grant, MINUTE);
    assert_eq!(fine(finish.await), Finish::Finished);
    assert_eq!(fine(tenant.get_auth_request(&request.id).await), None);
    assert!(!fine(tenant.advance_auth_request(&next(&request)).await));
    assert_eq!(fine(tenant.peek_code(&code).await), Some(grant));
}

/// See its name.
pub async fn of_a_hundred_finishes_exactly_one_wins_and_one_code_stands(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let request = a_request();
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let codes: Vec<TokenHash> = (0..CROWD).map(|_| a_hash()).collect();
    let tries = codes.iter().map(|code| {
        let (tenant, id, code) = (tenant.clone(), request.id.clone(), *code);
        tokio::spawn(async move {
            let grant = a_grant();
            fine(
                tenant
                    .finish_auth_request(&id, 1, &code, &grant, MINUTE)
                    .await,
            )
        })
    });
    let outcomes = join_all(tries).await;
    let finished = outcomes
        .into_iter()
        .filter(|o| matches!(o, Ok(Finish::Finished)));
    assert_eq!(finished.count(), 1);
    let mut standing = 0;
    for code in &codes {
        standing += usize::from(fine(tenant.peek_code(code).await).is_some());
    }
    assert_eq!(standing, 1);
}

/// See its name.
pub async fn a_stale_finish_leaves_no_code(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (request, code) = (a_request(), a_hash());
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    fine(tenant.advance_auth_request(&next(&request)).await);
    let grant = a_grant();
    let finish = tenant.finish_auth_request(&request.id, 1, &code, &grant, MINUTE);
    assert_eq!(fine(finish.await), Finish::Lost);
    assert_eq!(fine(tenant.peek_code(&code).await), None);
    assert!(fine(tenant.get_auth_request(&request.id).await).is_some());
}

/// See its name.
pub async fn an_ended_login_is_not_finished(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (request, code) = (a_request(), a_hash());
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    trial.advance(LIFE).await;
    let grant = a_grant();
    let finish = tenant.finish_auth_request(&request.id, 1, &code, &grant, MINUTE);
    assert_eq!(fine(finish.await), Finish::Lost);
    assert_eq!(fine(tenant.peek_code(&code).await), None);
}

/// See its name.
pub async fn a_dropped_login_is_gone_and_is_dropped_once(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let request = a_request();
    assert!(!fine(tenant.drop_auth_request(&request.id).await));
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    assert!(fine(tenant.drop_auth_request(&request.id).await));
    assert!(!fine(tenant.drop_auth_request(&request.id).await));
    assert_eq!(fine(tenant.get_auth_request(&request.id).await), None);
}

/// See its name.
pub async fn peeking_at_a_code_does_not_use_it_up(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    for _ in 0..3 {
        assert_eq!(fine(tenant.peek_code(&code).await), Some(grant.clone()));
    }
    let claim = claim(tenant.as_ref(), &code).await;
    assert_eq!(claim, claimed(grant.clone(), 1));
    let peeked = fine(tenant.peek_code(&code).await);
    assert_eq!(peeked, Some(grant), "it is claimed, not redeemed");
}

/// See its name.
pub async fn a_code_is_redeemed_once_and_replayed_with_its_grant_ever_after(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    let first = redeem(tenant.as_ref(), &code, later(60)).await;
    assert_eq!(first, claimed(grant.clone(), 1));
    for _ in 0..3 {
        let replayed = claim(tenant.as_ref(), &code).await;
        assert_eq!(replayed, ClaimedCode::Replayed(grant.grant_id.clone()));
    }
    assert!(!fine(tenant.answer_code(&code, 1, later(60)).await));
    assert_eq!(fine(tenant.peek_code(&code).await), None, "it is used up");
}

/// See its name.
pub async fn a_code_claimed_by_a_hundred_presenters_is_one_s_and_replayed_to_all_others(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    let claimers = (0..CROWD).map(|_| {
        let tenant = tenant.clone();
        tokio::spawn(async move { fine(tenant.claim_code(&code, &a_hash()).await) })
    });
    let (mut fresh, mut replayed) = (0, 0);
    for outcome in join_all(claimers).await {
        match outcome.expect("no claimer panics") {
            ClaimedCode::Claimed { grant: got, claim } => {
                assert_eq!((*got, claim), (grant.clone(), 1));
                fresh += 1;
            }
            ClaimedCode::Replayed(id) => {
                assert_eq!(id, grant.grant_id);
                replayed += 1;
            }
            ClaimedCode::Unknown => {}
        }
    }
    assert_eq!((fresh, replayed), (1, CROWD - 1));
}

/// See its name.
pub async fn a_code_claimed_again_by_its_presenter_is_answered_for_the_last_claim_alone(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    for count in 1..=3 {
        let again = claim(tenant.as_ref(), &code).await;
        assert_eq!(again, claimed(grant.clone(), count));
    }
    let other = fine(tenant.claim_code(&code, &a_hash()).await);
    assert_eq!(other, ClaimedCode::Replayed(grant.grant_id));
    for (claim, may) in [(1, false), (2, false), (3, true), (3, false)] {
        let answer = tenant.answer_code(&code, claim, later(60)).await;
        assert_eq!(fine(answer), may, "claim {claim}");
    }
}

/// See its name.
pub async fn of_a_hundred_claims_of_one_presenter_exactly_one_is_answered(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    let tries = (0..CROWD).map(|_| {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            match claim(tenant.as_ref(), &code).await {
                ClaimedCode::Claimed { claim, .. } => {
                    fine(tenant.answer_code(&code, claim, later(60)).await)
                }
                _ => false,
            }
        })
    });
    let answered = join_all(tries).await;
    let answered = answered.into_iter().map(|o| o.expect("no try panics"));
    assert_eq!(answered.filter(|answered| *answered).count(), 1);
}

/// See its name.
pub async fn a_code_that_is_gone_stands_in_no_answers_way(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    assert!(fine(tenant.answer_code(&a_hash(), 1, later(60)).await));
    // As after a cache lost its last seconds, and the claim with them.
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    assert!(fine(tenant.answer_code(&code, 2, later(60)).await));
    let replayed = claim(tenant.as_ref(), &code).await;
    assert_eq!(replayed, ClaimedCode::Replayed(grant.grant_id));
}

/// See its name.
pub async fn an_unknown_code_is_unknown(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let claimed = claim(tenant.as_ref(), &a_hash()).await;
    assert_eq!(claimed, ClaimedCode::Unknown);
    assert_eq!(fine(tenant.peek_code(&a_hash()).await), None);
}

/// See its name.
pub async fn a_code_is_unknown_once_it_has_ended(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    let claimed = a_hash();
    fine(tenant.put_code(&claimed, &grant, MINUTE).await);
    claim(tenant.as_ref(), &claimed).await;
    trial.advance(MINUTE).await;
    let late = claim(tenant.as_ref(), &code).await;
    assert_eq!(late, ClaimedCode::Unknown);
    let late = claim(tenant.as_ref(), &claimed).await;
    assert_eq!(late, ClaimedCode::Unknown, "claimed, and never answered");

    let stillborn = a_hash();
    fine(tenant.put_code(&stillborn, &grant, Duration::ZERO).await);
    assert_eq!(fine(tenant.peek_code(&stillborn).await), None);
}

/// See its name.
pub async fn a_used_code_is_remembered_past_its_end(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    redeem(tenant.as_ref(), &code, later(3600)).await;
    trial.advance(MINUTE * 59).await;
    let replayed = claim(tenant.as_ref(), &code).await;
    assert_eq!(replayed, ClaimedCode::Replayed(grant.grant_id));
    trial.advance(MINUTE).await;
    let forgotten = claim(tenant.as_ref(), &code).await;
    assert_eq!(forgotten, ClaimedCode::Unknown);

    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, LIFE).await);
    redeem(tenant.as_ref(), &code, later(1)).await;
    trial.advance(LIFE / 2).await;
    let replayed = claim(tenant.as_ref(), &code).await;
    let family = ClaimedCode::Replayed(grant.grant_id);
    assert_eq!(replayed, family, "no shorter than it was to live");
}

/// See its name.
pub async fn a_used_code_cannot_be_stored_again(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    redeem(tenant.as_ref(), &code, later(60)).await;
    let refused = tenant.put_code(&code, &grant, MINUTE).await;
    assert!(
        matches!(refused, Err(StoreError::Failed { .. })),
        "{refused:?}"
    );
    let replayed = claim(tenant.as_ref(), &code).await;
    assert_eq!(replayed, ClaimedCode::Replayed(grant.grant_id));
}

/// See its name.
pub async fn a_refreshed_login_is_kept_and_replaced(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (usage, login) = (a_hash(), a_login());
    assert_eq!(fine(tenant.kept_refreshed(&usage).await), None);
    fine(tenant.keep_refreshed(&usage, &login, later(300)).await);
    assert_eq!(fine(tenant.kept_refreshed(&usage).await), Some(login));
    let other = Login {
        connector_data: Some(b"newer".to_vec()),
        ..a_login()
    };
    fine(tenant.keep_refreshed(&usage, &other, later(300)).await);
    assert_eq!(fine(tenant.kept_refreshed(&usage).await), Some(other));
    assert_eq!(fine(tenant.kept_refreshed(&a_hash()).await), None);
}

/// See its name.
pub async fn counters_count_within_the_window_that_began_with_the_first_event(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let window = later(60);
    assert_eq!(fine(tenant.counted("login:jane").await), 0);
    assert_eq!(fine(tenant.count("login:jane", window).await), 1);
    trial.advance(window / 2).await;
    assert_eq!(fine(tenant.count("login:jane", window).await), 2);
    assert_eq!(fine(tenant.counted("login:jane").await), 2);
    trial.advance(window / 2).await;
    assert_eq!(
        fine(tenant.counted("login:jane").await),
        0,
        "the second event did not prolong the window"
    );
    assert_eq!(fine(tenant.count("login:jane", window).await), 1);
    assert_eq!(fine(tenant.counted("login:jane").await), 1);
}

/// See its name.
pub async fn a_hundred_events_at_once_are_a_hundred_events(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let events = (0..CROWD).map(|_| {
        let tenant = tenant.clone();
        tokio::spawn(async move { fine(tenant.count("flood", later(60)).await) })
    });
    let mut heard: Vec<u64> = join_all(events)
        .await
        .into_iter()
        .map(|o| o.expect("no event panics"))
        .collect();
    heard.sort_unstable();
    assert_eq!(heard, (1..=CROWD as u64).collect::<Vec<_>>());
}

/// See its name.
pub async fn counters_of_different_keys_do_not_mix(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let long = "x".repeat(10_000);
    for key in ["a", "b", "a:b", "", "{a}", "ä \r\n *", &long] {
        assert_eq!(fine(tenant.count(key, later(60)).await), 1, "{key:?}");
    }
}

/// See its name.
pub async fn no_method_of_one_tenant_touches_another(trial: &dyn CacheOnTrial) {
    let id = a_tenant_id();
    let ours = trial.cache().tenant(&id);
    let theirs = a_tenant(trial);
    let (request, grant, login) = (a_request(), a_grant(), a_login());
    let (code, usage) = (a_hash(), a_hash());
    fine(ours.put_auth_request(&request, ROOM, LIFE).await);
    fine(ours.put_code(&code, &grant, MINUTE).await);
    fine(ours.keep_refreshed(&usage, &login, later(300)).await);
    fine(ours.count("key", later(60)).await);

    assert_eq!(fine(theirs.get_auth_request(&request.id).await), None);
    assert!(!fine(theirs.advance_auth_request(&next(&request)).await));
    let other_code = a_hash();
    let finish = theirs.finish_auth_request(&request.id, 1, &other_code, &grant, MINUTE);
    assert_eq!(fine(finish.await), Finish::Lost);
    assert!(!fine(theirs.drop_auth_request(&request.id).await));
    assert_eq!(fine(theirs.peek_code(&code).await), None);
    let theirs_claimed = claim(theirs.as_ref(), &code).await;
    assert_eq!(theirs_claimed, ClaimedCode::Unknown);
    assert!(fine(theirs.answer_code(&code, 1, later(60)).await));
    assert_eq!(fine(theirs.kept_refreshed(&usage).await), None);
    assert_eq!(fine(theirs.counted("key").await), 0);
    assert_eq!(fine(theirs.count("key", later(60)).await), 1);
    fine(theirs.put_auth_request(&request, ROOM, LIFE).await);
    fine(theirs.put_code(&code, &a_grant(), MINUTE).await);
    assert!(fine(theirs.drop_auth_request(&request.id).await));

    let same = trial.cache().tenant(&id);
    let read = fine(same.get_auth_request(&request.id).await);
    assert_eq!(read, Some(request));
    assert_eq!(fine(same.peek_code(&code).await), Some(grant));
    assert_eq!(fine(same.kept_refreshed(&usage).await), Some(login));
    assert_eq!(fine(same.counted("key").await), 1);
}

/// See its name.
pub async fn big_values_survive(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let mut request = a_request();
    request.stage = Stage::AwaitingUpstream {
        connector_id: ConnectorId::parse("mock").expect("a connector id"),
        memory: serde_json::json!({ "memory": "m".repeat(256 * 1024) }),
    };
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let read = fine(tenant.get_auth_request(&request.id).await);
    assert_eq!(read, Some(request));

    let (code, mut grant) = (a_hash(), a_grant());
    grant.login.claims.groups = (0..10_000).map(|n| format!("group {n}")).collect();
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    for count in 1..=2 {
        let claim = claim(tenant.as_ref(), &code).await;
        assert_eq!(claim, claimed(grant.clone(), count));
    }
}

/// See its name.
pub async fn odd_characters_survive(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let mut request = a_request();
    request.request.state = Some("|1|F|2|\0\r\n\"\\ ü \u{1f511}".into());
    request.request.nonce = Some(String::new());
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    let mut second = next(&request);
    second.request.state = Some("%s %d {} |".into());
    assert!(fine(tenant.advance_auth_request(&second).await));
    let read = fine(tenant.get_auth_request(&request.id).await);
    assert_eq!(read, Some(second));
}

/// See its name.
pub async fn every_entry_has_an_end(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (request, grant) = (a_request(), a_grant());
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    fine(tenant.advance_auth_request(&next(&request)).await);
    let finished = a_request();
    fine(tenant.put_auth_request(&finished, ROOM, LIFE).await);
    let (code, taken) = (a_hash(), a_hash());
    let finish = tenant.finish_auth_request(&finished.id, 1, &code, &grant, MINUTE);
    fine(finish.await);
    fine(tenant.put_code(&taken, &grant, MINUTE).await);
    redeem(tenant.as_ref(), &taken, later(60)).await;
    let waiting = a_hash();
    fine(tenant.put_code(&waiting, &grant, MINUTE).await);
    claim(tenant.as_ref(), &waiting).await;
    let (usage, login) = (a_hash(), a_login());
    fine(tenant.keep_refreshed(&usage, &login, later(300)).await);
    fine(tenant.count("key", later(60)).await);
    fine(tenant.count("key", later(60)).await);
    assert_eq!(trial.entries_without_end().await, Vec::<String>::new());
}

/// See its name.
pub async fn what_has_ended_is_not_seen_any_more(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (request, grant) = (a_request(), a_grant());
    let (code, usage) = (a_hash(), a_hash());
    fine(tenant.put_auth_request(&request, ROOM, LIFE).await);
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    let login = a_login();
    fine(tenant.keep_refreshed(&usage, &login, MINUTE / 2).await);
    trial.advance(MINUTE / 2).await;
    assert_eq!(fine(tenant.kept_refreshed(&usage).await), None);
    assert!(fine(tenant.peek_code(&code).await).is_some());
    trial.advance(MINUTE / 2).await;
    assert_eq!(fine(tenant.peek_code(&code).await), None);
    assert!(fine(tenant.get_auth_request(&request.id).await).is_some());
    trial.advance(MINUTE * 9).await;
    assert_eq!(fine(tenant.get_auth_request(&request.id).await), None);
    assert!(!fine(tenant.drop_auth_request(&request.id).await));
}

/// See its name.
pub async fn the_cache_answers_a_ping(trial: &dyn CacheOnTrial) {
    fine(trial.cache().ping().await);
}
