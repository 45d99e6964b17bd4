use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{
    BrowserSession, ClientId, CodeClaim, ConnectorId, Event, EventId, EventKind, GrantId,
    IdentityClaims, RefreshGrant, SessionEnd, TokenHash,
};
use insula_oauth::Scopes;

use crate::{LogoutAudience, NotedRedemption, SealedKeys, StoreError, UpgradedPassword};

/// How long an event can be read at least, counted from when it happened.
pub const EVENTS_KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// All that one step changes for good: it is written whole or not at all.
///
/// What names how a row must stand is a condition of the whole: where another was faster, nothing
/// stands, and [`Committed::overtaken`] says which row it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// A code is redeemed, which nobody noted before.
    pub redeemed: Option<RedeemedCode>,
    /// A refresh grant goes on from the generation it is at.
    pub rotated: Option<RotatedGrant>,
    /// Another key ring takes the place of the one that is stored.
    pub keys: Option<SwappedKeys>,
    /// A better hash of a password; a later one replaces an earlier one.
    pub upgraded: Option<UpgradedPassword>,
    /// Somebody logged in, or allowed a client something.
    pub login: Option<RecordedLogin>,
    /// A browser session begins; an earlier one of that cookie is replaced.
    pub begun: Option<(TokenHash, BrowserSession)>,
    /// What a session became, stored if it is still there. A logout must not be undone by a request
    /// that was under way.
    pub prolonged: Option<(TokenHash, BrowserSession)>,
    /// Sessions that end. Of many who end one, one tells the event.
    pub ended: Vec<EndedSession>,
    /// A family that is revoked.
    pub revoked: Option<RevokedGrant>,
    /// What happened besides.
    pub events: Vec<Event>,
}

impl Changes {
    /// What a commit of these changes is called in metrics: by what it is mostly for.
    pub fn operation(&self) -> &'static str {
        match self {
            Self {
                redeemed: Some(RedeemedCode::Beginning { .. }),
                ..
            } => "add_refresh",
            Self {
                redeemed: Some(RedeemedCode::Ending { .. }),
                ..
            } => "note_redeemed",
            Self {
                rotated: Some(_), ..
            } => "rotate_refresh",
            Self { keys: Some(_), .. } => "swap_keys",
            Self {
                upgraded: Some(_), ..
            } => "upgrade_password",
            _ => "commit",
        }
    }
}

/// A code that is redeemed, with the claim it is redeemed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedeemedCode {
    /// It begins a refresh grant, which notes the redemption too: of those with the same id and
    /// family only one is stored. One of a family that was revoked already is dead from the start.
    Beginning {
        /// The refresh grant.
        refresh: Box<RefreshGrant>,
        /// The claim, if it could be placed.
        claim: Option<CodeClaim>,
    },
    /// It begins no refresh grant: that it was redeemed is all there is to note.
    Ending {
        /// Its family.
        grant: GrantId,
        /// The claim, if it could be placed.
        claim: Option<CodeClaim>,
        /// Until when that must be known.
        until: Timestamp,
    },
}

/// A refresh grant that goes on, if it is still where it was read and not revoked. `login`,
/// `generation`, `last_used_at` and `expires_at` change; the rest stays. A new generation is not
/// answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotatedGrant {
    /// The generation it must be at.
    pub expected: u32,
    /// What it becomes.
    pub next: RefreshGrant,
}

/// A key ring that takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwappedKeys {
    /// The version that must be stored (`None`: there must be none).
    pub expected: Option<u64>,
    /// The ring.
    pub new: SealedKeys,
}

/// That a person logged in, with what the connector says of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedLogin {
    /// Who vouches.
    pub connector: ConnectorId,
    /// What it says.
    pub claims: IdentityClaims,
    /// What they allowed which client, added to what they had allowed it before.
    pub consent: Option<(ClientId, Scopes)>,
    /// When. Where nothing changed but this, the write may be skipped if it moved by less than a
    /// minute.
    pub at: Timestamp,
}

/// A session that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedSession {
    /// Its cookie.
    pub cookie: TokenHash,
    /// What is told of it, if it was there.
    pub event: Option<SessionEnding>,
    /// Which clients are to be told, if any.
    pub audience: Option<LogoutAudience>,
}

/// What is told of a session that ends, beside what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEnding {
    /// The name of the event.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: SessionEnd,
}

impl EndedSession {
    /// The event that tells of a session that was there.
    pub fn told(&self, session: &BrowserSession) -> Option<Event> {
        let SessionEnding { id, at, reason } = self.event.as_ref()?;
        Some(Event {
            id: id.clone(),
            at: *at,
            kind: EventKind::SessionEnded {
                session: session.id.clone(),
                connector: session.connector_id.clone(),
                user: session.claims.user_id.clone(),
                clients: session.clients.clone(),
                reason: *reason,
            },
        })
    }
}

/// A family that is revoked: its refresh grants are dead, and [`is_revoked`](crate::Grants::is_revoked)
/// answers yes until `until`, when its last access token is dead anyway. Revoking twice is once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedGrant {
    /// Which.
    pub grant: GrantId,
    /// Until when that must be known.
    pub until: Timestamp,
    /// What is told of it, the first time.
    pub event: Option<Event>,
}

/// What came of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// The sessions that were there and ended.
    pub ended: Vec<BrowserSession>,
    /// Whether the session to be prolonged was still there.
    pub was_prolonged: bool,
    /// Why nothing of it stands, if another was faster.
    pub overtaken: Option<Overtaken>,
}

/// What another changed first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overtaken {
    /// The redemption had been noted.
    Redeemed(NotedRedemption),
    /// The refresh grant was no longer at the generation expected, or is gone.
    Rotated,
    /// The key ring was no longer the one expected.
    KeysSwapped,
}

impl From<Overtaken> for Committed {
    fn from(overtaken: Overtaken) -> Self {
        Self {
            overtaken: Some(overtaken),
            ..Self::default()
        }
    }
}

/// An event and its place in the order in which the events of its tenant are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedEvent {
    /// Grows from event to event, not always by one.
    pub position: u64,
    /// The event.
    pub event: Event,
}

/// The one way in which a step of a login changes several records, and what others read of it.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Writes all of it in one transaction, events included, or nothing.
    async fn commit(&self, changes: &Changes) -> Result<Committed, StoreError>;

    /// The events behind a position, in order, `most` at most. Who goes on from the last position
    /// they saw misses none, whenever it was committed: a position is given to an event that is
    /// committed already, and is above all that were given before.
    async fn events_after(&self, position: u64, most: u32) -> Result<Vec<PlacedEvent>, StoreError>;
}
