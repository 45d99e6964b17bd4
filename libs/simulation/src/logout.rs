//! Clients are told of logouts by nodes that may end before they are done.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use async_trait::async_trait;
use insula_connector_kit::{NotPosted, PostForm};
use insula_engine::subject;
use insula_flows::FlowError;
use insula_flows::backchannel::{LogoutTold, tell_next};
use insula_model::ClientId;
use insula_oauth::Params;

use crate::judge::{claims_of, text_of};
use crate::tenants::{CLIENTS, TENANTS, told_at};
use crate::truth::{Moment, Promise, Session, Violation};
use crate::wire::{CallEnd, Wire};
use crate::world::World;

/// A node gives a notice up after a day by its clock.
const TOLD_FOR_MS: u64 = 22 * 3_600_000;

/// What a node is telling a client.
pub(crate) type Telling =
    Pin<Box<dyn Future<Output = Result<Option<LogoutTold>, FlowError>> + Send>>;

/// Where the clients of all tenants hear of logouts.
#[derive(Clone)]
pub(crate) struct Mailbox {
    wire: Arc<Wire>,
    posted: Arc<Mutex<Vec<(String, String)>>>,
}

impl Mailbox {
    pub(crate) fn new(wire: Arc<Wire>) -> Self {
        Self {
            wire,
            posted: Arc::default(),
        }
    }

    fn take(&self) -> Vec<(String, String)> {
        let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut posted)
    }
}

#[async_trait]
impl PostForm for Mailbox {
    async fn post_form(&self, url: &str, form: String) -> Result<u16, NotPosted> {
        let post = async {
            let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
            posted.push((url.to_owned(), form));
            Ok(200)
        };
        let answer = self.wire.carry("post_form", post).await;
        answer.map_err(|error| NotPosted(error.to_string()))
    }
}

/// A login of a client that a person had through a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientLogin {
    pub(crate) tenant: usize,
    pub(crate) client: String,
    pub(crate) person: String,
    pub(crate) sid: String,
}

/// Which logins clients have, and of the end of which they were told.
#[derive(Default)]
pub(crate) struct Logins {
    /// All that were ever told in an ID token.
    pub(crate) known: BTreeSet<ClientLogin>,
    told: BTreeSet<ClientLogin>,
    /// Those that ended, and whose client may not have been told yet.
    ended: Vec<(ClientLogin, Moment)>,
    /// How often a client was told.
    pub(crate) tellings: u64,
}

impl World {
    pub(crate) fn is_telling(&self, node: usize) -> bool {
        self.nodes
            .get(node)
            .is_some_and(|node| node.telling.is_some())
    }

    /// A node begins to tell a client.
    pub(crate) fn tell(
        &mut self,
        node: usize,
        tenant: usize,
        client: usize,
    ) -> Result<(), Violation> {
        if self.is_telling(node) {
            return Ok(());
        }
        let mailbox = self.mailbox.clone();
        let client = CLIENTS.get(client).and_then(|id| ClientId::parse(id).ok());
        let number = node;
        let (Some(client), Some(node)) = (client, self.nodes.get_mut(number)) else {
            return Ok(());
        };
        let Some(view) = node.tenant(tenant) else {
            return Ok(());
        };
        let telling = async move { tell_next(&view, &client, &mailbox).await };
        node.telling = Some(Box::pin(telling));
        self.tell_on(number, CallEnd::Succeeds)
    }

    /// What a node tells goes on to its next stop.
    pub(crate) fn tell_on(&mut self, number: usize, end: CallEnd) -> Result<(), Violation> {
        let wire = Arc::clone(&self.wire);
        let Some(node) = self.nodes.get_mut(number) else {
            return Ok(());
        };
        let Some(telling) = &mut node.telling else {
            return Ok(());
        };
        wire.decide(end);
        let polled = telling
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        wire.decide(CallEnd::Succeeds);
        wire.traffic();
        if polled.is_ready() {
            node.telling = None;
        }
        for (url, form) in self.mailbox.take() {
            self.judge_telling(&url, &form)?;
        }
        Ok(())
    }

