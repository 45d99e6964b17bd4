use futures_util::FutureExt as _;
use insula_ambient::ManualClock;
use insula_ambient::Timestamp;

use super::*;

const LEASE: Duration = Duration::from_secs(2);

/// A state of a row: `-1` is one that is gone, `-2` one that will not change any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State(i32);

impl Fact for State {
    type Key = &'static str;

    fn good_for(&self) -> Duration {
        match self.0 {
            -1 => Duration::ZERO,
            -2 => LEASE * 30,
            _ => LEASE,
        }
    }

    fn is_final(&self) -> bool {
        self.0 == -2
    }

    fn bytes_beside(&self, _: &Self::Key) -> usize {
        usize::try_from(self.0).unwrap_or_default()
    }
}

const ALIVE: State = State(0);
const GONE: State = State(-1);
const OVER: State = State(-2);

/// What an entry takes that has nothing beside it.
const EACH: usize = ENTRY_BYTES + size_of::<(&str, Entry<State>)>();

fn at(millis: u64) -> Monotonic {
    Monotonic::from_start(Duration::from_millis(millis))
}

fn totals() -> Arc<RememberedTotals> {
    RememberedTotals::new(usize::MAX)
}

fn of(entries: u32) -> Remembered<State> {
    Remembered::new(RememberedBound::of(entries), totals())
}

impl Remembered<State> {
    fn put(&self, key: &'static str, state: State, now: Monotonic) {
        self.keep(self.begin(now), &key, &state, now);
    }
}

#[test]
fn a_fact_is_used_no_longer_than_its_time_after_its_statement_began() {
    let facts = of(10);
    let reading = facts.begin(at(1_000));
    // The answer took long.
    facts.keep(reading, &"a", &ALIVE, at(2_500));
    assert_eq!(facts.get(&"a", at(2_999)), Some(ALIVE));
    assert_eq!(facts.get(&"a", at(3_000)), None);
    assert_eq!((facts.usage().hits, facts.usage().misses), (1, 1));
}

#[test]
fn a_statement_that_began_before_a_fact_was_forgotten_is_not_remembered_after_it() {
    let facts = of(10);
    let reading = facts.begin(at(0));
    facts.forget(&"a");
    facts.keep(reading, &"a", &ALIVE, at(1));
    assert_eq!(facts.get(&"a", at(1)), None);
    // The next one is.
    facts.put("a", ALIVE, at(1));
    assert_eq!(facts.get(&"a", at(1)), Some(ALIVE));
}

#[test]
fn a_statement_under_way_is_not_remembered_after_everything_was_forgotten() {
    let facts = of(10);
    facts.put("a", ALIVE, at(0));
    let reading = facts.begin(at(0));
    facts.clear();
    facts.keep(reading, &"b", &ALIVE, at(1));
    assert_eq!(facts.usage().entries, 0);
}

#[test]
fn what_was_seen_to_be_over_is_not_taken_back_by_a_statement_that_began_before() {
    let facts = of(10);
    let slow = facts.begin(at(0));
    facts.put("a", OVER, at(10));
    facts.keep(slow, &"a", &ALIVE, at(20));
    assert_eq!(facts.get(&"a", at(20)), Some(OVER));
    // Nor by one that began after, and read what another database still says.
    facts.put("a", ALIVE, at(30));
    assert_eq!(facts.get(&"a", at(30)), Some(OVER));

    facts.put("b", ALIVE, at(100));
    let slow = facts.begin(at(100));
    facts.put("b", GONE, at(110));
    assert_eq!(facts.get(&"b", at(110)), None);
    facts.keep(slow, &"b", &ALIVE, at(120));
    assert_eq!(facts.get(&"b", at(120)), None);
}

#[test]
fn a_later_statement_prolongs_a_fact_and_an_earlier_one_does_not_shorten_it() {
    let facts = of(10);
    let early = facts.begin(at(0));
    facts.put("a", ALIVE, at(1_000));
    facts.keep(early, &"a", &ALIVE, at(1_100));
    assert_eq!(facts.get(&"a", at(2_999)), Some(ALIVE));
    facts.put("a", ALIVE, at(1_500));
    assert_eq!(facts.get(&"a", at(3_499)), Some(ALIVE));
    assert_eq!(facts.usage().entries, 1);
}

#[test]
fn beyond_its_entries_a_tenant_forgets_what_it_used_longest_ago() {
    let facts = of(2);
    facts.put("a", ALIVE, at(0));
    facts.put("b", ALIVE, at(0));
    assert!(facts.get(&"a", at(0)).is_some());
    facts.put("c", ALIVE, at(0));
    assert_eq!(facts.get(&"b", at(0)), None);
    assert!(facts.get(&"a", at(0)).is_some() && facts.get(&"c", at(0)).is_some());
    assert_eq!(facts.usage().evicted, 1);
}

