use std::collections::{HashSet, VecDeque};

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{Event, EventId};

use super::store::{MOST_ROWS, Rows, TenantMemory, room};
use crate::login::recorded_login;
use crate::{
    Changes, Committed, EVENTS_KEPT_FOR, Outbox, Overtaken, PlacedEvent, RecordedLogin, StoreError,
};

/// The events of a tenant, in the order in which they came. Past what a tenant may hold the oldest go:
/// a login is worth more than what is told of one long ago.
#[derive(Debug, Default)]
pub(super) struct Events {
    rows: VecDeque<PlacedEvent>,
    ids: HashSet<EventId>,
    last: u64,
}

impl Events {
    fn add(&mut self, event: Event) {
        self.last += 1;
        let position = self.last;
        if self.rows.len() >= MOST_ROWS
            && let Some(oldest) = self.rows.pop_front()
        {
            self.ids.remove(&oldest.event.id);
        }
        self.ids.insert(event.id.clone());
        self.rows.push_back(PlacedEvent { position, event });
    }

    /// Drops events that were kept for their time, as many as `take` allows.
    pub(super) fn collect(&mut self, now: Timestamp, take: &mut dyn FnMut() -> bool) {
        let Self { rows, ids, .. } = self;
        rows.retain(|row| {
            let is_over = row.event.at + EVENTS_KEPT_FOR <= now && take();
            if is_over {
                ids.remove(&row.event.id);
            }
            !is_over
        });
    }
}

#[async_trait]
impl Outbox for TenantMemory {
    async fn commit(&self, changes: &Changes) -> Result<Committed, StoreError> {
        let mut rows = self.rows();
        // All that can be refused is asked first, so that what follows is done whole.
        if let Some(overtaken) = overtaken(&rows, changes)? {
            return Ok(overtaken.into());
        }
        has_room(&rows, changes)?;
        if let Some(code) = &changes.redeemed {
            rows.redeem(code);
        }
        if let Some(rotated) = &changes.rotated {
            rows.rotate(rotated);
        }
        if let Some(keys) = &changes.keys {
            rows.keys = Some(keys.new.clone());
        }
        if let Some(upgraded) = &changes.upgraded {
            let email = upgraded.email.clone();
            rows.passwords.insert(email, upgraded.clone());
        }
        let mut committed = Committed::default();
        let mut events = changes.events.clone();
        if let Some(login) = &changes.login {
            record(&mut rows, login);
        }
        if let Some((cookie, session)) = &changes.begun {
            rows.sessions.insert(*cookie, session.clone());
        }
        if let Some((cookie, session)) = &changes.prolonged
            && let Some(stored) = rows.sessions.get_mut(cookie)
        {
            *stored = session.clone();
            committed.was_prolonged = true;
        }
        for ending in &changes.ended {
            if let Some(session) = rows.sessions.remove(&ending.cookie) {
                events.extend(ending.told(&session));
                let audience = ending.audience.iter();
                for notice in audience.flat_map(|audience| audience.notices(&session)) {
                    let key = (notice.client.clone(), notice.session.clone());
                    rows.notices.insert(key, notice);
                }
                committed.ended.push(session);
            }
        }
        if let Some(revoked) = &changes.revoked {
            let before = rows.revoked.get(&revoked.grant).copied();
            let until = before.map_or(revoked.until, |before| before.max(revoked.until));
            rows.revoked.insert(revoked.grant.clone(), until);
            if before.is_none() {
                events.extend(revoked.event.clone());
            }
        }
        for event in events {
            rows.events.add(event);
        }
        Ok(committed)
    }

    async fn events_after(&self, position: u64, most: u32) -> Result<Vec<PlacedEvent>, StoreError> {
        let rows = self.rows();
        let behind = rows
            .events
            .rows
            .iter()
            .filter(|row| row.position > position);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(behind.take(most).cloned().collect())
    }
}

fn overtaken(rows: &Rows, changes: &Changes) -> Result<Option<Overtaken>, StoreError> {
    if let Some(code) = &changes.redeemed
        && let Some(noted) = rows.noted(code)?
    {
        return Ok(Some(Overtaken::Redeemed(noted)));
    }
    if let Some(rotated) = &changes.rotated
        && !rows.may_rotate(rotated)
    {
        return Ok(Some(Overtaken::Rotated));
    }
    let stored = rows.keys.as_ref().map(|keys| keys.version);
    let keys = changes.keys.as_ref();
    Ok(keys
        .filter(|keys| keys.expected != stored)
        .map(|_| Overtaken::KeysSwapped))
}

fn has_room(rows: &Rows, changes: &Changes) -> Result<(), StoreError> {
    if let Some(code) = &changes.redeemed {
        rows.has_room_for(code)?;
    }
    if let Some(upgraded) = &changes.upgraded {
        let known = rows.passwords.contains_key(&upgraded.email);
        room(known, rows.passwords.len(), "upgraded passwords")?;
    }
    if let Some(login) = &changes.login {
        let key = (login.connector.clone(), login.claims.user_id.clone());
        let known = rows.identities.contains_key(&key);
        room(known, rows.identities.len(), "identities")?;
    }
    if let Some((cookie, _)) = &changes.begun {
        let known = rows.sessions.contains_key(cookie);
        room(known, rows.sessions.len(), "sessions")?;
    }
    if let Some(revoked) = &changes.revoked {
        let known = rows.revoked.contains_key(&revoked.grant);
        room(known, rows.revoked.len(), "revocations")?;
    }
    let mut told = changes.events.iter().map(|event| &event.id);
    if told.any(|id| rows.events.ids.contains(id)) {
        return Err(StoreError::Failed {
            backend: "memory",
            cause: "an event of that id is there already".to_owned(),
        });
    }
    Ok(())
}

fn record(rows: &mut Rows, login: &RecordedLogin) {
    let key = (login.connector.clone(), login.claims.user_id.clone());
    let stored = rows.identities.get(&key).cloned();
    let consent = login.consent.as_ref();
    let consent = consent.map(|(client, scopes)| (client, scopes));
    let next = recorded_login(stored, &login.connector, &login.claims, consent, login.at);
    if let Some(next) = next {
        rows.identities.insert(key, next);
    }
}
