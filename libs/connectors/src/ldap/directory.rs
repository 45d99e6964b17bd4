use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::{Clock, Monotonic};
use insula_model::Password;
use insula_secret::Secret;
use ldap3::Ldap;
use tokio::time::timeout;
use tracing::info;

use super::entry::Entry;
use super::server::Server;
use super::servers::{Answered, Servers};
use super::trouble::{Trouble, of_result};
use super::{Search, Searches, refusal};

/// How long a connection is kept. Firewalls and directories drop what says nothing for long, and a service
/// account that was shut out is to be shut out here, too.
const KEPT: Duration = Duration::from_mins(1);

/// A directory as the service account sees it, over connections that are kept.
pub(super) struct Directory {
    pub(super) connector: String,
    pub(super) servers: Servers,
    /// Empty for nobody: an anonymous bind.
    pub(super) account: String,
    pub(super) password: Secret<str>,
    pub(super) kept: Mutex<Vec<Kept>>,
    /// How many are kept.
    pub(super) most: usize,
    pub(super) clock: Arc<dyn Clock>,
}

/// A connection that the service account is bound to.
pub(super) struct Kept {
    server: Arc<Server>,
    ldap: Ldap,
    since: Monotonic,
}

/// Whether a password is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is.
    Right,
    /// It is not, or the entry may not log in.
    Wrong,
}

impl Directory {
    /// A connection that the service account is bound to: one that is kept, or a new one.
    pub(super) async fn open(&self) -> Result<Session<'_>, Trouble> {
        let (connection, is_kept) = match self.take() {
            Some(kept) => (kept, true),
            None => (self.bound().await?, false),
        };
        Ok(Session {
            directory: self,
            connection,
            is_kept,
        })
    }

    fn take(&self) -> Option<Kept> {
        let now = self.clock.monotonic();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain_mut(|one| now.since(one.since) < KEPT && !one.ldap.is_closed());
        kept.pop()
    }

    fn forget(&self) {
        let kept = self.kept.lock();
        kept.unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn bound(&self) -> Result<Kept, Trouble> {
        let since = self.clock.monotonic();
        let answered = self.servers.bind(&self.account, self.password.reveal());
        let Answered {
            server,
            ldap,
            bound,
        } = answered.await?;
        match bound.code {
            0 => Ok(Kept {
                server,
                ldap,
                since,
            }),
            48 | 49 => Err(Trouble::Unusable(format!(
                "it refuses the service account (result code {}); check bindDN and bindPW",
                bound.code
            ))),
            code => Err(of_result(code, "the bind of the service account")),
        }
    }

    /// Whether a password belongs to an entry. The connection serves nothing else: whoever's bind
    /// failed may still be somebody on it.
    pub(super) async fn check(&self, dn: &str, password: &Password) -> Result<Verdict, Trouble> {
        // Either alone makes an anonymous bind, which succeeds (RFC 4513 §5.1).
        if dn.is_empty() || password.reveal().is_empty() {
            return Ok(Verdict::Wrong);
        }
        let answered = self.servers.bind(dn, password.reveal()).await?;
        let Answered {
            mut ldap, bound, ..
        } = answered;
        // A farewell: nothing depends on it.
        drop(ldap.unbind().await);
        let (id, code, text) = (&self.connector, bound.code, &bound.text);
        let policy = &bound.policy;
        if let Some(reason) = policy.refusal().or_else(|| refusal::reason(code, text)) {
            info!(
                connector.id = %id, dn, code, text = ?text,
                "connector {id}: the directory does not let {dn} log in: {reason}"
            );
        } else if let Some(warning) = policy.warning().filter(|_| code == 0) {
            info!(connector.id = %id, dn, "connector {id}: of {dn}: {warning}");
        }
        match code {
            0 if policy.must_change() => Ok(Verdict::Wrong),
            0 => Ok(Verdict::Right),
            // invalidCredentials, noSuchObject, constraintViolation, inappropriateAuthentication,
            // unwillingToPerform
            49 | 32 | 19 | 48 | 53 => Ok(Verdict::Wrong),
            code => Err(of_result(code, "a person's bind")),
        }
    }
}

/// A conversation over one connection. If it ends in trouble, the connection ends with it.
pub(super) struct Session<'a> {
    directory: &'a Directory,
    connection: Kept,
    is_kept: bool,
}

impl Session<'_> {
    /// Keeps the connection for the next.
    pub(super) fn keep(self) {
        let kept = self.directory.kept.lock();
        let mut kept = kept.unwrap_or_else(PoisonError::into_inner);
        if kept.len() < self.directory.most {
            kept.push(self.connection);
        }
    }
}

#[async_trait]
impl Searches for Session<'_> {
    /// Searches; on a kept connection that turns out to be broken, once more on a new one.
    async fn search(&mut self, search: &Search) -> Result<Vec<Entry>, Trouble> {
        if self.is_kept {
            // One that a firewall forgot says nothing at all: time must be left for another.
            let Kept { server, ldap, .. } = &mut self.connection;
            let asked = server.search(ldap, search);
            match timeout(server.patience, asked).await {
                Ok(Err(Trouble::Silent(_))) | Err(_) => {}
                Ok(found) => return found,
            }
            // The others are as old.
            self.directory.forget();
            self.connection = self.directory.bound().await?;
            self.is_kept = false;
        }
        let Kept { server, ldap, .. } = &mut self.connection;
        server.search(ldap, search).await
    }
}
