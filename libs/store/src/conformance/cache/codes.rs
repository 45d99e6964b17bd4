use std::time::Duration;

use futures_util::future::join_all;

use super::{
    CROWD, CacheOnTrial, LIFE, MINUTE, a_grant, a_hash, a_tenant, claim, fine, is_given, later,
    redeem, told,
};
use crate::{ClaimedCode, LeaveToAnswer, StoreError};

/// See its name.
pub async fn peeking_at_a_code_does_not_use_it_up(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    for _ in 0..3 {
        assert_eq!(fine(tenant.peek_code(&code).await), Some(grant.clone()));
    }
    let claim = claim(tenant.as_ref(), &code).await;
    assert_eq!(told(claim), Some((grant.clone(), 1)));
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
    assert_eq!(told(first), Some((grant.clone(), 1)));
    for _ in 0..3 {
        let replayed = claim(tenant.as_ref(), &code).await;
        assert_eq!(replayed, ClaimedCode::Replayed(grant.grant_id.clone()));
    }
    let leave = fine(tenant.answer_code(&code, 1, later(60)).await);
    assert_eq!(leave, LeaveToAnswer::Refused);
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
        tokio::spawn(async move { fine(tenant.claim_code(&code, &a_hash(), MINUTE).await) })
    });
    let (mut fresh, mut replayed) = (0, 0);
    for outcome in join_all(claimers).await {
        match outcome.expect("no claimer panics") {
            ClaimedCode::Claimed {
                grant: got, claim, ..
            } => {
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
        assert_eq!(told(again), Some((grant.clone(), count)));
    }
    let other = fine(tenant.claim_code(&code, &a_hash(), MINUTE).await);
    assert_eq!(other, ClaimedCode::Replayed(grant.grant_id));
    for (claim, may) in [(1, false), (2, false), (3, true), (3, false)] {
        let given = is_given(tenant.as_ref(), &code, claim, later(60)).await;
        assert_eq!(given, may, "claim {claim}");
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
                    is_given(tenant.as_ref(), &code, claim, later(60)).await
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
pub async fn leave_to_answer_for_a_code_that_is_gone_is_neither_given_nor_refused(
    trial: &dyn CacheOnTrial,
) {
    let tenant = a_tenant(trial);
    let leave = fine(tenant.answer_code(&a_hash(), 1, later(60)).await);
    assert_eq!(leave, LeaveToAnswer::Gone);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    claim(tenant.as_ref(), &code).await;
    trial.advance(MINUTE).await;
    let leave = fine(tenant.answer_code(&code, 1, later(60)).await);
    assert_eq!(leave, LeaveToAnswer::Gone);
    // As after a cache lost its last seconds, and the claim with them.
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    assert!(is_given(tenant.as_ref(), &code, 2, later(60)).await);
    let replayed = claim(tenant.as_ref(), &code).await;
    assert_eq!(replayed, ClaimedCode::Replayed(grant.grant_id));
}

/// See its name.
pub async fn a_code_that_was_claimed_lives_on_for_those_who_try_again(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let (code, grant) = (a_hash(), a_grant());
    fine(tenant.put_code(&code, &grant, MINUTE).await);
    trial.advance(MINUTE * 3 / 4).await;
    claim(tenant.as_ref(), &code).await;
    trial.advance(MINUTE * 3 / 4).await;
    let again = claim(tenant.as_ref(), &code).await;
    assert_eq!(told(again), Some((grant.clone(), 2)));
    trial.advance(MINUTE / 4).await;
    let late = claim(tenant.as_ref(), &code).await;
    assert_eq!(late, ClaimedCode::Unknown, "the first claim alone counts");

    let code = a_hash();
    fine(tenant.put_code(&code, &grant, LIFE).await);
    claim(tenant.as_ref(), &code).await;
    trial.advance(LIFE / 2).await;
    let again = claim(tenant.as_ref(), &code).await;
    assert_eq!(told(again), Some((grant, 2)), "no shorter than before");
}

/// See its name.
pub async fn an_epoch_is_one_from_the_first_claim_to_the_last_answer(trial: &dyn CacheOnTrial) {
    let tenant = a_tenant(trial);
    let mut epochs = Vec::new();
    for _ in 0..2 {
        let code = a_hash();
        fine(tenant.put_code(&code, &a_grant(), MINUTE).await);
        for _ in 0..2 {
            if let ClaimedCode::Claimed { epoch, .. } = claim(tenant.as_ref(), &code).await {
                epochs.push(epoch);
            }
        }
        let leave = tenant.answer_code(&code, 2, later(60)).await;
        if let LeaveToAnswer::Given(epoch) = fine(leave) {
            epochs.push(epoch);
        }
    }
    assert_eq!(epochs.len(), 6);
    assert!(epochs.iter().all(Option::is_some), "{epochs:?}");
    epochs.dedup();
    assert_eq!(epochs.len(), 1);
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
