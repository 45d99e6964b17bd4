use std::time::Duration;

use futures_util::future::join_all;
use insula_model::TokenHash;

use super::{
    CROWD, CacheOnTrial, MINUTE, a_device, a_grant, a_hash, a_tenant, claim, fine, later, redeem,
    told,
};
use crate::{ClaimedCode, DeviceLife, DevicePace, DevicePoll, FoundDevice, TenantCache};

/// How long devices wait here, and are remembered.
pub(super) const DEVICE_LIFE: DeviceLife = DeviceLife {
    good_for: Duration::from_mins(5),
    remembered_for: Duration::from_mins(10),
};

/// How often devices may ask here.
pub(super) const PACE: DevicePace = DevicePace {
    interval: Duration::from_secs(5),
    slower_by: Duration::from_secs(5),
    is_forgiving: false,
};

const ROOM: u32 = 1_000;

/// A device that waits: the hashes of its device code and its user code.
async fn waiting(tenant: &dyn TenantCache) -> (TokenHash, TokenHash) {
    let (device, user_code) = (a_hash(), a_hash());
    let put = tenant
        .put_device(&device, &user_code, &a_device(), ROOM, DEVICE_LIFE)
        .await;
    assert!(fine(put));
    (device, user_code)
}

async fn poll(tenant: &dyn TenantCache, device: &TokenHash, pace: DevicePace) -> DevicePoll {
    fine(tenant.poll_device(device, pace).await)
}

/// See its name.
pub async fn a_device_is_found_by_its_user_code_until_it_ends(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (_, user_code) = waiting(tenant.as_ref()).await;
    let mut asked = a_device();
    asked.scopes = insula_oauth::Scopes::parse("openid |1|W| %s \u{fc}");
    let odd = a_hash();
    let put = tenant
        .put_device(&a_hash(), &odd, &asked, ROOM, DEVICE_LIFE)
        .await;
    assert!(fine(put));
    for (code, expected) in [(&user_code, a_device()), (&odd, asked)] {
        let found = fine(tenant.find_device(code).await);
        assert_eq!(found, FoundDevice::Waiting(Box::new(expected)));
    }
    let unknown = fine(tenant.find_device(&a_hash()).await);
    assert_eq!(unknown, FoundDevice::Unknown);
    trial.advance(DEVICE_LIFE.good_for).await;
    let ended = fine(tenant.find_device(&user_code).await);
    assert_eq!(ended, FoundDevice::Expired);
    let approved = tenant.approve_device(&user_code, &a_grant(), MINUTE).await;
    assert!(!fine(approved));
    assert!(!fine(tenant.deny_device(&user_code).await));
    trial.advance(DEVICE_LIFE.remembered_for).await;
    let forgotten = fine(tenant.find_device(&user_code).await);
    assert_eq!(forgotten, FoundDevice::Unknown);
}

/// See its name.
pub async fn a_user_code_that_somebody_has_is_not_given_to_another(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (device, user_code) = waiting(tenant.as_ref()).await;
    let mut another = a_device();
    another.is_proven = false;
    for (device, user_code) in [(a_hash(), user_code), (device, a_hash())] {
        let put = tenant
            .put_device(&device, &user_code, &another, ROOM, DEVICE_LIFE)
            .await;
        assert!(!fine(put));
    }
    let found = fine(tenant.find_device(&user_code).await);
    assert_eq!(found, FoundDevice::Waiting(Box::new(a_device())));
    trial.advance(DEVICE_LIFE.whole()).await;
    let put = tenant
        .put_device(&a_hash(), &user_code, &another, ROOM, DEVICE_LIFE)
        .await;
    assert!(fine(put));
}

/// See its name.
pub async fn a_device_that_polls_too_soon_has_to_wait_longer_from_then_on(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let (device, user_code) = waiting(tenant.as_ref()).await;
    for (after, expected) in [
        (0, DevicePoll::Pending),
        (5, DevicePoll::Pending),
        (4, DevicePoll::SlowDown),
        (9, DevicePoll::SlowDown),
        (15, DevicePoll::Pending),
        (14, DevicePoll::SlowDown),
        (20, DevicePoll::Pending),
    ] {
        trial.advance(later(after)).await;
        let polled = poll(tenant.as_ref(), &device, PACE).await;
        assert_eq!(polled, expected, "after {after} s");
    }
    let found = fine(tenant.find_device(&user_code).await);
    assert_eq!(found, FoundDevice::Waiting(Box::new(a_device())));
}

/// See its name.
pub async fn a_forgiving_pace_begins_anew_after_a_poll_in_time(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let pace = DevicePace {
        is_forgiving: true,
        ..PACE
    };
    let (device, _) = waiting(tenant.as_ref()).await;
    for (after, expected) in [
        (0, DevicePoll::Pending),
        (4, DevicePoll::SlowDown),
        (9, DevicePoll::SlowDown),
        (15, DevicePoll::Pending),
        (5, DevicePoll::Pending),
    ] {
        trial.advance(later(after)).await;
        let polled = poll(tenant.as_ref(), &device, pace).await;
        assert_eq!(polled, expected, "after {after} s");
    }
}

