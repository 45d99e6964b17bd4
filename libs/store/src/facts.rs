//! What a process remembers of a tenant's rows, and how it hears that they changed.

use std::sync::Arc;
use std::time::Duration;

use insula_ambient::Monotonic;
use insula_model::{
    BrowserSession, Client, ClientId, GrantId, IdentityClaims, PersonDetails, TenantId, TokenHash,
};
use serde::{Deserialize, Serialize};

use crate::{Changes, Fact, Remembered, RememberedBound, RememberedTotals, RememberedUse, Rests};

/// How long what was read may be used, counted from when its statement began. Within this time a
/// logout and a revocation are final on every node, whatever word is lost.
pub const FACTS_GOOD_FOR: Duration = Duration::from_secs(2);
/// How long what cannot change any more is remembered.
const FINAL_GOOD_FOR: Duration = Duration::from_mins(1);

/// A browser session as it was read, by the hash of its cookie; one that is not there is not
/// remembered.
#[derive(Debug, Clone)]
pub struct SessionFact(pub Option<Arc<BrowserSession>>);

/// Whether a family is revoked. That it is cannot change any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationFact(pub bool);

/// What is known of the person that a family of tokens is about, by the family; that nothing is known
/// is not remembered.
#[derive(Debug, Clone)]
pub struct PersonFact(pub Option<Arc<IdentityClaims>>);

/// What is known of a client id that is not configured.
#[derive(Debug, Clone)]
pub enum ClientFact {
    /// A stored client that may be served.
    Good(Arc<Client>),
    /// There is a row, and what it says may not be registered.
    Refused,
    /// Nobody has it. That is not remembered: a client must be known as soon as it is registered, and
    /// the ids that a stranger makes up never come twice.
    Nobody,
}

impl ClientFact {
    /// The client that is served, if there is one.
    pub fn served(self) -> Option<Arc<Client>> {
        match self {
            Self::Good(client) => Some(client),
            Self::Refused | Self::Nobody => None,
        }
    }
}

/// A fact that changed, by what it is found by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedFact {
    /// A session ended.
    Session(TokenHash),
    /// A family was revoked.
    Grant(GrantId),
    /// A stored client came, went or is another one now.
    Client(ClientId),
}

/// Passes on word of what changed, to this process and to others. Word may be lost:
/// [`FACTS_GOOD_FOR`] covers for it.
pub trait TellFacts: Send + Sync + 'static {
    /// Tells everybody, without waiting for it.
    fn tell(&self, tenant: &TenantId, changed: &[ChangedFact]);
}

/// There is nobody else to be told.
#[derive(Debug, Clone, Copy)]
pub struct NobodyElse;

impl TellFacts for NobodyElse {
    fn tell(&self, _: &TenantId, _: &[ChangedFact]) {}
}

/// What all tenants of a process remember together, by kind.
#[derive(Debug, Clone)]
pub struct FactsTotals {
    /// Of sessions.
    pub sessions: Arc<RememberedTotals>,
    /// Of revocations.
    pub revocations: Arc<RememberedTotals>,
    /// Of stored clients.
    pub clients: Arc<RememberedTotals>,
    /// Of people that tokens are about.
    pub people: Arc<RememberedTotals>,
}

impl FactsTotals {
    /// Nothing yet, and room for so many bytes of each kind.
    pub fn new(most_bytes: usize) -> Self {
        Self {
            sessions: RememberedTotals::new(most_bytes),
            revocations: RememberedTotals::new(most_bytes),
            clients: RememberedTotals::new(most_bytes),
            people: RememberedTotals::new(most_bytes),
        }
    }
}

/// How much a tenant remembers, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct FactsUse {
    /// Of sessions.
    pub sessions: RememberedUse,
    /// Of revocations.
    pub revocations: RememberedUse,
    /// Of stored clients.
    pub clients: RememberedUse,
    /// Of people that tokens are about.
    pub people: RememberedUse,
}

/// What a process remembers of one tenant's rows. Its actor opens and closes it; requests use it.
///
/// It answers for a request that reads. What is decided once, or written, reads the row.
pub struct TenantFacts {
    tenant: TenantId,
    /// Sessions by the hash of their cookie.
    pub sessions: Remembered<SessionFact>,
    /// Families of tokens, by their grant.
    pub revocations: Remembered<RevocationFact>,
    /// Stored clients, by their id.
    pub clients: Remembered<ClientFact>,
    /// People that tokens are about, by the family of the tokens.
    pub people: Remembered<PersonFact>,
    /// Which clients rest at which address, after wrong secrets.
    pub rests: Rests,
    told: Arc<dyn TellFacts>,
}

