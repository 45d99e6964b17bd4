use insula_jose::{Alg, KeyId};
use insula_testkit::NOW;

use super::*;

const IDLE: Duration = Duration::from_mins(30);
const ROTATION: Duration = Duration::from_hours(24);

use Command as C;
use Event as E;
use TenantPhase::{Draining, Failing, Loading, Refreshing, Serving};

fn spec() -> Event {
    E::SpecLoaded {
        passivate_after: IDLE,
    }
}

fn keys() -> Event {
    E::KeysLoaded {
        are_new: true,
        can_sign: true,
    }
}

fn no_keys() -> Event {
    E::KeysLoaded {
        are_new: false,
        can_sign: false,
    }
}

fn same_keys() -> Event {
    E::KeysLoaded {
        are_new: false,
        can_sign: true,
    }
}

fn plan(step: RotationStep) -> Event {
    E::KeysPlanned(RotationPlan {
        step,
        next_at: NOW + ROTATION,
    })
}

fn generate() -> RotationStep {
    RotationStep::Generate {
        alg: Alg::ES256,
        activate: true,
    }
}

fn job_error(job: Job) -> JobError {
    JobError {
        job,
        text: format!("{job:?}"),
        out_of_reach: false,
    }
}

fn failed(job: Job) -> Event {
    E::Failed(job_error(job))
}

fn said(job: Job) -> String {
    format!("{job:?}")
}

/// Events that lead from nothing to `Serving`.
fn loaded() -> Vec<Event> {
    vec![
        E::Started,
        spec(),
        keys(),
        E::ConnectorsOpened,
        E::ThemeCompiled,
        plan(RotationStep::Nothing),
    ]
}

fn after(events: impl IntoIterator<Item = Event>) -> TenantLife {
    let mut life = TenantLife::new();
    for event in events {
        life.on(event, at(NOW));
    }
    life
}

fn then(before: Vec<Event>, more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    before.into_iter().chain(more).collect()
}

const PLAN: Command = C::PlanKeys {
    at: NOW,
    in_a_hurry: true,
};
/// The same where nothing waits for it.
const PLAN_AT_LEISURE: Command = C::PlanKeys {
    at: NOW,
    in_a_hurry: false,
};
const IDLES: Command = C::SetTimer(Monotonic::from_start(Duration::from_secs(1_000 + 30 * 60)));

/// What the count says at a wall time, where nobody set a clock since [`NOW`].
fn counted(at: Timestamp) -> Monotonic {
    Monotonic::from_start(Duration::from_secs(1_000) + at.since(NOW))
}

fn at(wall: Timestamp) -> Now {
    let count = counted(wall);
    Now { wall, count }
}