#[test]
fn beyond_its_bytes_a_tenant_forgets_and_what_is_larger_than_all_of_them_is_not_remembered() {
    let bytes = u64::try_from(3 * EACH).unwrap();
    let facts = Remembered::new(
        RememberedBound {
            entries: 100,
            bytes,
        },
        totals(),
    );
    for key in ["a", "b", "c"] {
        facts.put(key, ALIVE, at(0));
    }
    assert_eq!(facts.usage().bytes, 3 * EACH);
    let larger = i32::try_from(EACH).unwrap();
    facts.put("twice", State(larger), at(0));
    assert_eq!((facts.usage().entries, facts.usage().bytes), (2, 3 * EACH));
    facts.put("too large", State(larger * 3), at(0));
    assert_eq!(facts.get(&"too large", at(0)), None);
    assert_eq!(facts.usage().entries, 2, "it makes no room for nothing");
}

#[test]
fn one_tenant_never_makes_room_among_the_entries_of_another() {
    let totals = RememberedTotals::new(4 * EACH);
    let tenant = || Remembered::new(RememberedBound::of(100), Arc::clone(&totals));
    let (one, other): (Remembered<State>, Remembered<State>) = (tenant(), tenant());
    other.put("o", ALIVE, at(0));
    let keys = ["a", "b", "c", "d", "e", "f"];
    for key in keys {
        one.put(key, ALIVE, at(0));
    }
    assert_eq!(other.get(&"o", at(0)), Some(ALIVE));
    assert_eq!(one.usage().entries, 3);
    assert!(
        one.get(&"f", at(0)).is_some(),
        "it makes room among its own"
    );
    // Who has nothing goes without.
    let third: Remembered<State> = tenant();
    third.put("t", ALIVE, at(0));
    assert_eq!(third.usage().entries, 0);
    assert_eq!(
        (totals.usage().entries, totals.usage().bytes),
        (4, 4 * EACH)
    );
}

#[test]
fn what_has_ended_goes_in_passing_and_by_a_sweep() {
    let facts = of(100);
    for key in ["a", "b", "c"] {
        facts.put(key, ALIVE, at(0));
    }
    facts.put("d", ALIVE, at(5_000));
    assert_eq!(facts.usage().entries, 1);
    assert_eq!(facts.sweep(at(6_999)), 0);
    assert_eq!(facts.sweep(at(7_000)), 1);
    assert_eq!(facts.usage().entries, 0);
    assert_eq!(facts.usage().evicted, 0, "nothing went before its time");
}

#[test]
fn a_smaller_bound_holds_at_once_and_none_at_all_remembers_nothing() {
    let facts = of(10);
    for key in ["a", "b", "c"] {
        facts.put(key, ALIVE, at(0));
    }
    facts.set_bound(RememberedBound::of(1));
    assert_eq!(facts.usage().entries, 1);
    facts.set_bound(RememberedBound::of(0));
    facts.put("a", ALIVE, at(0));
    assert_eq!(facts.usage().entries, 0);
}

#[test]
fn a_closed_one_gives_its_memory_back_and_remembers_nothing() {
    let totals = totals();
    let facts: Remembered<State> = Remembered::new(RememberedBound::of(10), Arc::clone(&totals));
    facts.put("a", ALIVE, at(0));
    let reading = facts.begin(at(0));
    facts.close();
    facts.keep(reading, &"b", &ALIVE, at(0));
    facts.put("c", ALIVE, at(0));
    assert_eq!((facts.get(&"a", at(0)), facts.usage().entries), (None, 0));
    assert_eq!((totals.usage().entries, totals.usage().bytes), (0, 0));
}

#[test]
fn the_totals_follow_every_change_and_the_end_of_a_tenant() {
    let totals = totals();
    let facts: Remembered<State> = Remembered::new(RememberedBound::of(2), Arc::clone(&totals));
    for key in ["a", "b", "c"] {
        facts.put(key, ALIVE, at(0));
    }
    facts.put("c", State(7), at(1));
    assert!(facts.get(&"c", at(1)).is_some() && facts.get(&"a", at(1)).is_none());
    let all = totals.usage();
    assert_eq!((all.entries, all.bytes), (2, 2 * EACH + 7));
    assert_eq!((all.hits, all.misses, all.evicted), (1, 1, 1));
    drop(facts);
    assert_eq!((totals.usage().entries, totals.usage().bytes), (0, 0));
}

#[test]
fn a_question_reads_once_while_the_answer_may_be_used() {
    let clock = ManualClock::at(Timestamp::EPOCH);
    let facts = of(10);
    let reads = std::cell::Cell::new(0);
    let ask = || {
        let read = async {
            reads.set(reads.get() + 1);
            Ok::<_, ()>(ALIVE)
        };
        facts.recall(&"a", &clock, read).now_or_never().unwrap()
    };
    for _ in 0..10 {
        assert_eq!(ask(), Ok(ALIVE));
    }
    assert_eq!(reads.get(), 1);
    clock.advance(LEASE);
    assert_eq!((ask(), reads.get()), (Ok(ALIVE), 2));
    let failed = facts.recall(&"b", &clock, async { Err::<State, _>("away") });
    assert_eq!(failed.now_or_never(), Some(Err("away")));
    assert_eq!(facts.usage().entries, 1);
}

#[test]
fn an_empty_one_takes_less_than_a_hundred_bytes() {
    assert!(
        size_of::<Remembered<State>>() < 100,
        "{}",
        size_of::<Remembered<State>>()
    );
}
