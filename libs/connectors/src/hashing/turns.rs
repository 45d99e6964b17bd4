use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// What a hash is taken to cost before the first one of a tenant was measured.
const FIRST_GUESS: Duration = Duration::from_millis(40);

/// For how long no hash of a tenant is urgent after several were in hand at once. Whoever guesses
/// passwords as fast as they are answered runs out of them now and then, and the next guess alone
/// would share a processor with a neighbour's login.
const AFTER_A_BACKLOG: Duration = Duration::from_secs(1);

/// Decides whose password hash is computed next.
///
/// Each tenant has a queue, and the queues are served in turn by the processor time they used, as in
/// start-time fair queueing: who used least is next. A tenant that was idle joins at the time of who
/// was served last, so that nobody saves up.
///
/// A hash that comes while its tenant has no other, and had no several at once a moment before, is
/// urgent and has places of its own, which no backlog can occupy. All others, and the dear ones, share the places in the background. While
/// there are other tenants, one of those is kept from any single one, and one from dear hashes: a
/// computation cannot be interrupted, so a neighbour must not have to wait for the end of one.
pub(super) struct Turns {
    places: Places,
    room: usize,
    state: Mutex<State>,
}

/// How many hashes are computed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    /// Of those that are a tenant's only one.
    pub(super) urgent: usize,
    /// Of all others.
    pub(super) background: usize,
}

/// Which places a hash is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// The only hash of its tenant, which had no backlog a moment before, and not a dear one.
    Urgent,
    /// One of a backlog, or a dear one.
    Background,
}

#[derive(Default)]
struct State {
    computing_urgent: usize,
    computing_background: usize,
    computing_dear: usize,
    waiting: usize,
    /// The time used by who was served last.
    now: u64,
    next_id: u64,
    lanes: BTreeMap<u64, Lane>,
    /// The lanes in which somebody waits, by time used.
    ready: BTreeSet<(u64, u64)>,
}

/// A tenant's queue.
struct Lane {
    limit: usize,
    /// Processor time used, in nanoseconds.
    used: u64,
    /// What the last hash cost: what the next one is charged until it is measured.
    typical: u64,
    computing: usize,
    computing_background: usize,
    waiting: VecDeque<Waiting>,
    /// When a hash last came while another was in hand.
    last_backlog: Option<Instant>,
}

struct Waiting {
    urgency: Urgency,
    is_dear: bool,
    turn: oneshot::Sender<Turn>,
}

/// Why nobody may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The tenant's own queue.
    Lane,
    /// The queues of all together.
    Room,
}

/// A place in which one hash is computed. Given back when it drops.
pub(super) struct Turn {
    turns: Option<Arc<Turns>>,
    lane: u64,
    urgency: Urgency,
    is_dear: bool,
    charged: u64,
    took: Option<Duration>,
}

impl Turns {
    /// So many hashes are computed at once, and `room` more may wait.
    pub(super) fn new(places: Places, room: usize) -> Arc<Self> {
        Arc::new(Self {
            places,
            room,
            state: Mutex::default(),
        })
    }

    /// Opens a queue for a tenant of whose hashes `limit` are computed at once.
    pub(super) fn open_lane(&self, limit: usize) -> u64 {
        let mut state = self.state();
        let id = state.next_id;
        state.next_id += 1;
        let lane = Lane {
            limit,
            used: state.now,
            typical: nanos(FIRST_GUESS),
            computing: 0,
            computing_background: 0,
            waiting: VecDeque::new(),
            last_backlog: None,
        };
        state.lanes.insert(id, lane);
        id
    }

    /// Closes a queue; who waits in it hears that its turn will not come.
    pub(super) fn close_lane(&self, id: u64) {
        let mut state = self.state();
        if let Some(lane) = state.lanes.remove(&id) {
            state.ready.remove(&(lane.used, id));
            state.waiting -= lane.waiting.len();
        }
    }

    /// Waits from `now` on in the queue of `lane`, of which `waiting_per_lane` may.
    pub(super) fn enter(
        self: &Arc<Self>,
        lane: u64,
        is_dear: bool,
        waiting_per_lane: usize,
        now: Instant,
    ) -> Result<oneshot::Receiver<Turn>, Full> {
        let (turn, receiver) = oneshot::channel();
        let mut state = self.state();
        if state.queue_of(lane) >= waiting_per_lane && state.forget_who_left(lane) == 0 {
            return Err(Full::Lane);
        }
        if state.waiting >= self.room && !state.make_room_for(lane) {
            return Err(Full::Room);
        }
        let urgency = state.urgency(lane, is_dear, now);
        let waiting = Waiting {
            urgency,
            is_dear,
            turn,
        };
        state.push(lane, waiting);
        self.dispatch(&mut state);
        Ok(receiver)
    }

    /// Gives free places to who is next.
    fn dispatch(self: &Arc<Self>, state: &mut State) {
        while let Some(lane) = self.next(state) {
            let Some(waiting) = state.pop(lane) else {
                return;
            };
            if waiting.turn.is_closed() {
                continue;
            }
            let turn = Turn {
                turns: Some(Arc::clone(self)),
                lane,
                urgency: waiting.urgency,
                is_dear: waiting.is_dear,
                charged: state.start(lane, waiting.urgency, waiting.is_dear),
                took: None,
            };
            if let Err(mut unheard) = waiting.turn.send(turn) {
                // Given back here, because its drop would ask for the lock that is held.
                unheard.turns = None;
                state.finish(&unheard);
            }
        }
    }

