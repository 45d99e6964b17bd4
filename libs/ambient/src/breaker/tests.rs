use super::*;
use crate::{Clock, ManualClock, Timestamp};

const LIMIT: u32 = 5;

fn a_breaker() -> Breaker {
    let pauses = Backoff {
        first: secs(10),
        longest: secs(300),
    };
    Breaker::new(LIMIT, pauses)
}

fn a_broken(clock: &ManualClock) -> Breaker {
    let breaker = a_breaker();
    for failure in 1..=LIMIT {
        assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
        assert_eq!(breaker.failed(clock.monotonic()), failure == LIMIT);
    }
    breaker
}

fn a_clock() -> ManualClock {
    ManualClock::at(Timestamp::from_secs(1_000_000))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn as_many_failures_in_a_row_as_the_limit_open_it_for_the_first_pause() {
    let clock = a_clock();
    let breaker = a_broken(&clock);
    assert!(breaker.is_open());
    assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
    clock.advance(secs(9));
    assert_eq!(breaker.admit(clock.monotonic()), Err(secs(1)));
}

#[test]
fn an_answer_between_failures_keeps_it_closed() {
    let now = a_clock().monotonic();
    let breaker = a_breaker();
    for forget in [Breaker::answered, Breaker::close] {
        for _ in 0..20 {
            for _ in 0..LIMIT - 1 {
                assert!(!breaker.failed(now));
            }
            forget(&breaker);
        }
    }
    assert!(!breaker.is_open());
    assert_eq!(breaker.admit(now), Ok(()));
}

#[test]
fn a_limit_of_none_is_a_limit_of_one() {
    let pauses = a_breaker().pauses;
    assert!(Breaker::new(0, pauses).failed(Monotonic::START));
}

#[test]
fn a_late_answer_closes_nothing_until_the_other_side_is_seen_to_answer() {
    let clock = a_clock();
    let breaker = a_broken(&clock);
    breaker.answered();
    assert!(breaker.is_open());
    breaker.close();
    assert!(!breaker.is_open() && !breaker.failed(clock.monotonic()));
}

#[test]
fn after_the_pause_one_call_tries_and_the_others_wait_for_it() {
    let clock = a_clock();
    let breaker = a_broken(&clock);
    clock.advance(secs(10));
    assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
    assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
    breaker.close();
    assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
    assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
}

#[test]
fn stragglers_do_not_lengthen_the_pause() {
    let clock = a_clock();
    let breaker = a_broken(&clock);
    for _ in 0..9 {
        assert!(!breaker.failed(clock.monotonic()));
    }
    assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
}

#[test]
fn every_failed_trial_doubles_the_pause_up_to_the_longest() {
    let clock = a_clock();
    let breaker = a_broken(&clock);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let pause = breaker.admit(clock.monotonic()).unwrap_err();
        pauses.push(pause.as_secs());
        clock.advance(pause);
        assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
        assert!(!breaker.failed(clock.monotonic()));
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn a_wall_clock_that_is_set_neither_opens_nor_closes_it() {
    let step = Duration::from_hours(24);
    let clock = a_clock();
    let breaker = a_broken(&clock);
    clock.step_back(step);
    assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
    clock.step_forward(step * 2);
    assert_eq!(breaker.admit(clock.monotonic()), Err(secs(10)));
    clock.advance(secs(10));
    assert_eq!(breaker.admit(clock.monotonic()), Ok(()));
}
