use std::collections::HashSet;

use insula_ambient::SeededEntropy;

use super::*;
use crate::test_keys;

const START: Timestamp = Timestamp::from_secs(1_700_000_000);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn policy(algs: &[Alg]) -> RotationPolicy {
    RotationPolicy {
        algs: algs.to_vec(),
        rotation_period: 7 * DAY,
        publish_ahead: DAY,
        keep_retired_for: 2 * DAY,
        longest_token_life: DAY,
        hard_end_after: 14 * DAY,
    }
}

/// What the tenant actor does with a plan, without its pool and its store.
struct Tenant {
    ring: KeyRing,
    policy: RotationPolicy,
    made: u32,
}

impl Tenant {
    fn new(algs: &[Alg]) -> Self {
        let ring = KeyRing::empty(&SeededEntropy::new(1));
        Self {
            ring,
            policy: policy(algs),
            made: 0,
        }
    }

    /// Does all there is to do now; answers what was done and when to look again.
    fn tick(&mut self, now: Timestamp) -> (Vec<RotationStep>, Timestamp) {
        let mut done = Vec::new();
        for _ in 0..20 {
            let plan = self.ring.plan(now, &self.policy);
            let version = self.ring.version();
            self.ring = match &plan.step {
                RotationStep::Nothing => {
                    assert!(plan.next_at > now, "the next look lies ahead");
                    return (done, plan.next_at);
                }
                RotationStep::Generate { alg, activate } => {
                    self.made += 1;
                    let key = test_keys::key(*alg, &format!("{alg}-{}", self.made));
                    if *activate {
                        self.ring.with_active(key, now, &self.policy)
                    } else {
                        self.ring.with_announced(key, now)
                    }
                }
                RotationStep::Promise { alg } => self.ring.promising(*alg),
                RotationStep::Withdraw { alg } => self.ring.not_promising(*alg),
                RotationStep::NoteTokenLife => self.ring.noting_token_life(&self.policy),
                RotationStep::Promote { kid } => self.ring.promoted(kid, now, &self.policy),
                RotationStep::Retire { kid } => self.ring.without(kid),
            };
            assert_eq!(plan.next_at, now, "after a step comes another look");
            assert_eq!(self.ring.version(), version + 1, "one step is one version");
            done.push(plan.step);
        }
        panic!("the plan does not come to rest: {done:?}");
    }

    fn kids(&self) -> HashSet<KeyId> {
        self.ring
            .keys()
            .iter()
            .map(|key| key.kid().clone())
            .collect()
    }

    fn signer(&self, alg: Alg, now: Timestamp) -> Result<&str, KeysStale> {
        self.ring
            .signing_key_at(alg, now, &self.policy)
            .map(|key| key.kid().as_str())
    }
}

fn promote(kid: &str) -> RotationStep {
    RotationStep::Promote {
        kid: KeyId::new(kid),
    }
}

fn retire(kid: &str) -> RotationStep {
    RotationStep::Retire {
        kid: KeyId::new(kid),
    }
}

#[test]
fn the_first_key_of_a_ring_signs_at_once() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    let (done, next_at) = tenant.tick(START);
    assert_eq!(
        done,
        [RotationStep::Generate {
            alg: Alg::EdDSA,
            activate: true
        }]
    );
    assert_eq!(tenant.signer(Alg::EdDSA, START), Ok("EdDSA-1"));
    assert_eq!(next_at, START + 6 * DAY);
}

#[test]
fn a_ring_remembers_the_longest_tokens_and_keeps_keys_until_they_are_dead() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    tenant.tick(START);
    assert_eq!(tenant.ring.longest_token_life(), DAY);
    tenant.policy.longest_token_life = 3 * DAY;
    let (done, _) = tenant.tick(START + MINUTE);
    assert_eq!(done, [RotationStep::NoteTokenLife]);
    tenant.policy.longest_token_life = MINUTE;
    tenant.policy.keep_retired_for = 2 * MINUTE;
    let (done, _) = tenant.tick(START + 2 * MINUTE);
    assert_eq!(done, [], "shorter tokens leave the longer ones alive");
    assert_eq!(tenant.ring.longest_token_life(), 3 * DAY);
    tenant.tick(START + 6 * DAY);
    tenant.tick(START + 7 * DAY);
    let first = KeyId::new("EdDSA-1");
    tenant.tick(START + 10 * DAY);
    assert!(
        tenant.kids().contains(&first),
        "its last token may be alive"
    );
    tenant.tick(START + 10 * DAY + MINUTE);
    assert!(!tenant.kids().contains(&first));
}

