//! One session for each browser, in memory, bounded: the oldest makes room for the newest.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::oidc::{Login, Pending};

/// What this client knows of one browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// A login that was begun and has not come back.
    pub(crate) pending: Option<Pending>,
    /// The login that succeeded.
    pub(crate) login: Option<Login>,
}

/// All sessions, by the random value of their cookie.
#[derive(Debug)]
pub(crate) struct Sessions {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    sessions: HashMap<String, Session>,
    /// Oldest first.
    order: VecDeque<String>,
}

impl Sessions {
    pub(crate) fn at_most(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<Session> {
        self.kept().sessions.get(id).cloned()
    }

    pub(crate) fn put(&self, id: &str, session: Session) {
        let mut kept = self.kept();
        if kept.sessions.insert(id.to_owned(), session).is_some() {
            return;
        }
        kept.order.push_back(id.to_owned());
        if kept.order.len() > self.most
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.sessions.remove(&oldest);
        }
    }

    /// Takes a session out, so that nobody else can use it.
    pub(crate) fn take(&self, id: &str) -> Option<Session> {
        let mut kept = self.kept();
        kept.order.retain(|known| known != id);
        kept.sessions.remove(id)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_session_makes_room_for_the_newest() {
        let sessions = Sessions::at_most(2);
        for id in ["first", "second", "third"] {
            sessions.put(id, Session::default());
        }
        assert!(sessions.get("first").is_none());
        assert!(sessions.get("second").is_some() && sessions.get("third").is_some());
    }

    #[test]
    fn a_session_that_changes_takes_no_second_place() {
        let sessions = Sessions::at_most(2);
        for id in ["first", "second", "second", "second"] {
            sessions.put(id, Session::default());
        }
        assert!(sessions.get("first").is_some());
    }

    #[test]
    fn a_session_is_taken_once() {
        let sessions = Sessions::at_most(2);
        sessions.put("first", Session::default());
        assert!(sessions.take("first").is_some());
        assert!(sessions.take("first").is_none());
    }
}
