use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ldap3::Ldap;
use tokio::time::timeout;
use tracing::info;

use super::server::{Bound, Server, silent_for};
use super::trouble::{Trouble, of_result};

/// Servers that hold the same entries. Where one cannot be reached, or says that it cannot now, the next
/// is asked; and from then on first, so that one that is down costs one login its patience and not all.
pub(super) struct Servers {
    connector: String,
    all: Vec<Arc<Server>>,
    first: AtomicUsize,
}

/// A connection, what a server said to a bind over it, and which it is.
pub(super) struct Answered {
    pub(super) server: Arc<Server>,
    pub(super) ldap: Ldap,
    pub(super) bound: Bound,
}

impl Servers {
    pub(super) fn new(connector: &str, all: impl IntoIterator<Item = Server>) -> Self {
        Self {
            connector: connector.to_owned(),
            all: all.into_iter().map(Arc::new).collect(),
            first: AtomicUsize::new(0),
        }
    }

    /// Binds at the first server that answers, over a new connection.
    pub(super) async fn bind(&self, dn: &str, password: &str) -> Result<Answered, Trouble> {
        let first = self.first.load(Ordering::Relaxed);
        let mut trouble = Trouble::Forbidden("no server is named".to_owned());
        let in_turn = self.all.iter().enumerate();
        for (at, server) in in_turn.cycle().skip(first).take(self.all.len()) {
            trouble = match self.bind_at(server, dn, password).await {
                Err(why) if why.is_outage() => why,
                Err(why) => return Err(why),
                Ok(answered) => {
                    self.first.store(at, Ordering::Relaxed);
                    return Ok(answered);
                }
            };
            if self.all.len() > 1 {
                let (id, why) = (&self.connector, trouble.words());
                info!(connector.id = %id, "connector {id}: the next server is asked: {why}");
            }
        }
        Err(trouble)
    }

    async fn bind_at(
        &self,
        server: &Arc<Server>,
        dn: &str,
        password: &str,
    ) -> Result<Answered, Trouble> {
        let asked = async {
            let mut ldap = server.connect().await?;
            let bound = server.bind(&mut ldap, dn, password).await?;
            let server = Arc::clone(server);
            match bound.code {
                // busy, unavailable
                code @ (51 | 52) => Err(of_result(code, "a bind")),
                _ => Ok(Answered {
                    server,
                    ldap,
                    bound,
                }),
            }
        };
        if self.all.len() == 1 {
            // The whole conversation has its limit.
            return asked.await;
        }
        let ended = timeout(server.patience, asked).await;
        ended.unwrap_or_else(|_| {
            let place = std::slice::from_ref(&server.place);
            Err(silent_for(place, server.patience))
        })
    }
}