#[test]
fn all_algorithms_of_a_new_ring_sign_at_once_if_planned_at_one_instant() {
    let mut tenant = Tenant::new(&[Alg::ES256, Alg::EdDSA]);
    let (done, _) = tenant.tick(START);
    assert!(
        done.iter()
            .all(|step| matches!(step, RotationStep::Generate { activate: true, .. }))
    );
    assert_eq!(done.len(), 2);
    assert_eq!(tenant.signer(Alg::EdDSA, START), Ok("EdDSA-2"));
}

#[test]
fn an_algorithm_that_comes_a_moment_later_is_announced_because_the_set_was_seen() {
    let mut tenant = Tenant::new(&[Alg::ES256]);
    tenant.tick(START);
    tenant.policy = policy(&[Alg::ES256, Alg::EdDSA]);
    let (done, next_at) = tenant.tick(START + Duration::from_millis(1));
    assert_eq!(
        done,
        [RotationStep::Generate {
            alg: Alg::EdDSA,
            activate: false
        }]
    );
    assert_eq!(next_at, START + Duration::from_millis(1) + DAY);
    let stale = Err(KeysStale::NoActiveKey { alg: Alg::EdDSA });
    assert_eq!(tenant.signer(Alg::EdDSA, START + DAY), stale);
}

#[test]
fn a_key_is_announced_promoted_retired_and_dropped_on_its_dates() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    let mut now = START;
    let mut diary = Vec::new();
    for _ in 0..6 {
        let (done, next_at) = tenant.tick(now);
        diary.extend(
            done.into_iter()
                .map(|step| (now.since(START).as_secs() / 86_400, step)),
        );
        now = next_at;
    }
    let announce = RotationStep::Generate {
        alg: Alg::EdDSA,
        activate: false,
    };
    assert_eq!(
        diary,
        [
            (
                0,
                RotationStep::Generate {
                    alg: Alg::EdDSA,
                    activate: true
                }
            ),
            (6, announce.clone()),
            (7, promote("EdDSA-2")),
            (9, retire("EdDSA-1")),
            (13, announce),
            (14, promote("EdDSA-3")),
        ]
    );
}

#[test]
fn the_former_default_signs_until_the_new_default_does_not_just_any_new_algorithm() {
    let mut tenant = Tenant::new(&[Alg::ES384]);
    tenant.tick(START);
    // The second algorithm was announced before, the new default comes later.
    tenant.policy = policy(&[Alg::ES384, Alg::EdDSA]);
    tenant.tick(START + DAY);
    tenant.policy = policy(&[Alg::ES256, Alg::EdDSA]);
    let promoted = START + 2 * DAY;
    let (done, _) = tenant.tick(promoted);
    assert!(done.contains(&promote("EdDSA-2")), "{done:?}");
    assert_eq!(
        tenant.ring.signing_key(Alg::ES384).unwrap().kid().as_str(),
        "ES384-1"
    );
}

#[test]
fn a_tenant_that_overslept_announces_before_it_signs() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    tenant.tick(START);
    let awake = START + 13 * DAY;
    let (done, next_at) = tenant.tick(awake);
    assert_eq!(
        done,
        [RotationStep::Generate {
            alg: Alg::EdDSA,
            activate: false
        }]
    );
    assert_eq!(tenant.signer(Alg::EdDSA, awake), Ok("EdDSA-1"));
    assert_eq!(next_at, awake + DAY);
    let (done, _) = tenant.tick(next_at);
    assert_eq!(done, [promote("EdDSA-2")]);
}