    /// The lane that used least among those whose first in the queue may begin.
    fn next(&self, state: &State) -> Option<u64> {
        let Places { urgent, background } = self.places;
        let is_urgent_free = state.computing_urgent < urgent;
        let is_background_free = state.computing_background < background;
        if !is_urgent_free && !is_background_free {
            return None;
        }
        let is_shared = state.lanes.len() > 1;
        let most = if is_shared {
            background.saturating_sub(1).max(1)
        } else {
            background
        };
        let may_begin = |id: &u64| {
            let lane = state.lanes.get(id);
            let Some((lane, first)) = lane.and_then(|lane| Some((lane, lane.waiting.front()?)))
            else {
                return false;
            };
            lane.computing < lane.limit
                && match first.urgency {
                    Urgency::Urgent => is_urgent_free,
                    Urgency::Background => {
                        is_background_free
                            && lane.computing_background < most
                            && (!first.is_dear || state.computing_dear < most)
                    }
                }
        };
        state.ready.iter().map(|(_, id)| *id).find(may_begin)
    }

    fn give_back(self: &Arc<Self>, turn: &Turn) {
        let mut state = self.state();
        state.finish(turn);
        self.dispatch(&mut state);
    }

    /// A thread that panicked under this lock left whole numbers behind.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn queue_of(&self, lane: u64) -> usize {
        self.lanes.get(&lane).map_or(0, |lane| lane.waiting.len())
    }

    /// What a hash is that comes to `lane` now.
    fn urgency(&mut self, lane: u64, is_dear: bool, now: Instant) -> Urgency {
        let Some(lane) = self.lanes.get_mut(&lane) else {
            return Urgency::Background;
        };
        if lane.computing + lane.waiting.len() > 0 {
            lane.last_backlog = Some(now);
        }
        let had_several = lane
            .last_backlog
            .is_some_and(|last| now.saturating_duration_since(last) < AFTER_A_BACKLOG);
        if had_several || is_dear {
            Urgency::Background
        } else {
            Urgency::Urgent
        }
    }

    /// Drops those of a queue who gave up waiting; answers how many.
    fn forget_who_left(&mut self, id: u64) -> usize {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return 0;
        };
        let before = lane.waiting.len();
        lane.waiting.retain(|waiting| !waiting.turn.is_closed());
        let left = before - lane.waiting.len();
        self.waiting -= left;
        if lane.waiting.is_empty() {
            self.ready.remove(&(lane.used, id));
        }
        left
    }

    /// Makes room by sending away the last one of the longest queue, if it is longer than the
    /// asker's would become.
    fn make_room_for(&mut self, asker: u64) -> bool {
        let longest = self.ready.iter().map(|(_, id)| *id);
        let longest = longest.max_by_key(|id| self.queue_of(*id));
        let Some(longest) = longest.filter(|id| self.queue_of(*id) > self.queue_of(asker) + 1)
        else {
            return false;
        };
        if let Some(lane) = self.lanes.get_mut(&longest) {
            lane.waiting.pop_back();
            self.waiting -= 1;
        }
        true
    }

    fn push(&mut self, id: u64, waiting: Waiting) {
        let now = self.now;
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if lane.waiting.is_empty() {
            lane.used = lane.used.max(now);
            self.ready.insert((lane.used, id));
        }
        lane.waiting.push_back(waiting);
        self.waiting += 1;
    }

    fn pop(&mut self, id: u64) -> Option<Waiting> {
        let lane = self.lanes.get_mut(&id)?;
        let first = lane.waiting.pop_front()?;
        self.waiting -= 1;
        if lane.waiting.is_empty() {
            self.ready.remove(&(lane.used, id));
        }
        Some(first)
    }

    /// Charges a lane for a hash that begins, by what its last one cost; answers the charge.
    fn start(&mut self, id: u64, urgency: Urgency, is_dear: bool) -> u64 {
        let is_background = usize::from(urgency == Urgency::Background);
        self.computing_background += is_background;
        self.computing_urgent += 1 - is_background;
        self.computing_dear += usize::from(is_dear);
        let Some(lane) = self.lanes.get_mut(&id) else {
            return 0;
        };
        lane.computing += 1;
        lane.computing_background += is_background;
        self.now = self.now.max(lane.used);
        let charge = lane.typical;
        self.move_lane(id, |used| used.saturating_add(charge));
        charge
    }

    /// A hash is computed: the charge becomes what was measured.
    fn finish(&mut self, turn: &Turn) {
        let is_background = usize::from(turn.urgency == Urgency::Background);
        self.computing_background -= is_background;
        self.computing_urgent -= 1 - is_background;
        self.computing_dear -= usize::from(turn.is_dear);
        let Some(lane) = self.lanes.get_mut(&turn.lane) else {
            return;
        };
        lane.computing -= 1;
        lane.computing_background -= is_background;
        let Some(took) = turn.took.map(nanos) else {
            return;
        };
        lane.typical = took;
        self.move_lane(turn.lane, |used| {
            used.saturating_sub(turn.charged).saturating_add(took)
        });
    }

    fn move_lane(&mut self, id: u64, change: impl FnOnce(u64) -> u64) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        let was_ready = self.ready.remove(&(lane.used, id));
        lane.used = change(lane.used);
        if was_ready {
            self.ready.insert((lane.used, id));
        }
    }
}

impl Turn {
    /// Where to compute it.
    pub(super) fn urgency(&self) -> Urgency {
        self.urgency
    }

    /// Says what the hash cost.
    pub(super) fn took(&mut self, time: Duration) {
        self.took = Some(time);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            turns.give_back(self);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
