use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{BrowserSession, ClientId, ConnectorId, SessionId, UserId};

use crate::StoreError;

/// How long after a logout clients are told of it; then it is given up.
pub const LOGOUTS_TOLD_FOR: Duration = Duration::from_hours(24);

/// Word of a session that ended, which a client is still to be told
/// ([OpenID Connect Back-Channel Logout](https://openid.net/specs/openid-connect-backchannel-1_0.html)).
///
/// It is written with the end of the session, and stays until the client took it or it is given up.
/// Whoever tells a client claims the notice first, for a while: where they end without a word, it is
/// due again when the while is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    /// Who is told.
    pub client: ClientId,
    /// The `sid` that the client knows.
    pub session: SessionId,
    /// Who had vouched.
    pub connector: ConnectorId,
    /// For whom.
    pub user: UserId,
    /// When the session ended.
    pub ended_at: Timestamp,
    /// How often somebody set out to tell it.
    pub attempts: u32,
    /// When it is to be told, or told again.
    pub due_at: Timestamp,
}

/// Who hears of a session that ends: each client that was logged in through it, but for these.
///
/// Whoever ends a session knows which clients want no word. A client that visits it in the same moment
/// is not among them, and is not forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutAudience {
    /// Clients that want no word.
    pub except: Vec<ClientId>,
    /// When the session ends.
    pub at: Timestamp,
}

impl LogoutAudience {
    /// The notices of a session.
    pub fn notices(&self, session: &BrowserSession) -> Vec<LogoutNotice> {
        let mut notices: Vec<LogoutNotice> = Vec::new();
        for (id, client) in session.logins() {
            let is_known = |known: &LogoutNotice| known.client == *client && known.session == *id;
            if self.except.contains(client) || notices.iter().any(is_known) {
                continue;
            }
            notices.push(LogoutNotice {
                client: client.clone(),
                session: id.clone(),
                connector: session.connector_id.clone(),
                user: session.claims.user_id.clone(),
                ended_at: self.at,
                attempts: 0,
                due_at: self.at,
            });
        }
        notices
    }
}

/// The logouts that clients of a tenant are still to be told.
#[async_trait]
pub trait LogoutNotices: Send + Sync + 'static {
    /// The notice of a client that is due for longest at `now`.
    async fn due_logout(
        &self,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Option<LogoutNotice>, StoreError>;

    /// Claims a notice as it was read: nobody else has it before `until`. `false` if somebody was
    /// faster. It is an attempt.
    async fn claim_logout(
        &self,
        notice: &LogoutNotice,
        until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// A claimed notice that could not be told is due again at `at`.
    async fn postpone_logout(&self, notice: &LogoutNotice, at: Timestamp)
    -> Result<(), StoreError>;

    /// A notice was told, or is given up.
    async fn settle_logout(&self, notice: &LogoutNotice) -> Result<(), StoreError>;
}