#[test]
fn a_tenant_that_slept_past_the_hard_end_makes_a_key_that_signs_at_once() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    tenant.tick(START);
    let awake = START + 90 * DAY;
    let ended = START + 14 * DAY;
    let stale = KeysStale::PastHardEnd {
        alg: Alg::EdDSA,
        kid: KeyId::new("EdDSA-1"),
        ended,
    };
    assert_eq!(tenant.signer(Alg::EdDSA, awake), Err(stale));
    let (done, _) = tenant.tick(awake);
    assert_eq!(
        done,
        [RotationStep::Generate {
            alg: Alg::EdDSA,
            activate: true
        }]
    );
    assert_eq!(tenant.signer(Alg::EdDSA, awake), Ok("EdDSA-2"));
}

#[test]
fn a_tenant_that_slept_past_the_hard_end_uses_the_key_it_had_announced() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    tenant.tick(START);
    tenant.tick(START + 6 * DAY);
    let (done, _) = tenant.tick(START + 90 * DAY);
    assert_eq!(done, [promote("EdDSA-2")]);
}

#[test]
fn a_key_signs_to_its_hard_end_and_not_a_millisecond_longer() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    tenant.tick(START);
    let end = START + 14 * DAY;
    assert!(
        tenant
            .signer(Alg::EdDSA, end - Duration::from_millis(1))
            .is_ok()
    );
    let refused = tenant.signer(Alg::EdDSA, end).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "key EdDSA-1 (EdDSA) is past its hard end; it signs again after a rotation"
    );
}

#[test]
fn a_key_of_a_dropped_algorithm_that_never_signed_goes_at_once() {
    let mut tenant = Tenant::new(&[Alg::ES256]);
    tenant.tick(START);
    tenant.policy = policy(&[Alg::ES256, Alg::EdDSA]);
    tenant.tick(START + MINUTE);
    tenant.policy = policy(&[Alg::ES256]);
    let (done, _) = tenant.tick(START + 2 * MINUTE);
    assert_eq!(done, [retire("EdDSA-2")]);
}

#[test]
fn a_dropped_algorithm_leaves_with_the_next_promotion_and_its_tokens_outlive_it() {
    let mut tenant = Tenant::new(&[Alg::ES256, Alg::EdDSA]);
    tenant.tick(START);
    tenant.policy = policy(&[Alg::ES256]);
    tenant.tick(START + 6 * DAY);
    tenant.tick(START + 7 * DAY);
    let until = START + 9 * DAY;
    let dropped = tenant
        .ring
        .keys()
        .iter()
        .find(|key| key.alg() == Alg::EdDSA)
        .unwrap();
    assert_eq!(
        dropped.phase(),
        Phase::Retiring {
            since: START + 7 * DAY,
            until
        }
    );
    let (done, _) = tenant.tick(until);
    assert_eq!(done, [retire("ES256-1"), retire("EdDSA-2")]);
}

#[test]
fn steps_about_keys_that_are_not_there_change_nothing() {
    let mut tenant = Tenant::new(&[Alg::EdDSA]);
    tenant.tick(START);
    let stranger = KeyId::new("stranger");
    assert_eq!(
        tenant.ring.without(&stranger).version(),
        tenant.ring.version()
    );
    let promoted = tenant.ring.promoted(&stranger, START, &tenant.policy);
    assert_eq!(promoted.version(), tenant.ring.version());
    // Nor is the active key promoted a second time, which would prolong its life.
    let active = KeyId::new("EdDSA-1");
    let again = tenant.ring.promoted(&active, START + DAY, &tenant.policy);
    assert_eq!(again.keys()[0].phase(), Phase::Active { since: START });
}

#[test]
fn a_policy_without_algorithms_plans_nothing_for_an_empty_ring() {
    let plan = KeyRing::empty(&SeededEntropy::new(1)).plan(START, &policy(&[]));
    assert_eq!(
        plan,
        RotationPlan {
            step: RotationStep::Nothing,
            next_at: Timestamp::NEVER
        }
    );
}

