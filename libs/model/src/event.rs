use insula_ambient::Timestamp;
use insula_oauth::Scopes;
use serde::{Deserialize, Serialize};

use crate::{ClientId, ConnectorId, EventId, GrantId, SessionId, UserId};

/// Something that happened at a tenant and stands: written with the change it tells of, for audit,
/// webhooks and whoever follows. Holds no secret and no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its name, by which a reader that sees it twice knows it again.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// A person proved who they are to a client. If the client cannot be answered after all, the
    /// session that began ends as [`Withdrawn`](SessionEnd::Withdrawn).
    LoggedIn {
        /// For which client.
        client: ClientId,
        /// Who vouched.
        connector: ConnectorId,
        /// For whom.
        user: UserId,
        /// The browser session that began, if the tenant has them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// How they proved it (RFC 8176).
        amr: Vec<String>,
    },
    /// A person allowed a client what it asked for.
    ConsentGiven {
        /// Which client.
        client: ClientId,
        /// Who vouched.
        connector: ConnectorId,
        /// For whom.
        user: UserId,
        /// What they allowed.
        scopes: Scopes,
    },
    /// A browser session ended before its time.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// Who had vouched.
        connector: ConnectorId,
        /// For whom.
        user: UserId,
        /// The clients that were logged in to through it.
        clients: Vec<ClientId>,
        /// Why.
        reason: SessionEnd,
    },
    /// All that came of a grant was revoked.
    GrantRevoked {
        /// Which.
        grant: GrantId,
        /// The client that asked for it, or whose token or code was misused.
        client: ClientId,
        /// Why.
        reason: Revocation,
    },
    /// Somebody was not let in. Of a flood of these not each is told: `count` says how many there
    /// were.
    LoginDenied {
        /// For which client.
        client: ClientId,
        /// Where they tried.
        connector: ConnectorId,
        /// Whose name they gave, if it is one of the configuration. What else was typed is not told:
        /// it may be anything, a password too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
        /// Why.
        reason: Denial,
        /// How many were denied at this tenant within the hour so far, this one included.
        count: u64,
    },
    /// Wrong secrets of a client have it wait at the address they come from. Of a flood of these not each
    /// is told: `count` says how many there were at the tenant within the hour.
    ClientSlowedDown {
        /// Whose secret was guessed at, or is an old one.
        client: ClientId,
        /// How many of these there were so far, this one included.
        count: u64,
    },
    /// A token was exchanged for another (RFC 8693).
    TokenExchanged {
        /// By which client.
        client: ClientId,
        /// Who the tokens are about: their `sub`.
        subject: String,
        /// The connector whose token it was, if it was none of ours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connector: Option<ConnectorId>,
        /// Who acts for the subject: their `sub`, where an actor was named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<String>,
        /// For whom the new token is.
        audience: Vec<String>,
        /// The family the new token begins.
        grant: GrantId,
        /// The family of the token it was exchanged for, if that was one of ours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<GrantId>,
    },
    /// The hash of a person's password was replaced by a better one.
    PasswordUpgraded {
        /// Whose.
        user: UserId,
    },
    /// A signing key is published, and signs nothing yet.
    KeyAnnounced {
        /// Its name (`kid`).
        key: String,
        /// Its algorithm.
        alg: String,
    },
    /// A signing key signs from now on.
    KeyPromoted {
        /// Its name (`kid`).
        key: String,
        /// Its algorithm.
        alg: String,
    },
    /// A signing key is published no more; what it signed is worth nothing.
    KeyRetired {
        /// Its name (`kid`).
        key: String,
    },
    /// An operator gave up all keys, and with them all sessions and refresh tokens.
    KeysReset,
}

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// Name and password did not fit.
    WrongPassword,
    /// Too many wrong passwords had come for that name, or from that address.
    TooMany,
    /// The upstream refused them.
    Denied,
    /// They did not allow the upstream to tell who they are.
    Declined,
    /// They are in none of the groups that may log in.
    NotInGroup,
}

/// Why a browser session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The person logged out.
    LoggedOut,
    /// The person logged in anew in the same browser.
    Replaced,
    /// The login that began it could not be finished, and nobody was given its cookie.
    Withdrawn,
}

/// Why a grant was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// The client asked for it (RFC 7009).
    Asked,
    /// A code or a refresh token was presented that had been used before.
    Reused,
    /// The upstream vouches for the person no more.
    Denied,
    /// The session it began in ended, and the client wants no more than that.
    SessionEnded,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object_and_comes_back_whole() {
        let event = Event {
            id: EventId::parse("e1").unwrap(),
            at: Timestamp::from_millis(5),
            kind: EventKind::SessionEnded {
                session: SessionId::parse("s1").unwrap(),
                connector: ConnectorId::parse("local").unwrap(),
                user: UserId::parse("jane").unwrap(),
                clients: vec![ClientId::parse("app").unwrap()],
                reason: SessionEnd::LoggedOut,
            },
        };
        let text = serde_json::to_value(&event).unwrap();
        assert_eq!(text["kind"], "session_ended");
        assert_eq!(text["reason"], "logged_out");
        assert_eq!(text["clients"][0], "app");
        assert_eq!(serde_json::from_value::<Event>(text).unwrap(), event);
    }
}