impl TenantFacts {
    /// Opens an empty one, with so much room for each kind.
    pub fn open(
        tenant: TenantId,
        bound: RememberedBound,
        totals: &FactsTotals,
        told: Arc<dyn TellFacts>,
    ) -> Self {
        Self {
            tenant,
            sessions: Remembered::new(bound, Arc::clone(&totals.sessions)),
            revocations: Remembered::new(bound, Arc::clone(&totals.revocations)),
            clients: Remembered::new(bound, Arc::clone(&totals.clients)),
            people: Remembered::new(bound, Arc::clone(&totals.people)),
            rests: Rests::default(),
            told,
        }
    }

    /// Whose they are.
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// One in a process that is alone.
    pub fn alone(tenant: TenantId) -> Self {
        let (bound, totals) = (RememberedBound::of(1_000), FactsTotals::new(usize::MAX));
        Self::open(tenant, bound, &totals, Arc::new(NobodyElse))
    }

    /// To be held while `changes` are committed, and dropped before the answer is given: then what
    /// they change is forgotten here and word of it goes out, whether or not anybody heard how the
    /// commit ended.
    #[must_use = "what changes is forgotten when this is dropped"]
    pub fn changing(&self, changes: &Changes) -> ChangingFacts<'_> {
        let cookies = changes.begun.iter().chain(&changes.prolonged);
        let ended = changes.ended.iter();
        let ended = ended.map(|session| ChangedFact::Session(session.cookie));
        let revoked = changes.revoked.iter();
        let revoked = revoked.map(|family| ChangedFact::Grant(family.grant.clone()));
        ChangingFacts {
            facts: self,
            here: cookies.map(|(cookie, _)| *cookie).collect(),
            everywhere: ended.chain(revoked).collect(),
        }
    }

    /// The same while a stored client is written.
    #[must_use = "what changes is forgotten when this is dropped"]
    pub fn changing_client(&self, id: &ClientId) -> ChangingFacts<'_> {
        ChangingFacts {
            facts: self,
            here: Vec::new(),
            everywhere: vec![ChangedFact::Client(id.clone())],
        }
    }

    /// Forgets what changed.
    pub fn forget(&self, changed: &[ChangedFact]) {
        for fact in changed {
            match fact {
                ChangedFact::Session(cookie) => self.sessions.forget(cookie),
                ChangedFact::Grant(grant) => self.revocations.forget(grant),
                ChangedFact::Client(client) => self.clients.forget(client),
            }
        }
    }

    /// Forgets everything, and goes on.
    pub fn clear(&self) {
        self.sessions.clear();
        self.revocations.clear();
        self.clients.clear();
        self.people.clear();
    }

    /// Forgets everything, and remembers nothing any more.
    pub fn close(&self) {
        self.sessions.close();
        self.revocations.close();
        self.clients.close();
        self.people.close();
    }

    /// From now on there is so much room for each kind.
    pub fn set_bound(&self, bound: RememberedBound) {
        self.sessions.set_bound(bound);
        self.revocations.set_bound(bound);
        self.clients.set_bound(bound);
        self.people.set_bound(bound);
    }

    /// Removes what has ended.
    pub fn sweep(&self, now: Monotonic) {
        self.sessions.sweep(now);
        self.revocations.sweep(now);
        self.clients.sweep(now);
        self.people.sweep(now);
    }

    /// How much there is now.
    pub fn usage(&self) -> FactsUse {
        FactsUse {
            sessions: self.sessions.usage(),
            revocations: self.revocations.usage(),
            clients: self.clients.usage(),
            people: self.people.usage(),
        }
    }
}

impl std::fmt::Debug for TenantFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantFacts")
            .field("tenant", &self.tenant)
            .field("use", &self.usage())
            .finish_non_exhaustive()
    }
}

/// Facts that are being changed.
pub struct ChangingFacts<'f> {
    facts: &'f TenantFacts,
    /// Sessions that become others, which no other process needs to hear: whoever writes one reads
    /// it first.
    here: Vec<TokenHash>,
    everywhere: Vec<ChangedFact>,
}

impl Drop for ChangingFacts<'_> {
    fn drop(&mut self) {
        for cookie in &self.here {
            self.facts.sessions.forget(cookie);
        }
        if !self.everywhere.is_empty() {
            self.facts.forget(&self.everywhere);
            self.facts.told.tell(&self.facts.tenant, &self.everywhere);
        }
    }
}

impl Fact for SessionFact {
    type Key = TokenHash;

    fn good_for(&self) -> Duration {
        match self.0 {
            Some(_) => FACTS_GOOD_FOR,
            None => Duration::ZERO,
        }
    }

    fn bytes_beside(&self, _: &TokenHash) -> usize {
        self.0.as_deref().map_or(0, bytes_of_session)
    }
}

impl Fact for RevocationFact {
    type Key = GrantId;

    fn good_for(&self) -> Duration {
        if self.0 {
            FINAL_GOOD_FOR
        } else {
            FACTS_GOOD_FOR
        }
    }

    fn is_final(&self) -> bool {
        self.0
    }

    fn bytes_beside(&self, grant: &GrantId) -> usize {
        2 * size_of::<usize>() + grant.as_str().len()
    }
}

