use std::sync::atomic::{AtomicI32, Ordering};

use super::*;

const START: Monotonic = Monotonic::from_start(Duration::from_secs(1_000));

/// Counts calls that found nobody, and how many connectors are out of order.
#[derive(Default)]
struct Board {
    failed: AtomicI32,
    marked: AtomicI32,
}

impl HearHealth for Board {
    fn called(&self, is_answered: bool) {
        self.failed
            .fetch_add(i32::from(!is_answered), Ordering::Relaxed);
    }

    fn marked(&self, is_out_of_order: bool) {
        let by = if is_out_of_order { 1 } else { -1 };
        self.marked.fetch_add(by, Ordering::Relaxed);
    }
}

fn a_health() -> (UpstreamHealth, Arc<Board>) {
    let board = Arc::new(Board::default());
    (UpstreamHealth::new(board.clone()), board)
}

fn silent() -> ConnectorError {
    ConnectorError::Unreachable("nobody listens".to_owned())
}

fn fails(health: &UpstreamHealth, times: u32, now: Monotonic) {
    for _ in 0..times {
        health.heard(Some(&silent()), now);
    }
}

#[test]
fn an_upstream_that_never_answered_is_unavailable_after_one_call() {
    let (health, board) = a_health();
    assert!(!health.is_unavailable(START), "nobody asked it yet");
    fails(&health, 1, START);
    assert!(health.is_unavailable(START));
    assert_eq!(board.marked.load(Ordering::Relaxed), 1);
    let report = health.report(START);
    assert_eq!(
        report.problem.as_deref(),
        Some("the upstream cannot be reached: nobody listens")
    );
    assert_eq!(report.unavailable_for, Some(Duration::from_secs(10)));
}

#[test]
fn one_that_renewed_what_it_is_asked_with_and_then_fell_silent_is_silent() {
    let (health, _) = a_health();
    health.heard(Some(&silent().after_renewal(b"new".to_vec())), START);
    assert!(health.is_unavailable(START));
}

#[test]
fn one_that_answered_is_unavailable_after_five_calls_in_a_row_that_found_nobody() {
    let (health, board) = a_health();
    health.heard(None, START);
    fails(&health, 4, START);
    assert!(!health.is_unavailable(START));
    health.heard(Some(&ConnectorError::WrongPassword), START);
    fails(&health, 4, START);
    assert!(!health.is_unavailable(START), "it answered in between");
    fails(&health, 1, START);
    assert!(health.is_unavailable(START));
    assert_eq!(board.failed.load(Ordering::Relaxed), 9);
}

#[test]
fn it_is_offered_again_after_a_pause_that_grows_with_every_try_that_fails() {
    let (health, board) = a_health();
    let mut now = START;
    for pause in [10, 20, 40, 80, 160, 300, 300] {
        fails(&health, 3, now);
        assert!(health.is_unavailable(now + Duration::from_secs(pause - 1)));
        let pause = Duration::from_secs(pause);
        now = now + pause;
        assert!(!health.is_unavailable(now), "after {pause:?}");
        assert!(health.report(now).problem.is_some(), "nobody saw it work");
    }
    health.heard(None, now);
    assert_eq!(health.report(now), HealthReport::default());
    assert_eq!(board.marked.load(Ordering::Relaxed), 0);
}

#[test]
fn what_a_stranger_can_bring_about_is_no_trouble_of_the_upstream() {
    let (health, _) = a_health();
    for error in [
        ConnectorError::BadReply("forged".to_owned()),
        ConnectorError::SaidToFail("forged".to_owned()),
        ConnectorError::Upstream("it answered invalid_grant".to_owned()),
        ConnectorError::Declined,
        ConnectorError::Busy("full"),
    ] {
        for _ in 0..10 {
            health.heard(Some(&error), START);
        }
        assert_eq!(health.report(START), HealthReport::default(), "{error}");
    }
}

#[test]
fn one_that_could_not_be_opened_is_unavailable_until_it_is() {
    let (health, board) = a_health();
    health.not_opened("bad certificate");
    health.not_opened("bad certificate");
    let later = START + Duration::from_hours(24);
    assert!(health.is_unavailable(later));
    assert_eq!(health.report(later).unavailable_for, None);
    assert_eq!(board.marked.load(Ordering::Relaxed), 1);
    health.opened();
    assert!(!health.is_unavailable(START));
    assert_eq!(board.marked.load(Ordering::Relaxed), 0);
}

#[test]
fn one_that_is_dropped_is_out_of_order_no_more() {
    let (health, board) = a_health();
    fails(&health, 1, START);
    drop(health);
    assert_eq!(board.marked.load(Ordering::Relaxed), 0);
}