/// See its name.
pub async fn an_approved_device_has_a_code_that_is_claimed_as_any_other(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (device, user_code) = waiting(tenant.as_ref()).await;
    let grant = a_grant();
    let unknown = claim(tenant.as_ref(), &device).await;
    assert_eq!(unknown, ClaimedCode::Unknown, "nobody approved it");
    let approved = tenant.approve_device(&user_code, &grant, MINUTE).await;
    assert!(fine(approved));
    let settled = fine(tenant.find_device(&user_code).await);
    assert_eq!(settled, FoundDevice::Settled);
    for _ in 0..2 {
        let polled = poll(tenant.as_ref(), &device, PACE).await;
        assert_eq!(polled, DevicePoll::Approved, "however soon it comes");
    }
    assert_eq!(fine(tenant.peek_code(&device).await), Some(grant.clone()));
    let first = redeem(tenant.as_ref(), &device, later(60)).await;
    assert_eq!(told(first), Some((grant.clone(), 1)));
    let polled = poll(tenant.as_ref(), &device, PACE).await;
    assert_eq!(polled, DevicePoll::Redeemed);
    let again = claim(tenant.as_ref(), &device).await;
    assert_eq!(again, ClaimedCode::Replayed(grant.grant_id));
}

/// See its name.
pub async fn a_code_of_a_device_lives_as_long_as_the_device_code_was_to_live(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let at_once = waiting(tenant.as_ref()).await;
    let late = waiting(tenant.as_ref()).await;
    let approved = tenant.approve_device(&at_once.1, &a_grant(), MINUTE).await;
    assert!(fine(approved));
    trial.advance(later(299)).await;
    assert!(fine(tenant.peek_code(&at_once.0).await).is_some());
    let approved = tenant.approve_device(&late.1, &a_grant(), MINUTE).await;
    assert!(fine(approved));
    trial.advance(later(59)).await;
    assert_eq!(fine(tenant.peek_code(&at_once.0).await), None);
    let code = fine(tenant.peek_code(&late.0).await);
    assert!(code.is_some(), "at least a minute");
    let polled = poll(tenant.as_ref(), &late.0, PACE).await;
    assert_eq!(polled, DevicePoll::Approved);
}

/// See its name.
pub async fn of_a_hundred_answers_to_a_device_exactly_one_counts(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (device, user_code) = waiting(tenant.as_ref()).await;
    let answers = (0..CROWD).map(|n| {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            if n % 2 == 0 {
                let grant = a_grant();
                let approved = tenant.approve_device(&user_code, &grant, MINUTE).await;
                fine(approved).then_some(DevicePoll::Approved)
            } else {
                let denied = fine(tenant.deny_device(&user_code).await);
                denied.then_some(DevicePoll::Denied)
            }
        })
    });
    let counted: Vec<DevicePoll> = join_all(answers)
        .await
        .into_iter()
        .filter_map(|answer| answer.expect("no answer panics"))
        .collect();
    assert_eq!(counted.len(), 1);
    let polled = poll(tenant.as_ref(), &device, PACE).await;
    assert_eq!(counted, [polled]);
}

/// See its name.
pub async fn a_denied_device_is_told_so(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (device, user_code) = waiting(tenant.as_ref()).await;
    assert!(fine(tenant.deny_device(&user_code).await));
    for _ in 0..2 {
        let polled = poll(tenant.as_ref(), &device, PACE).await;
        assert_eq!(polled, DevicePoll::Denied);
    }
    let settled = fine(tenant.find_device(&user_code).await);
    assert_eq!(settled, FoundDevice::Settled);
    let claimed = claim(tenant.as_ref(), &device).await;
    assert_eq!(claimed, ClaimedCode::Unknown);
    assert!(!fine(tenant.deny_device(&user_code).await));
}

/// See its name.
pub async fn what_became_of_a_device_is_told_after_its_end_and_later_forgotten(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let (device, _) = waiting(tenant.as_ref()).await;
    assert_eq!(
        poll(tenant.as_ref(), &a_hash(), PACE).await,
        DevicePoll::Unknown
    );
    trial.advance(DEVICE_LIFE.good_for).await;
    let polled = poll(tenant.as_ref(), &device, PACE).await;
    assert_eq!(polled, DevicePoll::Expired);
    trial.advance(DEVICE_LIFE.remembered_for).await;
    let polled = poll(tenant.as_ref(), &device, PACE).await;
    assert_eq!(polled, DevicePoll::Unknown);
}

/// See its name.
pub async fn a_tenant_full_of_devices_lets_its_oldest_go_and_no_neighbours(
    trial: &dyn CacheOnTrial,
) {
    let (tenant, other) = (a_tenant(trial), a_tenant(trial));
    let (neighbour, _) = waiting(other.as_ref()).await;
    let mut devices = Vec::new();
    for n in 0..5 {
        let (device, user_code) = (a_hash(), a_hash());
        let life = DeviceLife {
            good_for: DEVICE_LIFE.good_for + later(n),
            ..DEVICE_LIFE
        };
        let put = tenant
            .put_device(&device, &user_code, &a_device(), 3, life)
            .await;
        assert!(fine(put));
        devices.push((device, user_code));
    }
    for (n, (device, user_code)) in devices.iter().enumerate() {
        let polled = poll(tenant.as_ref(), device, PACE).await;
        let found = fine(tenant.find_device(user_code).await);
        let is_gone = (polled, found) == (DevicePoll::Unknown, FoundDevice::Unknown);
        assert_eq!(is_gone, n < 2, "{n}");
    }
    let polled = poll(other.as_ref(), &neighbour, PACE).await;
    assert_eq!(polled, DevicePoll::Pending);
}