impl Fact for PersonFact {
    type Key = GrantId;

    fn good_for(&self) -> Duration {
        match self.0 {
            Some(_) => FACTS_GOOD_FOR,
            None => Duration::ZERO,
        }
    }

    fn bytes_beside(&self, grant: &GrantId) -> usize {
        let claims = self.0.as_deref().map_or(0, |claims| {
            size_of::<IdentityClaims>() + bytes_of_claims(claims)
        });
        4 * size_of::<usize>() + grant.as_str().len() + claims
    }
}

impl Fact for ClientFact {
    type Key = ClientId;

    fn good_for(&self) -> Duration {
        match self {
            Self::Good(_) | Self::Refused => FACTS_GOOD_FOR,
            Self::Nobody => Duration::ZERO,
        }
    }

    fn bytes_beside(&self, id: &ClientId) -> usize {
        let client = match self {
            Self::Good(client) => bytes_of_client(client),
            Self::Refused | Self::Nobody => 0,
        };
        2 * size_of::<usize>() + id.as_str().len() + client
    }
}

/// What a client takes in memory: its members, the texts behind them, and the counters of the `Arc`.
fn bytes_of_client(client: &Client) -> usize {
    let Client {
        id: _,
        name,
        secrets,
        public: _,
        redirect_uris,
        post_logout_redirect_uris,
        trusted_peers,
        allowed_connectors,
        grant_types,
        skip_approval: _,
        require_pkce: _,
        sso_shared_with,
        id_token_signed_response_alg: _,
        access_token_signed_response_alg: _,
        logout,
        scopes,
        resources,
        own_groups,
        token_exchange,
        introspection: _,
        request_objects,
    } = client;
    let texts = redirect_uris
        .iter()
        .chain(post_logout_redirect_uris)
        .chain(sso_shared_with.iter().flatten())
        .chain(&logout.backchannel_logout_uri)
        .chain(&logout.frontchannel_logout_uri)
        .chain(scopes.iter().flatten())
        .chain(resources)
        .chain(own_groups);
    let texts: usize = texts.map(|text| size_of::<String>() + text.len()).sum();
    let peers = trusted_peers.iter();
    let peers: usize = peers.map(|id| size_of_val(id) + id.as_str().len()).sum();
    let connectors = allowed_connectors.iter();
    let connectors: usize = connectors
        .map(|id| size_of_val(id) + id.as_str().len())
        .sum();
    let exchange = token_exchange.as_ref().map_or(0, |policy| {
        let texts = policy.texts().map(|text| size_of::<String>() + text.len());
        size_of_val(&**policy) + texts.sum::<usize>()
    });
    let objects = request_objects.as_deref();
    let objects = objects.map_or(0, |objects| size_of_val(objects) + objects.bytes_beside());
    size_of::<Client>()
        + exchange
        + 2 * size_of::<usize>()
        + objects
        + name.len()
        + size_of_val(secrets.as_slice())
        + size_of_val(grant_types.as_slice())
        + texts
        + peers
        + connectors
}

/// What a session takes in memory: its members, the texts behind them, and the counters of the `Arc`.
fn bytes_of_session(session: &BrowserSession) -> usize {
    let BrowserSession {
        id,
        connector_id,
        claims,
        auth_time: _,
        amr,
        acr,
        clients,
        earlier,
        last_seen_at: _,
        expires_at: _,
    } = session;
    let texts = |list: &[String]| -> usize {
        let each = list.iter().map(|text| size_of::<String>() + text.len());
        each.sum()
    };
    let earlier_ids = earlier.iter();
    let earlier_ids: usize = earlier_ids
        .map(|one| size_of_val(one) + one.id.as_str().len())
        .sum();
    let clients = clients.iter();
    let clients = clients.chain(earlier.iter().flat_map(|one| &one.clients));
    let clients: usize = clients.map(|id| size_of_val(id) + id.as_str().len()).sum();
    size_of::<BrowserSession>()
        + 2 * size_of::<usize>()
        + id.as_str().len()
        + connector_id.as_str().len()
        + bytes_of_claims(claims)
        + texts(amr)
        + acr.as_ref().map_or(0, String::len)
        + clients
        + earlier_ids
}

fn bytes_of_claims(claims: &IdentityClaims) -> usize {
    let IdentityClaims {
        user_id,
        username,
        preferred_username,
        email,
        email_verified: _,
        groups,
        details,
    } = claims;
    let groups = groups.iter();
    let groups: usize = groups.map(|group| size_of::<String>() + group.len()).sum();
    // Few people have details, whose length is bounded: they count as if it were used up.
    let details = details.as_ref();
    let details = details.map_or(0, |details| {
        size_of_val::<PersonDetails>(details) + PersonDetails::LONGEST_OF_ALL
    });
    user_id.as_str().len()
        + username.len()
        + preferred_username.len()
        + email.len()
        + groups
        + details
}

#[cfg(test)]
mod tests;