/// One row of the transition table: name, events before, event, phase after, commands.
type Line = (&'static str, Vec<Event>, Event, TenantPhase, Vec<Command>);

fn check(lines: Vec<Line>) {
    for (line, before, event, phase, todo) in lines {
        let mut life = after(before);
        assert_eq!(life.on(event, at(NOW)), todo, "{line}");
        assert_eq!(life.phase(), phase, "{line}");
    }
}

#[test]
fn loading_goes_from_nothing_to_serving() {
    let round = |more: &[Event]| then(loaded()[..3].to_vec(), more.iter().cloned());
    check(vec![
        (
            "it begins with configuration and keys at once",
            vec![],
            E::Started,
            Loading,
            vec![C::LoadSpec, C::LoadKeys],
        ),
        (
            "a configuration leads to connectors and pages",
            vec![E::Started],
            spec(),
            Loading,
            vec![C::OpenConnectors, C::CompileTheme],
        ),
        (
            "keys wait for the rest",
            vec![E::Started, spec(), E::ConnectorsOpened, E::ThemeCompiled],
            keys(),
            Loading,
            vec![PLAN],
        ),
        (
            "the last of them to end leads to the plan",
            round(&[E::ConnectorsOpened]),
            E::ThemeCompiled,
            Loading,
            vec![PLAN],
        ),
        (
            "a ring that needs nothing is published",
            loaded()[..5].to_vec(),
            plan(RotationStep::Nothing),
            Serving,
            vec![
                C::RecordSpecOutcome(None),
                C::Publish,
                IDLES,
                C::ReportReady,
            ],
        ),
    ]);
}

#[test]
fn a_first_ring_is_made_step_by_step_and_stored_once() {
    let before = vec![
        E::Started,
        spec(),
        no_keys(),
        E::ConnectorsOpened,
        E::ThemeCompiled,
    ];
    let make = C::MakeKey {
        alg: Alg::ES256,
        activate: true,
        at: NOW,
    };
    let made = then(before.clone(), [plan(generate()), E::KeyMade]);
    let swapping = then(made.clone(), [plan(RotationStep::Nothing)]);
    check(vec![
        (
            "a key is made",
            before.clone(),
            plan(generate()),
            Loading,
            vec![make],
        ),
        (
            "the plan is asked again, at the very same moment",
            then(before, [plan(generate())]),
            E::KeyMade,
            Loading,
            vec![PLAN],
        ),
        (
            "what is whole is stored",
            made,
            plan(RotationStep::Nothing),
            Loading,
            vec![C::SwapKeys],
        ),
        (
            "what is stored is told and published",
            swapping.clone(),
            E::KeysSwapped,
            Serving,
            vec![
                C::AnnounceKeys,
                C::RecordSpecOutcome(None),
                C::Publish,
                IDLES,
                C::ReportReady,
            ],
        ),
        (
            "another process was first: its ring is loaded",
            swapping.clone(),
            E::SwapLost,
            Loading,
            vec![C::LoadKeys],
        ),
        (
            "and planned anew",
            then(swapping.clone(), [E::SwapLost]),
            keys(),
            Loading,
            vec![PLAN],
        ),
        (
            "a store that keeps no first ring is a failure",
            swapping,
            failed(Job::Swap),
            Failing,
            vec![C::ForgetRing, C::ReportLoadFailed(job_error(Job::Swap))],
        ),
    ]);
}

#[test]
fn all_steps_of_one_change_are_planned_at_the_moment_of_the_first() {
    let mut life = after([
        E::Started,
        spec(),
        no_keys(),
        E::ConnectorsOpened,
        E::ThemeCompiled,
        plan(generate()),
    ]);
    let later = NOW + Duration::from_secs(3);
    assert_eq!(life.on(E::KeyMade, at(later)), [PLAN]);
}

#[test]
fn what_cannot_be_loaded_fails_once_every_job_has_ended() {
    let cannot = |job| vec![C::ReportLoadFailed(job_error(job))];
    check(vec![
        (
            "a bad configuration waits for the keys under way",
            vec![E::Started],
            failed(Job::Spec),
            Loading,
            vec![],
        ),
        (
            "and then fails",
            vec![E::Started, failed(Job::Spec)],
            keys(),
            Failing,
            cannot(Job::Spec),
        ),
        (
            "keys that do not open fail",
            vec![E::Started, spec(), E::ConnectorsOpened, E::ThemeCompiled],
            failed(Job::Keys),
            Failing,
            cannot(Job::Keys),
        ),
        (
            "pages that cannot be made fail",
            loaded()[..4].to_vec(),
            failed(Job::Theme),
            Failing,
            cannot(Job::Theme),
        ),
        (
            "of two errors that of the configuration is reported",
            vec![E::Started, failed(Job::Keys)],
            failed(Job::Spec),
            Failing,
            cannot(Job::Spec),
        ),
        (
            "the backoff over, it loads again",
            vec![E::Started, failed(Job::Spec), keys()],
            E::RetryAsked,
            Loading,
            vec![C::LoadSpec, C::LoadKeys],
        ),
        (
            "who serves is not retried",
            loaded(),
            E::RetryAsked,
            Serving,
            vec![],
        ),
        (
            "a ring that signs serves, even if it could not be changed",
            then(
                loaded()[..5].to_vec(),
                [plan(generate()), E::KeyMade, plan(RotationStep::Nothing)],
            ),
            failed(Job::Swap),
            Serving,
            vec![
                C::ForgetRing,
                C::RecordSpecOutcome(None),
                C::RecordKeysOutcome(Some(said(Job::Swap))),
                C::Publish,
                C::SetTimer(counted(NOW + ROTATION_RETRY)),
                C::ReportReady,
            ],
        ),
    ]);
}

#[test]
fn a_reload_ends_in_a_new_snapshot_or_keeps_the_old_one() {
    let asked = then(loaded(), [E::ReloadAsked(ReloadScope::Spec)]);
    let round = then(asked.clone(), [spec(), same_keys(), E::ConnectorsOpened]);
    check(vec![
        (
            "asked, it loads both",
            loaded(),
            E::ReloadAsked(ReloadScope::Spec),
            Refreshing,
            vec![C::LoadKeys, C::LoadSpec],
        ),
        (
            "asked for keys, it loads keys",
            loaded(),
            E::ReloadAsked(ReloadScope::Keys),
            Refreshing,
            vec![C::LoadKeys],
        ),
        (
            "a good one is published",
            then(round.clone(), [E::ThemeCompiled]),
            plan(RotationStep::Nothing),
            Serving,
            vec![C::RecordSpecOutcome(None), C::Publish],
        ),
        (
            "a bad one leaves everything as it was; the keys are looked at all the same",
            then(asked.clone(), [same_keys()]),
            failed(Job::Spec),
            Serving,
            vec![
                C::ForgetSpec,
                C::RecordSpecOutcome(Some(said(Job::Spec))),
                PLAN_AT_LEISURE,
            ],
        ),
        (
            "and then nothing is published",
            then(asked.clone(), [same_keys(), failed(Job::Spec)]),
            plan(RotationStep::Nothing),
            Serving,
            vec![],
        ),
        (
            "bad pages leave everything as it was",
            round,
            failed(Job::Theme),
            Serving,
            vec![
                C::ForgetSpec,
                C::RecordSpecOutcome(Some(said(Job::Theme))),
                PLAN_AT_LEISURE,
            ],
        ),
        (
            "keys that cannot be read leave the old ones, under a good configuration",
            then(
                asked.clone(),
                [spec(), E::ConnectorsOpened, E::ThemeCompiled],
            ),
            failed(Job::Keys),
            Serving,
            vec![
                C::RecordSpecOutcome(None),
                C::RecordKeysOutcome(Some(said(Job::Keys))),
                C::Publish,
                C::SetTimer(counted(NOW + ROTATION_RETRY)),
            ],
        ),
        (
            "keys that are the same change nothing",
            then(loaded(), [E::ReloadAsked(ReloadScope::Keys), same_keys()]),
            plan(RotationStep::Nothing),
            Serving,
            vec![],
        ),
        (
            "keys of another process are published",
            then(loaded(), [E::ReloadAsked(ReloadScope::Keys), keys()]),
            plan(RotationStep::Nothing),
            Serving,
            vec![C::Publish],
        ),
        (
            "asked meanwhile, it loads once more when it is done",
            then(
                asked,
                [
                    E::ReloadAsked(ReloadScope::Spec),
                    spec(),
                    same_keys(),
                    E::ConnectorsOpened,
                    E::ThemeCompiled,
                ],
            ),
            plan(RotationStep::Nothing),
            Refreshing,
            vec![
                C::RecordSpecOutcome(None),
                C::Publish,
                C::LoadKeys,
                C::LoadSpec,
            ],
        ),
        (
            "asked while it loads first, it loads again once it serves",
            then(
                vec![E::Started, E::ReloadAsked(ReloadScope::Keys)],
                loaded()[1..5].to_vec(),
            ),
            plan(RotationStep::Nothing),
            Refreshing,
            vec![
                C::RecordSpecOutcome(None),
                C::Publish,
                C::LoadKeys,
                C::ReportReady,
            ],
        ),
    ]);
}

fn tick_at(now: Timestamp, last_used: Timestamp) -> (TenantPhase, Vec<Command>) {
    let mut life = after(loaded());
    let todo = life.on(
        E::Tick {
            last_used: counted(last_used),
        },
        at(now),
    );
    (life.phase(), todo)
}

#[test]
fn the_timer_rotates_and_tells_of_idleness() {
    let later = NOW + Duration::from_secs(30);
    assert_eq!(
        tick_at(later, later),
        (Serving, vec![C::SetTimer(counted(later + IDLE))]),
        "too early: the timer is set again"
    );
    let idle = NOW + IDLE;
    let mut life = after(loaded());
    let todo = life.on(
        E::Tick {
            last_used: counted(NOW),
        },
        at(idle),
    );
    let again = C::SetTimer(counted(idle + IDLE));
    assert_eq!(todo, [C::ReportIdle, again], "nobody came");
    let busy = idle - Duration::from_mins(1);
    assert_eq!(
        tick_at(idle, busy).1,
        [C::SetTimer(counted(busy + IDLE))],
        "somebody came a minute ago"
    );
}

#[test]
fn a_rotation_runs_while_the_tenant_serves() {
    let due = NOW + ROTATION;
    let mut life = after(loaded());
    // The ring is looked at first, in case another process changed it.
    assert_eq!(
        life.on(
            E::Tick {
                last_used: counted(due)
            },
            at(due)
        ),
        [C::LoadKeys]
    );
    assert_eq!(
        life.on(same_keys(), at(due)),
        [C::PlanKeys {
            at: due,
            in_a_hurry: false
        }]
    );
    let announce = RotationStep::Generate {
        alg: Alg::ES256,
        activate: false,
    };
    let planned = |step| {
        E::KeysPlanned(RotationPlan {
            step,
            next_at: due + ROTATION,
        })
    };
    let make = C::MakeKey {
        alg: Alg::ES256,
        activate: false,
        at: due,
    };
    assert_eq!(life.on(planned(announce), at(due)), [make]);
    assert_eq!(life.phase(), Serving);
    assert_eq!(
        life.on(E::KeyMade, at(due)),
        [C::PlanKeys {
            at: due,
            in_a_hurry: false
        }]
    );
    assert_eq!(
        life.on(planned(RotationStep::Nothing), at(due)),
        [C::SwapKeys]
    );
    let wake = C::SetTimer(counted(due + IDLE));
    assert_eq!(
        life.on(E::KeysSwapped, at(due)),
        [C::AnnounceKeys, C::Publish, wake]
    );
}

#[test]
fn promotion_and_retirement_are_changes_of_the_ring() {
    for step in [
        RotationStep::Promote {
            kid: KeyId::new("k"),
        },
        RotationStep::Retire {
            kid: KeyId::new("k"),
        },
    ] {
        let mut life = after(loaded()[..5].to_vec());
        let change = C::ChangeRing {
            step: step.clone(),
            at: NOW,
        };
        assert_eq!(life.on(plan(step), at(NOW)), [change, PLAN]);
        assert_eq!(life.on(plan(RotationStep::Nothing), at(NOW)), [C::SwapKeys]);
    }
}

#[test]
fn a_rotation_that_fails_is_told_and_tried_again() {
    let mut life = after(loaded());
    let due = NOW + ROTATION;
    life.on(
        E::Tick {
            last_used: counted(due),
        },
        at(due),
    );
    life.on(same_keys(), at(due));
    life.on(plan(generate()), at(due));
    let retry = due + ROTATION_RETRY;
    assert_eq!(
        life.on(failed(Job::NewKey), at(due)),
        [
            C::ForgetRing,
            C::RecordKeysOutcome(Some(said(Job::NewKey))),
            C::SetTimer(counted(retry))
        ]
    );
    assert_eq!(
        life.on(
            E::Tick {
                last_used: counted(retry)
            },
            at(retry)
        ),
        [C::LoadKeys]
    );
    assert_eq!(
        life.on(same_keys(), at(retry)),
        [C::PlanKeys {
            at: retry,
            in_a_hurry: false
        }]
    );
    assert_eq!(
        life.on(plan(RotationStep::Nothing), at(retry)).first(),
        Some(&C::RecordKeysOutcome(None)),
        "it went well"
    );
}

#[test]
fn a_clock_that_is_set_neither_puts_a_tenant_to_sleep_nor_keeps_it_awake() {
    const DAY: Duration = Duration::from_hours(24);
    let hour = Duration::from_hours(1);
    for wall in [NOW + hour, NOW - hour, NOW - DAY] {
        let mut life = after(loaded());
        let mut tick = |passed: Duration| {
            let now = Now {
                wall: wall + passed,
                count: counted(NOW + passed),
            };
            let last_used = counted(NOW);
            life.on(E::Tick { last_used }, now)
        };
        assert_eq!(tick(Duration::from_secs(1)), [IDLES], "{wall:?}");
        let again = C::SetTimer(counted(NOW + IDLE + IDLE));
        assert_eq!(tick(IDLE), [C::ReportIdle, again], "{wall:?}");
    }
    // Keys are rotated by the time they are stored with.
    let mut life = after(loaded());
    let leapt = Now {
        wall: NOW + ROTATION,
        count: counted(NOW + Duration::from_secs(1)),
    };
    let last_used = counted(NOW);
    let todo = life.on(E::Tick { last_used }, leapt);
    assert_eq!(todo, [C::LoadKeys]);
    let todo = life.on(same_keys(), leapt);
    assert_eq!(
        todo,
        [C::PlanKeys {
            at: leapt.wall,
            in_a_hurry: false
        }]
    );
}

#[test]
fn a_tenant_that_never_passivates_is_never_idle() {
    let mut events = loaded();
    events[1] = E::SpecLoaded {
        passivate_after: Duration::ZERO,
    };
    let mut life = after(events);
    let later = NOW + Duration::from_hours(10_000);
    assert_eq!(
        life.on(
            E::Tick {
                last_used: counted(NOW)
            },
            at(later)
        ),
        [C::LoadKeys]
    );
}

#[test]
fn draining_finishes_what_was_begun_and_stops() {
    check(vec![
        (
            "at once, where nothing is under way",
            loaded(),
            E::DrainAsked,
            Draining,
            vec![C::Stop],
        ),
        (
            "not before a swap came home",
            then(
                loaded()[..5].to_vec(),
                [plan(generate()), E::KeyMade, plan(RotationStep::Nothing)],
            ),
            E::DrainAsked,
            Draining,
            vec![],
        ),
        (
            "who fails stops",
            vec![E::Started, failed(Job::Spec), keys()],
            E::DrainAsked,
            Draining,
            vec![C::Stop],
        ),
        (
            "a configuration that comes home late opens no connector",
            vec![E::Started, keys(), E::DrainAsked],
            spec(),
            Draining,
            vec![C::Stop],
        ),
        (
            "who is superseded waits for nothing",
            vec![E::Started],
            E::Superseded,
            Draining,
            vec![C::Stop],
        ),
    ]);
    let mut life = after(then(
        loaded()[..5].to_vec(),
        [
            plan(generate()),
            E::KeyMade,
            plan(RotationStep::Nothing),
            E::DrainAsked,
        ],
    ));
    assert_eq!(life.on(E::KeysSwapped, at(NOW)), [C::AnnounceKeys, C::Stop]);
    for late in [E::ReloadAsked(ReloadScope::Spec), E::RetryAsked] {
        let mut life = after(then(loaded(), [E::DrainAsked]));
        assert_eq!(life.on(late, at(NOW)), [C::Stop]);
        assert_eq!(life.phase(), Draining);
    }
}

#[test]
fn a_reload_of_keys_alone_says_nothing_of_a_configuration_that_failed_before() {
    let failed_spec = then(
        loaded(),
        [
            E::ReloadAsked(ReloadScope::Spec),
            failed(Job::Spec),
            same_keys(),
            plan(RotationStep::Nothing),
            E::ReloadAsked(ReloadScope::Keys),
            same_keys(),
        ],
    );
    check(vec![(
        "the error of the configuration stays on record",
        failed_spec,
        plan(RotationStep::Nothing),
        Serving,
        vec![],
    )]);
}

/// A tenant that serves with a connector that could not be opened.
fn marked() -> TenantLife {
    let mut events = loaded();
    events[3] = E::ConnectorsMarked {
        chance: 0,
        is_news: true,
    };
    after(events)
}

fn later(seconds: u64) -> Now {
    at(NOW + Duration::from_secs(seconds))
}

fn ticks(life: &mut TenantLife, seconds: u64) -> Vec<Command> {
    let last_used = later(seconds).count;
    life.on(E::Tick { last_used }, later(seconds))
}

fn due(seconds: u64) -> Command {
    C::SetTimer(later(seconds).count)
}

#[test]
fn a_connector_that_could_not_be_opened_keeps_no_tenant_from_serving_and_is_tried_again() {
    let mut life = marked();
    assert_eq!(life.phase(), Serving);
    assert_eq!(ticks(&mut life, 4), [due(5)]);
    assert_eq!(ticks(&mut life, 5), [C::OpenConnectors]);
    let same = E::ConnectorsMarked {
        chance: 0,
        is_news: false,
    };
    assert_eq!(life.on(same, later(5)), [due(15)], "nothing new to publish");
    assert_eq!(ticks(&mut life, 15), [C::OpenConnectors]);
    let one_opened = E::ConnectorsMarked {
        chance: 0,
        is_news: true,
    };
    assert_eq!(life.on(one_opened, later(15)), [C::Publish, due(35)]);
    assert_eq!(ticks(&mut life, 35), [C::OpenConnectors]);
    let opened = life.on(E::ConnectorsOpened, later(35));
    let idles = C::SetTimer(later(35).count + Duration::from_mins(30));
    assert_eq!(opened, [C::Publish, idles]);
}

#[test]
fn a_try_to_open_connectors_that_takes_too_long_is_no_failure_of_the_tenant() {
    let mut life = marked();
    assert_eq!(ticks(&mut life, 5), [C::OpenConnectors]);
    let todo = life.on(failed(Job::Connectors), later(5));
    assert!(matches!(todo.as_slice(), [C::SetTimer(_)]), "{todo:?}");
    assert_eq!(life.phase(), Serving);
}

#[test]
fn a_reload_that_is_asked_for_meanwhile_follows_the_try_and_begins_its_own_count() {
    let mut life = marked();
    assert_eq!(ticks(&mut life, 5), [C::OpenConnectors]);
    assert_eq!(life.on(E::ReloadAsked(ReloadScope::Spec), later(5)), []);
    let same = E::ConnectorsMarked {
        chance: 0,
        is_news: false,
    };
    assert_eq!(life.on(same.clone(), later(5)), [C::LoadKeys, C::LoadSpec]);
    for event in [spec(), keys(), E::ThemeCompiled, same] {
        life.on(event, later(5));
    }
    let todo = life.on(plan(RotationStep::Nothing), later(5));
    assert!(todo.contains(&C::Publish), "{todo:?}");
    assert_eq!(todo.last(), Some(&due(10)));
}
