use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use insula_ambient::{Backoff, Monotonic};

use crate::ConnectorError;

/// After so many calls in a row that found nobody, an upstream counts as unavailable. One that never
/// answered is at once.
const FAILURES: u32 = 5;
/// For how long people are told so, before somebody may try it again: longer each time.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(10),
    longest: Duration::from_mins(5),
};

/// Hears how the calls of one connector end.
pub trait HearHealth: Send + Sync + 'static {
    /// A call was answered, or found nobody.
    fn called(&self, is_answered: bool);

    /// The connector is out of order from now on, or is no more.
    fn marked(&self, is_out_of_order: bool);
}

/// Hears nothing.
impl HearHealth for () {
    fn called(&self, _: bool) {}

    fn marked(&self, _: bool) {}
}

/// How a connector stands with its upstream, as far as logins found out.
///
/// An upstream is asked when somebody needs it, and not otherwise, so that tenants nobody uses cost
/// theirs nothing. What was found out is shown where people choose and told to operators; it forbids
/// nothing: whoever comes by the connector's own route tries it.
pub struct UpstreamHealth {
    state: Mutex<State>,
    hears: Arc<dyn HearHealth>,
}

#[derive(Default)]
struct State {
    has_answered: bool,
    failures: u32,
    marks: u32,
    trouble: Option<Trouble>,
}

struct Trouble {
    why: String,
    /// `None`: until it is opened.
    until: Option<Monotonic>,
}

/// What is known of a connector's health.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthReport {
    /// Why it is out of order, until it is seen to work; absent if it is not.
    pub problem: Option<String>,
    /// For how long nobody is offered it; absent once somebody may try it.
    pub unavailable_for: Option<Duration>,
    /// How many calls in a row found nobody.
    pub failures_in_a_row: u32,
}

impl UpstreamHealth {
    /// Of a connector that nobody used yet.
    pub fn new(hears: Arc<dyn HearHealth>) -> Self {
        Self {
            state: Mutex::default(),
            hears,
        }
    }

    /// How a call ended. Only that nobody answered is the upstream's trouble: what strangers can bring
    /// about, such as an answer nobody can use, is not.
    pub fn heard(&self, error: Option<&ConnectorError>, now: Monotonic) {
        match error {
            None
            | Some(
                ConnectorError::WrongPassword
                | ConnectorError::Denied(_)
                | ConnectorError::NotInGroup,
            ) => self.answered(),
            Some(ConnectorError::AfterRenewal { cause, .. }) => self.heard(Some(cause), now),
            Some(error @ ConnectorError::Unreachable(_)) => self.failed(&error.to_string(), now),
            Some(_) => {}
        }
    }

    /// It could not be opened.
    pub fn not_opened(&self, why: &str) {
        self.mark(&mut self.state(), why, None);
    }

    /// It is open now, whatever it was before.
    pub fn opened(&self) {
        let mut state = self.state();
        if matches!(&state.trouble, Some(trouble) if trouble.until.is_none()) {
            state.trouble = None;
            self.hears.marked(false);
        }
    }

    /// Whether people are not to be offered it now.
    pub fn is_unavailable(&self, now: Monotonic) -> bool {
        let state = self.state();
        let until = state.trouble.as_ref().map(|trouble| trouble.until);
        until.is_some_and(|until| until.is_none_or(|until| now < until))
    }

    /// What is known.
    pub fn report(&self, now: Monotonic) -> HealthReport {
        let state = self.state();
        let until = state.trouble.as_ref().and_then(|trouble| trouble.until);
        HealthReport {
            problem: state.trouble.as_ref().map(|trouble| trouble.why.clone()),
            unavailable_for: until.filter(|until| now < *until).map(|u| u.since(now)),
            failures_in_a_row: state.failures,
        }
    }

    fn answered(&self) {
        self.hears.called(true);
        let mut state = self.state();
        let was_marked = state.trouble.is_some();
        *state = State {
            has_answered: true,
            ..State::default()
        };
        if was_marked {
            self.hears.marked(false);
        }
    }

    fn failed(&self, why: &str, now: Monotonic) {
        self.hears.called(false);
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let is_early = state.has_answered && state.failures < FAILURES;
        let until = state.trouble.as_ref().map(|trouble| trouble.until);
        // Those who asked at the same time tell nothing new.
        let is_known = until.is_some_and(|until| until.is_none_or(|until| now < until));
        if is_early || is_known {
            return;
        }
        let until = now + PAUSES.pause(state.marks);
        state.marks = state.marks.saturating_add(1);
        self.mark(&mut state, why, Some(until));
    }

    /// What is heard is heard in order: the state is held meanwhile.
    fn mark(&self, state: &mut State, why: &str, until: Option<Monotonic>) {
        let trouble = Trouble {
            why: why.to_owned(),
            until,
        };
        if state.trouble.replace(trouble).is_none() {
            self.hears.marked(true);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UpstreamHealth {
    fn drop(&mut self) {
        if self.state().trouble.is_some() {
            self.hears.marked(false);
        }
    }
}

#[cfg(test)]
mod tests;
