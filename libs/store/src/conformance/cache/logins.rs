use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use insula_ambient::SystemEntropy;
use insula_model::{AuthRequest, AuthRequestId, TokenHash};

use super::{
    CROWD, CacheOnTrial, LIFE, MINUTE, ROOM, a_grant, a_hash, a_request, a_tenant, fine, later,
    next,
};
use crate::{Finish, LoginRoom, StoreError, TenantCache};

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