mod caching_clients;

const BOTH: [Alg; 2] = [Alg::RS256, Alg::ES256];

#[test]
fn the_rsa_key_of_a_ring_nobody_has_seen_is_made_when_it_is_asked_for_and_signs_at_once() {
    let mut tenant = Tenant::new(&BOTH);
    let (done, next_at) = tenant.tick(START);
    let es256 = |activate| RotationStep::Generate {
        alg: Alg::ES256,
        activate,
    };
    assert_eq!(
        done,
        [RotationStep::Promise { alg: Alg::RS256 }, es256(true)]
    );
    assert_eq!(next_at, START + 6 * DAY, "nothing is due for the promise");
    let not_made = Err(KeysStale::NotMade { alg: Alg::RS256 });
    assert_eq!(
        tenant.signer(Alg::RS256, START),
        not_made,
        "no other stands in"
    );
    assert_eq!(tenant.signer(Alg::ES256, START), Ok("ES256-1"));

    // The day it is asked for, whenever that is.
    let asked = START + DAY;
    let demand = Demand {
        asked: &[Alg::RS256],
        in_a_hurry: true,
    };
    let plan = tenant.ring.plan_for(demand, asked, &tenant.policy);
    let step = RotationStep::Generate {
        alg: Alg::RS256,
        activate: true,
    };
    assert_eq!(plan.step, step);
    let key = test_keys::key(Alg::RS256, "RS256-2");
    tenant.ring = tenant.ring.with_active(key, asked, &tenant.policy);
    assert_eq!(tenant.ring.promised(), []);
    assert_eq!(tenant.signer(Alg::RS256, asked), Ok("RS256-2"));
    let again = tenant.ring.plan_for(demand, asked, &tenant.policy);
    assert_eq!(again.step, RotationStep::Nothing, "it is made once");

    // From then on it rotates as any other.
    let (done, _) = tenant.tick(START + 6 * DAY);
    assert_eq!(done, [es256(false)]);
    let (done, _) = tenant.tick(asked + 6 * DAY);
    let announced = RotationStep::Generate {
        alg: Alg::RS256,
        activate: false,
    };
    assert!(done.contains(&announced), "{done:?}");
}

#[test]
fn a_ring_of_rsa_alone_has_no_key_until_it_is_asked_for_one() {
    let mut tenant = Tenant::new(&[Alg::RS256]);
    let (done, next_at) = tenant.tick(START);
    assert_eq!(done, [RotationStep::Promise { alg: Alg::RS256 }]);
    assert_eq!((next_at, tenant.ring.keys().len()), (Timestamp::NEVER, 0));
}

#[test]
fn a_promise_the_policy_dropped_is_withdrawn_and_comes_back_as_an_announcement() {
    let mut tenant = Tenant::new(&BOTH);
    tenant.tick(START);
    tenant.policy = policy(&[Alg::ES256]);
    let (done, _) = tenant.tick(START + MINUTE);
    assert_eq!(done, [RotationStep::Withdraw { alg: Alg::RS256 }]);
    // The set without it was handed out meanwhile.
    tenant.policy = policy(&BOTH);
    let back = START + 2 * MINUTE;
    let (done, _) = tenant.tick(back);
    let announced = RotationStep::Generate {
        alg: Alg::RS256,
        activate: false,
    };
    assert_eq!(done, [announced]);
    assert_eq!(tenant.signer(Alg::RS256, back), Ok("ES256-1"));
    let from = tenant.ring.signs_from(Alg::RS256, &tenant.policy);
    assert_eq!(from, Some(back + DAY));
    assert_eq!(tenant.ring.signs_from(Alg::ES256, &tenant.policy), None);
    tenant.tick(back + DAY);
    assert_eq!(tenant.signer(Alg::RS256, back + DAY), Ok("RS256-2"));
}

