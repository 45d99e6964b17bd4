//! What must hold after every step, over 20,000 of them; and that it would be seen if it did not.

use insula_simulation::{Act, Defect, Promise, Script, Step, explore, replay};

const STEPS: u64 = 20_000;

#[test]
fn every_promise_holds_over_20_000_steps() {
    if let Err(failure) = explore(SEED, STEPS, None) {
        panic!("{}", failure.shrunk(None));
    }
}

const SEED: u64 = 1;

/// So many seeds must show each defect, every one of them.
const SEEDS: u64 = 8;

/// Whether a defect breaks a promise it must break, and no other, by steps that break none without it.
fn finds(defect: Defect, promises: &[Promise]) {
    let mut missed = Vec::new();
    for seed in SEED..=SEEDS {
        let Err(found) = explore(seed, STEPS, Some(defect)) else {
            missed.push(seed);
            continue;
        };
        let is_it = promises.contains(&found.violation.promise);
        assert!(is_it, "{defect:?} from seed {seed}: {found}");
        let without = replay(&found.script, None);
        assert_eq!(without, Ok(()), "{defect:?} from seed {seed}");
    }
    assert_eq!(missed, [0; 0], "{defect:?} is not found from these seeds");
}

#[test]
fn a_grace_counted_from_the_start_of_the_request_is_found() {
    // By dex's rules who comes too late is refused, and their family stays.
    finds(
        Defect::GraceFromRequestStart,
        &[Promise::GrantKept, Promise::StaysLoggedIn],
    );
}

#[test]
fn a_code_burnt_by_a_failed_commit_is_found() {
    finds(Defect::CodeBurntByFailedCommit, &[Promise::GrantKept]);
}

#[test]
fn a_redemption_remembered_in_the_cache_alone_is_found() {
    // It is answered twice, or its client is refused an answer that was never given.
    finds(
        Defect::RedemptionInCacheAlone,
        &[Promise::CodeRedeemedOnce, Promise::GrantKept],
    );
}

#[test]
fn a_loss_of_the_cache_that_nobody_notices_is_found() {
    finds(Defect::CacheLossUnnoticed, &[Promise::CodeRedeemedOnce]);
}

#[test]
fn revocation_read_from_the_cache_alone_is_found() {
    finds(Defect::RevocationInCacheAlone, &[Promise::RevocationFinal]);
}

#[test]
fn a_row_read_before_it_changed_and_remembered_after_it_is_found() {
    finds(Defect::LateReadRemembered, &[Promise::RevocationFinal]);
}

#[test]
fn a_row_remembered_until_word_of_it_comes_is_found() {
    finds(Defect::RememberedUntilTold, &[Promise::RevocationFinal]);
}

#[test]
fn durations_by_wall_time_are_found() {
    finds(
        Defect::DurationsByWallTime,
        &[
            Promise::ReplacedTokenDead,
            Promise::GrantKept,
            Promise::StaysLoggedIn,
            // What is remembered for a while is remembered for longer.
            Promise::LogoutFinal,
            Promise::RevocationFinal,
            // Devices wait for longer, too.
            Promise::DeviceConfirmed,
        ],
    );
}

#[test]
fn a_rotation_without_compare_and_swap_is_found() {
    // A key that one node lost is seen in its tokens, or by a client whose token another node refuses.
    finds(
        Defect::RotationWithoutSwap,
        &[Promise::KeyKnown, Promise::GrantKept],
    );
}

#[test]
fn rows_that_are_served_to_another_issuer_are_found() {
    finds(Defect::OwnerUnasked, &[Promise::TenantsApart]);
}

#[test]
fn an_upstreams_answer_that_is_not_kept_for_the_next_try_is_found() {
    finds(
        Defect::UpstreamAnswerForgotten,
        &[Promise::StaysLoggedIn, Promise::GrantKept],
    );
}

#[test]
fn an_upstream_that_two_nodes_ask_about_one_login_at_once_is_found() {
    finds(
        Defect::UpstreamAskedTogether,
        &[Promise::StaysLoggedIn, Promise::GrantKept],
    );
}

#[test]
fn a_device_code_that_is_read_and_deleted_later_is_found() {
    // It is answered twice, or the second poll is taken for a replay and ends the tokens of the first.
    finds(
        Defect::DeviceCodeReadThenDeleted,
        &[Promise::CodeRedeemedOnce, Promise::GrantKept],
    );
}

#[test]
fn a_device_that_is_confirmed_after_its_codes_ended_is_found() {
    finds(Defect::DeviceConfirmedLate, &[Promise::DeviceConfirmed]);
}

#[test]
fn a_logout_that_is_noted_as_told_before_it_is_sent_is_found() {
    finds(Defect::LogoutSettledBeforeSent, &[Promise::LogoutTold]);
}

/// Found by the simulation: a node that had heard of an answer looked for what the upstream had said
/// under another name than the node that kept it.
#[test]
fn an_upstreams_answer_that_one_node_kept_is_found_by_another() {
    let begin = |node, act| {
        vec![Step::Begin {
            agent: 5,
            node,
            act,
        }]
    };
    let (agent, slot) = (5, 0);
    let go = |times| vec![Step::Go { agent, slot }; times];
    let lose = || vec![Step::Lose { agent, slot }];
    let steps = [
        begin(2, Act::Authorize),
        go(2),
        begin(2, Act::Choose),
        go(4),
        begin(2, Act::ComeBack),
        go(6),
        begin(2, Act::Redeem),
        go(6),
        // It is rotated, and not told.
        begin(2, Act::Refresh),
        go(5),
        lose(),
        go(1),
        vec![Step::Pass { ms: 1_000 }],
        go(1),
        // It is told, as one node notes.
        begin(0, Act::Refresh),
        go(2),
        // Another has the upstream asked, and cannot store what it says.
        begin(2, Act::Refresh),
        go(4),
        lose(),
        go(2),
        begin(0, Act::Refresh),
        go(7),
    ];
    let script = Script {
        seed: 1,
        steps: steps.concat(),
    };
    assert_eq!(replay(&script, None), Ok(()));
}
