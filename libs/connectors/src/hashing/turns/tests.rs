use super::*;
use std::sync::LazyLock;

const CHEAP: Duration = Duration::from_millis(40);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn places(urgent: usize, background: usize) -> Places {
    Places { urgent, background }
}

fn got(receiver: &mut oneshot::Receiver<Turn>) -> Option<Turn> {
    receiver.try_recv().ok()
}

fn finish(mut turn: Turn, took: Duration) {
    turn.took(took);
}

/// A queue whose tenant has a hash that is computed all the while, so that every other is one of a
/// backlog.
fn busy_lane(turns: &Arc<Turns>, limit: usize) -> (u64, Turn) {
    let lane = turns.open_lane(limit + 1);
    let mut first = turns.enter(lane, false, 8, *START).unwrap();
    (lane, got(&mut first).unwrap())
}

#[test]
fn a_tenant_alone_has_every_place_of_the_background_and_one_urgent_one() {
    let turns = Turns::new(places(2, 2), 8);
    let lane = turns.open_lane(4);
    let mut entered: Vec<_> = (0..4)
        .map(|_| turns.enter(lane, false, 8, *START).unwrap())
        .collect();
    let held: Vec<_> = entered.iter_mut().filter_map(got).collect();
    let urgencies: Vec<_> = held.iter().map(Turn::urgency).collect();
    let expected = [Urgency::Urgent, Urgency::Background, Urgency::Background];
    assert_eq!(urgencies, expected);
}

#[test]
fn a_neighbours_only_hash_begins_at_once_whatever_a_flood_occupies() {
    let turns = Turns::new(places(2, 3), 64);
    let (loud, quiet) = (turns.open_lane(8), turns.open_lane(4));
    let mut flood: Vec<_> = (0..20)
        .map(|_| turns.enter(loud, false, 32, *START).unwrap())
        .collect();
    let held: Vec<_> = flood.iter_mut().filter_map(got).collect();
    let urgent = held.iter().filter(|turn| turn.urgency() == Urgency::Urgent);
    assert_eq!((held.len(), urgent.count()), (3, 1));
    let mut login = turns.enter(quiet, false, 32, *START).unwrap();
    let login = got(&mut login).expect("a neighbour begins at once");
    assert_eq!(login.urgency(), Urgency::Urgent);
    let mut second = turns.enter(quiet, false, 32, *START).unwrap();
    let second = got(&mut second).expect("so does its next, in the place kept from the flood");
    assert_eq!(second.urgency(), Urgency::Background);
}

#[test]
fn a_tenant_with_a_backlog_is_not_urgent_again_before_it_was_through_for_a_while() {
    let turns = Turns::new(places(2, 1), 64);
    let lane = turns.open_lane(1);
    let mut entered: VecDeque<_> = (0..2)
        .map(|_| turns.enter(lane, false, 32, *START).unwrap())
        .collect();
    let mut served = Vec::new();
    for _ in 0..6 {
        let turn = got(&mut entered.pop_front().unwrap()).unwrap();
        served.push(turn.urgency());
        entered.push_back(turns.enter(lane, false, 32, *START).unwrap());
        finish(turn, CHEAP);
    }
    let urgent = served.iter().filter(|urgency| **urgency == Urgency::Urgent);
    assert_eq!(urgent.count(), 1);
    for mut last in entered {
        finish(got(&mut last).unwrap(), CHEAP);
    }
    for (after, expected) in [(999, Urgency::Background), (1_000, Urgency::Urgent)] {
        let now = *START + Duration::from_millis(after);
        let mut next = turns.enter(lane, false, 32, now).unwrap();
        let next = got(&mut next).unwrap();
        assert_eq!(next.urgency(), expected, "{after} ms after the backlog");
        finish(next, CHEAP);
    }
}

#[test]
fn a_dear_hash_is_never_urgent_and_no_dear_ones_take_every_place() {
    let turns = Turns::new(places(1, 2), 64);
    let lanes = [4, 4, 4].map(|limit| turns.open_lane(limit));
    let mut dear = turns.enter(lanes[0], true, 32, *START).unwrap();
    let held = got(&mut dear).unwrap();
    assert_eq!(held.urgency(), Urgency::Background);
    let mut other = turns.enter(lanes[1], true, 32, *START).unwrap();
    assert!(got(&mut other).is_none());
    let mut cheap = turns.enter(lanes[2], false, 32, *START).unwrap();
    let _cheap = got(&mut cheap).unwrap();
    let mut second = turns.enter(lanes[2], false, 32, *START).unwrap();
    assert!(got(&mut second).is_some());
}

#[test]
fn as_many_urgent_hashes_are_computed_at_once_as_there_are_places_for() {
    let turns = Turns::new(places(2, 3), 64);
    let mut entered: Vec<_> = (0..3)
        .map(|_| turns.enter(turns.open_lane(4), false, 8, *START).unwrap())
        .collect();
    let mut held: Vec<_> = entered.iter_mut().filter_map(got).collect();
    assert_eq!(held.len(), 2);
    finish(held.remove(0), CHEAP);
    assert!(got(&mut entered[2]).is_some());
}

