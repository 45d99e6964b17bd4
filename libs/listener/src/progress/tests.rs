use super::*;

const SECOND: u64 = 1000;

fn limits() -> Limits {
    Limits {
        handshake: Duration::from_secs(5),
        head: Duration::from_secs(10),
        body: Duration::from_secs(20),
        write: Duration::from_secs(30),
        keep_alive: Duration::from_secs(75),
        per_peer: 10,
        total: 100,
        exempt: Vec::new(),
    }
}

fn at(progress: &mut Progress, seconds: u64) -> Verdict {
    progress.verdict(&limits(), seconds * SECOND)
}

#[test]
fn a_handshake_that_never_ends_is_cut() {
    let mut one = Progress::new(Stage::Handshake, 0);
    assert_eq!(at(&mut one, 5), Verdict::Fine);
    assert_eq!(at(&mut one, 6), Verdict::Cut(Cause::Handshake));
}

#[test]
fn a_connection_that_sends_nothing_is_cut() {
    for stage in [Stage::Http1, Stage::Http2] {
        let mut one = Progress::new(stage, 0);
        assert_eq!(at(&mut one, 10), Verdict::Fine);
        assert_eq!(at(&mut one, 11), Verdict::Cut(Cause::Head), "{stage:?}");
    }
}

#[test]
fn a_byte_now_and_then_does_not_stretch_the_time_for_a_head() {
    let mut one = Progress::new(Stage::Http1, 0);
    for second in 3..13 {
        one.read(1, second * SECOND).unwrap();
    }
    assert_eq!(at(&mut one, 13), Verdict::Fine);
    assert_eq!(at(&mut one, 14), Verdict::Cut(Cause::Head));
}

#[test]
fn the_head_of_a_later_request_has_its_time_too() {
    let mut one = Progress::new(Stage::Http1, 0);
    one.read(100, 0).unwrap();
    one.began();
    one.ended(true, SECOND).unwrap();
    one.read(1, 40 * SECOND).unwrap();
    assert_eq!(at(&mut one, 50), Verdict::Fine);
    assert_eq!(at(&mut one, 51), Verdict::Cut(Cause::Head));
}

#[test]
fn who_has_asked_may_rest_for_the_keep_alive_and_no_longer() {
    let mut one = Progress::new(Stage::Http1, 0);
    one.began();
    assert_eq!(at(&mut one, 500), Verdict::Fine);
    one.ended(true, 500 * SECOND).unwrap();
    assert_eq!(at(&mut one, 575), Verdict::Fine);
    assert_eq!(at(&mut one, 576), Verdict::Cut(Cause::Idle));
}

#[test]
fn an_idle_http_2_connection_is_told_before_it_is_cut() {
    let mut one = Progress::new(Stage::Http2, 0);
    one.began();
    one.ended(true, 0).unwrap();
    assert_eq!(at(&mut one, 76), Verdict::Farewell);
    assert_eq!(at(&mut one, 86), Verdict::Fine);
    assert_eq!(at(&mut one, 87), Verdict::Cut(Cause::Idle));
}

#[test]
fn pings_do_not_keep_a_connection() {
    let mut one = Progress::new(Stage::Http2, 0);
    one.began();
    one.ended(true, 0).unwrap();
    for second in 1..76 {
        one.read(17, second * SECOND).unwrap();
    }
    assert_eq!(at(&mut one, 76), Verdict::Farewell);
}

#[test]
fn a_flood_of_frames_that_ask_nothing_is_cut() {
    let mut one = Progress::new(Stage::Http2, 0);
    one.began();
    let mut sent = 0;
    while one.read(17, 0).is_ok() {
        sent += 17;
    }
    assert!((UNASKED_BYTES - 17..=UNASKED_BYTES).contains(&sent));
    one.took_body();
    assert_eq!(one.read(17, 0), Ok(()));
}

#[test]
fn a_peer_that_reads_nothing_is_cut_and_one_that_reads_gets_time_for_it() {
    let mut one = Progress::new(Stage::Http1, 0);
    one.began();
    one.write_blocked(0);
    assert_eq!(at(&mut one, 30), Verdict::Fine);
    assert_eq!(at(&mut one, 31), Verdict::Cut(Cause::Write));
    one.wrote(10 * 8 * 1024);
    assert_eq!(at(&mut one, 40), Verdict::Fine);
    assert_eq!(at(&mut one, 41), Verdict::Cut(Cause::Write));
    one.flushed();
    assert_eq!(at(&mut one, 400), Verdict::Fine);
}

#[test]
fn an_answer_behind_a_closed_window_is_not_kept_for_ever() {
    let mut one = Progress::new(Stage::Http2, 0);
    one.began();
    one.offered(1000, 1000, 0).unwrap();
    assert_eq!(at(&mut one, 30), Verdict::Fine);
    one.taken(1, 1, 20 * SECOND);
    assert_eq!(at(&mut one, 50), Verdict::Fine);
    assert_eq!(at(&mut one, 51), Verdict::Cut(Cause::Write));
}

#[test]
fn unread_answers_are_bounded_but_a_single_large_one_is_not() {
    let mut one = Progress::new(Stage::Http2, 0);
    assert_eq!(one.offered(9 * HELD_BYTES, 9 * HELD_BYTES, 0), Ok(()));
    assert_eq!(one.offered(1, 1, 0), Err(Cause::Unread));
    let mut shared = Progress::new(Stage::Http2, 0);
    for _ in 0..9 {
        assert_eq!(shared.offered(HELD_BYTES, 0, 0), Ok(()));
    }
}

#[test]
fn giving_up_requests_is_counted_against_finishing_them() {
    let mut one = Progress::new(Stage::Http2, 0);
    for _ in 0..10 * ABANDONED {
        one.began();
        one.ended(false, 0).unwrap();
        one.began();
        one.ended(true, 0).unwrap();
    }
    let reset = |one: &mut Progress| {
        one.began();
        one.ended(false, 0)
    };
    for _ in 0..ABANDONED {
        reset(&mut one).unwrap();
    }
    assert_eq!(reset(&mut one), Err(Cause::Resets));
}

#[test]
fn a_head_has_a_size_and_a_body_is_no_head() {
    let mut one = Progress::new(Stage::Http1, 0);
    one.read(HEAD_BYTES - 1, 0).unwrap();
    assert!(!one.is_head_full());
    one.read(1, 0).unwrap();
    assert!(one.is_head_full());
    one.began();
    one.read(HEAD_BYTES, 0).unwrap();
    assert!(!one.is_head_full());
}