    /// A client is told of a logout: had that login ended, and is it the client's?
    fn judge_telling(&mut self, url: &str, form: &str) -> Result<(), Violation> {
        let params = Params::parse(form).unwrap_or_default();
        let claims = claims_of(params.get("logout_token").unwrap_or_default());
        let pairs = (0..TENANTS).flat_map(|tenant| CLIENTS.map(|client| (tenant, client)));
        let addressed = pairs
            .into_iter()
            .find(|(tenant, client)| told_at(*tenant, client) == url);
        let broken = |why: &str| Promise::LogoutTold.broken(format!("{why}: {url} {claims}"));
        let (tenant, client) = addressed.ok_or_else(|| broken("nobody is told there"))?;
        let spec = self.configuration.specs.get(tenant);
        let issuer = spec.map(|spec| spec.issuer.as_str());
        let person = text_of(&claims, "sub").and_then(subject::decode);
        let (Some(sid), Some((person, _))) = (text_of(&claims, "sid"), person) else {
            return Err(broken("a logout names nobody"));
        };
        if text_of(&claims, "iss") != issuer || text_of(&claims, "aud") != Some(client) {
            return Err(broken(
                "a client is told by another tenant, or for another client",
            ));
        }
        let told = ClientLogin {
            tenant,
            client: client.to_owned(),
            person: person.as_str().to_owned(),
            sid: sid.to_owned(),
        };
        let mut others = self.logins.known.iter().filter(|login| login.sid == sid);
        if others.any(|login| login.tenant != tenant || login.person != told.person) {
            return Err(broken("a client is told of somebody else's logout"));
        }
        let lives = |session: &Session| {
            session.excused.is_none() && session.logins.iter().any(|login| login == sid)
        };
        let mut sessions = self
            .agents
            .iter()
            .filter_map(|agent| agent.session.as_ref());
        if sessions.any(lives) {
            return Err(broken(
                "a client is told of a logout, and the session lives",
            ));
        }
        self.logins.tellings += 1;
        self.logins.told.insert(told);
        Ok(())
    }

    /// A client learned from an ID token by which name it has a login through a session.
    pub(crate) fn note_login(&mut self, number: usize, code: Option<usize>, id_token: &str) {
        let claims = claims_of(id_token);
        let Some(sid) = text_of(&claims, "sid") else {
            return;
        };
        let session = code.and_then(|code| self.codes.get(code)?.session);
        let Some(agent) = self.agents.get_mut(number) else {
            return;
        };
        self.logins.known.insert(ClientLogin {
            tenant: agent.tenant,
            client: agent.client.to_owned(),
            person: agent.name.clone(),
            sid: sid.to_owned(),
        });
        if let Some(own) = &mut agent.session
            && Some(own.cookie.hash()) == session
            && !own.logins.iter().any(|known| known == sid)
        {
            own.logins.push(sid.to_owned());
        }
    }

    /// A browser was told that it is logged out: all that was logged in through its session must be told.
    pub(crate) fn note_logout(&mut self, number: usize, session: &Session) {
        let now = self.now();
        let is_by_person = session.excused == Some(BY_PERSON);
        let Some(agent) = self.agents.get(number) else {
            return;
        };
        if !is_by_person || !session.surely_lives(now) {
            return;
        }
        for sid in &session.logins {
            let login = ClientLogin {
                tenant: agent.tenant,
                client: agent.client.to_owned(),
                person: agent.name.clone(),
                sid: sid.clone(),
            };
            self.logins.ended.push((login, now));
        }
    }

    /// While a tenant changes its clients come and go: one that is gone is told nothing.
    pub(crate) fn excuse_logouts_of(&mut self, tenant: usize) {
        self.logins
            .ended
            .retain(|(login, _)| login.tenant != tenant);
    }

    /// Looks whether each client that was not told of a logout is going to be.
    pub(crate) fn audit_logouts(&mut self) -> Result<(), Violation> {
        let now = self.now();
        let told = &self.logins.told;
        self.logins.ended.retain(|(login, since)| {
            now.surely_within(*since, TOLD_FOR_MS) && !told.contains(login)
        });
        for (login, _) in &self.logins.ended {
            let Some(spec) = self.configuration.specs.get(login.tenant) else {
                continue;
            };
            let mut waiting = self.durable.waiting_logouts(&spec.id).into_iter();
            let is_it = |client: &str, sid: &str| client == login.client && sid == login.sid;
            if !waiting.any(|notice| is_it(notice.client.as_str(), notice.session.as_str())) {
                let what = format!("nobody tells a client of a logout: {login:?}");
                return Err(Promise::LogoutTold.broken(what));
            }
        }
        Ok(())
    }
}

/// Why a session need not stand whose person logs out.
pub(crate) const BY_PERSON: &str = "its person logs out";
