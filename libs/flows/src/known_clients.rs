use std::sync::Arc;
use std::time::Duration;

use insula_ambient::Clock;
use insula_model::{Client, ClientId};
use insula_store::{
    Fact, Remembered, RememberedBound, RememberedTotals, RememberedUse, StoreError,
};

use crate::clients::size;

/// What was read of a client is trusted for so long. Word of a change ends it at once; this is for
/// word that is lost.
const TRUSTED_FOR: Duration = Duration::from_secs(10);

/// How much is remembered of one tenant's clients.
const BOUND: RememberedBound = RememberedBound {
    entries: 128,
    bytes: 256 * 1024,
};

/// What is known of a client id that is not configured.
#[derive(Debug, Clone)]
pub(crate) enum KnownClient {
    /// A stored client that may be served.
    Good(Arc<Client>),
    /// There is a row, and what it says may not be registered.
    Refused,
    /// Nobody has it. That is not remembered: a client must be known as soon as it is registered, and
    /// the ids that a stranger makes up never come twice.
    Nobody,
}

impl KnownClient {
    pub(crate) fn served(self) -> Option<Arc<Client>> {
        match self {
            Self::Good(client) => Some(client),
            Self::Refused | Self::Nobody => None,
        }
    }
}

impl Fact for KnownClient {
    type Key = ClientId;

    fn good_for(&self) -> Duration {
        match self {
            Self::Good(_) | Self::Refused => TRUSTED_FOR,
            Self::Nobody => Duration::ZERO,
        }
    }

    fn bytes_beside(&self, key: &ClientId) -> usize {
        let client = match self {
            Self::Good(client) => size_of::<Client>() + size(client),
            Self::Refused | Self::Nobody => 0,
        };
        key.as_str().len() + client
    }
}

/// The stored clients of one tenant that this process read a moment ago.
#[derive(Debug)]
pub struct KnownClients(Remembered<KnownClient>);

impl KnownClients {
    /// None yet. `totals` bounds what all tenants of the process remember of theirs.
    pub fn new(totals: Arc<RememberedTotals>) -> Self {
        Self(Remembered::new(BOUND, totals))
    }

    /// Forgets all: one of them came, went or is another one now.
    pub fn forget(&self) {
        self.0.clear();
    }

    /// How much is remembered, and how often that was of use.
    pub fn usage(&self) -> RememberedUse {
        self.0.usage()
    }

    pub(crate) async fn recall(
        &self,
        id: &ClientId,
        clock: &dyn Clock,
        read: impl Future<Output = Result<KnownClient, StoreError>>,
    ) -> Result<KnownClient, StoreError> {
        self.0.recall(id, clock, read).await
    }
}