#[test]
fn tenants_are_served_in_turn_by_the_time_their_hashes_took() {
    let turns = Turns::new(places(2, 1), 64);
    let ((dear, _one), (cheap, _other)) = (busy_lane(&turns, 1), busy_lane(&turns, 1));
    let mut waiting: Vec<(&str, oneshot::Receiver<Turn>)> = Vec::new();
    for _ in 0..8 {
        waiting.push(("dear", turns.enter(dear, false, 32, *START).unwrap()));
    }
    for _ in 0..20 {
        waiting.push(("cheap", turns.enter(cheap, false, 32, *START).unwrap()));
    }
    let mut served = Vec::new();
    while served.len() < 16 {
        let at = waiting
            .iter_mut()
            .position(|(name, receiver)| {
                let Some(turn) = got(receiver) else {
                    return false;
                };
                let took = if *name == "dear" { CHEAP * 4 } else { CHEAP };
                finish(turn, took);
                served.push(*name);
                true
            })
            .unwrap();
        waiting.remove(at);
    }
    let dears = served.iter().filter(|name| **name == "dear").count();
    assert!((3..=4).contains(&dears), "{served:?}");
}

#[test]
fn who_was_idle_saves_up_no_time() {
    let turns = Turns::new(places(2, 1), 64);
    let ((busy, _one), idle) = (busy_lane(&turns, 1), turns.open_lane(2));
    for _ in 0..10 {
        let mut turn = turns.enter(busy, false, 32, *START).unwrap();
        finish(got(&mut turn).unwrap(), CHEAP);
    }
    let mut running = turns.enter(busy, false, 32, *START).unwrap();
    let mut now = got(&mut running).unwrap();
    let mut of_busy = turns.enter(busy, false, 32, *START).unwrap();
    let mut of_idle: Vec<_> = (0..10)
        .map(|_| turns.enter(idle, false, 32, *START).unwrap())
        .collect();
    let urgent = got(&mut of_idle[0]).unwrap();
    assert_eq!(urgent.urgency(), Urgency::Urgent);
    let mut before_busy = 0;
    loop {
        finish(now, CHEAP);
        if let Some(turn) = got(&mut of_busy) {
            drop(turn);
            break;
        }
        now = of_idle.iter_mut().find_map(got).unwrap();
        before_busy += 1;
    }
    assert!(before_busy <= 2, "{before_busy} of the idle came first");
}

#[test]
fn beyond_its_queue_a_tenant_is_full_until_somebody_leaves_it() {
    let turns = Turns::new(places(1, 1), 64);
    let lane = turns.open_lane(1);
    let _running = turns.enter(lane, false, 2, *START).unwrap();
    let gives_up = turns.enter(lane, false, 2, *START).unwrap();
    let _waits = turns.enter(lane, false, 2, *START).unwrap();
    assert_eq!(turns.enter(lane, false, 2, *START).err(), Some(Full::Lane));
    drop(gives_up);
    assert!(turns.enter(lane, false, 2, *START).is_ok());
}

#[test]
fn where_all_queues_are_full_the_longest_gives_way_to_a_short_one() {
    let turns = Turns::new(places(1, 1), 3);
    let (loud, quiet) = (turns.open_lane(1), turns.open_lane(1));
    let mut flood: Vec<_> = (0..4)
        .map(|_| turns.enter(loud, false, 32, *START).unwrap())
        .collect();
    let _running = got(&mut flood[0]).unwrap();
    assert_eq!(turns.enter(loud, false, 32, *START).err(), Some(Full::Room));
    assert!(turns.enter(quiet, false, 32, *START).is_ok());
    let sent_away = flood[3].try_recv().err();
    assert_eq!(sent_away, Some(oneshot::error::TryRecvError::Closed));
}

#[test]
fn who_gives_up_waiting_is_passed_over() {
    let turns = Turns::new(places(1, 1), 8);
    let lane = turns.open_lane(1);
    let mut running = turns.enter(lane, false, 8, *START).unwrap();
    let held = got(&mut running).unwrap();
    drop(turns.enter(lane, false, 8, *START).unwrap());
    let mut next = turns.enter(lane, false, 8, *START).unwrap();
    drop(held);
    assert!(got(&mut next).is_some());
}

#[test]
fn a_turn_that_nobody_takes_is_given_back() {
    let turns = Turns::new(places(1, 1), 8);
    let lane = turns.open_lane(1);
    drop(turns.enter(lane, false, 8, *START).unwrap());
    let mut next = turns.enter(lane, false, 8, *START).unwrap();
    assert!(got(&mut next).is_some());
}

#[test]
fn a_closed_queue_lets_go_of_who_waits_and_of_nothing_else() {
    let turns = Turns::new(places(1, 1), 8);
    let (gone, stays) = (turns.open_lane(1), turns.open_lane(1));
    let mut running = turns.enter(gone, false, 8, *START).unwrap();
    let held = got(&mut running).unwrap();
    let mut waits = turns.enter(gone, false, 8, *START).unwrap();
    let mut next = turns.enter(stays, false, 8, *START).unwrap();
    turns.close_lane(gone);
    assert_eq!(
        waits.try_recv().err(),
        Some(oneshot::error::TryRecvError::Closed)
    );
    drop(held);
    assert!(got(&mut next).is_some());
}