#[test]
fn who_waits_for_a_ring_does_not_wait_for_an_rsa_key_that_would_only_be_announced() {
    let mut tenant = Tenant::new(&[Alg::ES256]);
    tenant.tick(START);
    tenant.policy = policy(&[Alg::RS256, Alg::ES256, Alg::EdDSA]);
    let now = START + DAY;
    let hurried = Demand {
        in_a_hurry: true,
        ..Demand::default()
    };
    let plan = tenant.ring.plan_for(hurried, now, &tenant.policy);
    let quick = RotationStep::Generate {
        alg: Alg::EdDSA,
        activate: false,
    };
    assert_eq!(plan.step, quick, "what is quick to make is made");
    let key = test_keys::key(Alg::EdDSA, "EdDSA-2");
    tenant.ring = tenant.ring.with_announced(key, now);
    let plan = tenant.ring.plan_for(hurried, now, &tenant.policy);
    assert_eq!(
        (plan.step, plan.next_at),
        (RotationStep::Nothing, now),
        "due at once"
    );
    let plan = tenant.ring.plan(now, &tenant.policy);
    assert!(matches!(
        plan.step,
        RotationStep::Generate {
            alg: Alg::RS256,
            ..
        }
    ));
}

#[test]
fn a_change_of_order_takes_effect_at_once_where_both_algorithms_have_their_keys() {
    let mut tenant = Tenant::new(&[Alg::ES256, Alg::EdDSA]);
    tenant.tick(START);
    tenant.policy = policy(&[Alg::EdDSA, Alg::ES256]);
    let (done, _) = tenant.tick(START + MINUTE);
    assert_eq!(done, []);
    let first = tenant.policy.algs[0];
    assert_eq!(tenant.signer(first, START + MINUTE), Ok("EdDSA-2"));
    assert_eq!(tenant.ring.signs_from(first, &tenant.policy), None);
}

#[test]
fn the_fastest_key_is_one_that_signs_now() {
    let mut tenant = Tenant::new(&[Alg::RS256, Alg::ES256, Alg::EdDSA]);
    tenant.tick(START);
    let fastest = |tenant: &Tenant, now| {
        let key = tenant.ring.fastest_key_at(now, &tenant.policy);
        key.map(|key| key.alg())
    };
    assert_eq!(fastest(&tenant, START), Ok(Alg::EdDSA));
    // One the policy dropped is not asked, nor one that is promised or past its end.
    tenant.policy = policy(&BOTH);
    assert_eq!(fastest(&tenant, START), Ok(Alg::ES256));
    tenant.policy = policy(&[Alg::RS256]);
    assert!(fastest(&tenant, START).is_err());
    tenant.policy = policy(&BOTH);
    assert!(fastest(&tenant, START + 15 * DAY).is_err());
}

#[test]
fn whoever_asks_beforehand_is_told_when_an_algorithm_that_is_added_signs() {
    let both = policy(&[Alg::RS256, Alg::ES256]);
    let newborn = Tenant::new(&[Alg::ES256]);
    assert_eq!(newborn.ring.readiness(Alg::RS256, &both), Readiness::Now);

    let mut tenant = Tenant::new(&[Alg::ES256]);
    tenant.tick(START);
    assert_eq!(tenant.ring.readiness(Alg::ES256, &both), Readiness::Now);
    assert_eq!(
        tenant.ring.readiness(Alg::RS256, &both),
        Readiness::OnceAnnounced(DAY)
    );

    tenant.policy = both.clone();
    tenant.tick(START + DAY);
    let ready = tenant.ring.readiness(Alg::RS256, &both);
    assert_eq!(ready, Readiness::At(START + 2 * DAY));
    tenant.tick(START + 2 * DAY);
    assert_eq!(tenant.ring.readiness(Alg::RS256, &both), Readiness::Now);
}

#[test]
fn an_algorithm_whose_key_is_made_when_asked_for_signs_now() {
    let mut tenant = Tenant::new(&[Alg::ES256, Alg::RS256]);
    tenant.tick(START);
    let policy = tenant.policy.clone();
    assert_eq!(tenant.ring.promised(), [Alg::RS256]);
    assert_eq!(tenant.ring.readiness(Alg::RS256, &policy), Readiness::Now);
}
