//! People of a directory: LDAP (RFC 4511), Active Directory.

mod account;
mod directory;
mod entry;
mod groups;
mod kerberos;
mod person;
mod policy;
mod probe;
mod refusal;
mod searches;
mod server;
mod servers;
mod settings;
mod tls;
mod trouble;
mod wall;
mod whole;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, Memory, Negotiated,
    Negotiation, OpenContext, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, Password};
use ldap3::{DerefAliases, Scope};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use self::directory::{Directory, Session, Verdict};
use self::entry::{Entry, is_constructed};
use self::groups::GroupRules;
use self::kerberos::Tickets;
use self::person::PersonRules;
use self::searches::or;
use self::server::Server;
use self::servers::Servers;
use self::settings::Settings;
use self::trouble::Trouble;
use self::wall::Wall;
use self::whole::{constructed, whole};
use crate::http::UpstreamHttp;

/// One question to a directory.
#[derive(Debug, Clone)]
struct Search {
    base: String,
    scope: Scope,
    filter: String,
    attributes: Vec<String>,
    /// More than one entry would be one too many.
    is_of_one: bool,
}

/// What answers questions.
#[async_trait]
trait Searches: Send {
    async fn search(&mut self, search: &Search) -> Result<Vec<Entry>, Trouble>;
}

/// Everything that is wrong with the settings.
pub(crate) fn check(spec: &ConnectorSpec) -> Vec<String> {
    Settings::read(&spec.config).problems(Settings::problems)
}

/// Asks for a name and a password, and a directory whether they belong together.
pub(crate) struct Ldap {
    prompt: String,
    wall: Wall,
    people: Arc<People>,
    tickets: Option<Tickets>,
}

/// The people of a directory.
struct People {
    directory: Directory,
    person: PersonRules,
    groups: Option<GroupRules>,
    /// Whether the directory was asked if it can find them so.
    is_probed: AtomicBool,
}

/// What is needed to find somebody again.
#[derive(Serialize, Deserialize)]
struct Known {
    dn: String,
    /// What they typed.
    username: String,
    /// Their id as the directory holds it, in hexadecimal.
    id: String,
}

impl Ldap {
    pub(crate) fn open(
        http: &UpstreamHttp,
        spec: &ConnectorSpec,
        ctx: &OpenContext,
    ) -> Result<Self, ConnectorError> {
        let settings = Settings::read(&spec.config).usable(Settings::problems)?;
        let id = spec.id.as_str();
        for ignored in settings.ignored() {
            warn!(connector.id = %id, "of connector {id} is without effect: {ignored}");
        }
        let places = settings.places().map_err(ConnectorError::Settings)?;
        let tls = if settings.is_encrypted() {
            Some(tls::client_config(&settings).map_err(ConnectorError::Settings)?)
        } else {
            None
        };
        // So that another server, or another address, has its turn before the person is told.
        let turns = u32::try_from(places.len() + 1).unwrap_or(u32::MAX);
        let servers = places.iter().map(|place| Server {
            place: place.clone(),
            tls: tls.clone(),
            name: or(&settings.tls_server_name, &place.host),
            aliases: settings.aliases().unwrap_or(DerefAliases::Never),
            policy: Arc::clone(http.policy()),
            patience: spec.timeout / turns,
        });
        let directory = Directory {
            connector: id.to_owned(),
            servers: Servers::new(id, servers),
            account: settings.bind_dn.clone(),
            password: settings.bind_pw.clone(),
            kept: Mutex::default(),
            most: usize::try_from(ctx.upstream_calls.max(1)).unwrap_or(1),
            clock: Arc::clone(&ctx.clock),
        };
        Ok(Self {
            prompt: settings.prompt(),
            tickets: settings.kerberos.tickets(id, ctx)?,
            wall: Wall::new(places, http, spec, ctx),
            people: Arc::new(People {
                directory,
                person: settings.user_search.rules(),
                groups: settings.group_search.rules(),
                is_probed: AtomicBool::new(false),
            }),
        })
    }
}

#[async_trait]
impl Connector for Ldap {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            password: true,
            exchange: false,
        }
    }

    fn negotiation(&self) -> Option<Negotiation> {
        self.tickets.as_ref().map(Tickets::negotiation)
    }

    async fn negotiate(
        &self,
        ctx: &LoginContext,
        token: &[u8],
    ) -> Result<Negotiated, ConnectorError> {
        let tickets = self.tickets.as_ref();
        let tickets = tickets.ok_or(ConnectorError::Unsupported("tickets"))?;
        let ticket = tickets.read(token, ctx.now)?;
        let (people, groups, name) = (Arc::clone(&self.people), ctx.groups, ticket.name.clone());
        let found = self
            .wall
            .run(async move { people.of_ticket(&name, groups).await })
            .await?;
        ticket.of(found)
    }

    async fn begin(&self, _ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        Ok(Challenge::AskPassword {
            label: self.prompt.clone(),
        })
    }

    async fn complete(
        &self,
        ctx: &LoginContext,
        _memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let Reply::Password { username, password } = reply else {
            return Err(ConnectorError::BadReply(
                "a password was asked for".to_owned(),
            ));
        };
        let username = username.trim().to_owned();
        // A directory takes an empty password for an anonymous bind, and says yes (RFC 4513 §5.1.2).
        if username.is_empty() || password.reveal().is_empty() {
            return Err(ConnectorError::WrongPassword);
        }
        let (people, groups) = (Arc::clone(&self.people), ctx.groups);
        let found = self
            .wall
            .run(async move { people.log_in(&username, &password, groups).await })
            .await?;
        found.ok_or(ConnectorError::WrongPassword)
    }

    async fn refresh(
        &self,
        ctx: &LoginContext,
        known: &UpstreamIdentity,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let data = known.connector_data.as_deref().unwrap_or_default();
        let Ok(before) = serde_json::from_slice::<Known>(data) else {
            return Err(gone("nothing is kept to find the person by"));
        };
        let (people, groups) = (Arc::clone(&self.people), ctx.groups);
        let must_stay = ctx.moved_entry_is_gone;
        let found = self
            .wall
            .run(async move { people.find_again(before, must_stay, groups).await })
            .await?;
        let mut now = found.map_err(gone)?;
        let (then, id) = (&known.claims.user_id, &mut now.claims.user_id);
        if !then.as_str().eq_ignore_ascii_case(id.as_str()) {
            return Err(gone("the login name belongs to another person now"));
        }
        // A directory that rewrites an id in other letters means the same person.
        *id = then.clone();
        now.amr.clone_from(&known.amr);
        Ok(now)
    }
}

fn gone(why: &str) -> ConnectorError {
    ConnectorError::Denied(why.to_owned())
}

impl People {
    /// Who has this name and this password; nobody, if they do not belong together.
    async fn log_in(
        &self,
        username: &str,
        password: &Password,
        groups: bool,
    ) -> Result<Option<UpstreamIdentity>, Trouble> {
        let mut session = self.directory.open().await?;
        let filter = self.person.filter_by_name(username);
        let Some(entry) = self.one(&mut session, filter).await? else {
            session.keep();
            // An unknown name must take as long as a wrong password.
            let nobody = format!("cn=nobody has this name,{}", self.person.base);
            self.directory.check(&nobody, password).await?;
            return Ok(None);
        };
        let verdict = self.directory.check(&entry.dn, password).await?;
        if verdict == Verdict::Wrong || self.closed(&entry).is_some() {
            session.keep();
            return Ok(None);
        }
        let identity = self.identity(&mut session, entry, username, groups).await?;
        session.keep();
        Ok(Some(identity))
    }

    /// Finds a person by their id; where that is their DN, by their name, as dex does. An entry that
    /// must stay where it was is not found elsewhere.
    async fn find_again(
        &self,
        known: Known,
        must_stay: bool,
        groups: bool,
    ) -> Result<Result<UpstreamIdentity, &'static str>, Trouble> {
        let id = HEXLOWER.decode(known.id.as_bytes()).unwrap_or_default();
        let filter = self.person.filter_by_id(&id);
        let filter = filter.unwrap_or_else(|| self.person.filter_by_name(&known.username));
        let mut session = self.directory.open().await?;
        let identity = match self.one(&mut session, filter).await? {
            None => Err("the person's entry is gone"),
            Some(entry) if must_stay && !entry.dn.eq_ignore_ascii_case(&known.dn) => {
                Err("the person's entry is no longer where it was")
            }
            Some(entry) => match self.closed(&entry) {
                Some(why) => Err(why),
                None => {
                    let name = &known.username;
                    Ok(self.identity(&mut session, entry, name, groups).await?)
                }
            },
        };
        session.keep();
        Ok(identity)
    }

    /// Why an entry may not be logged in as, if so: whoever comes without a password would not be told
    /// by the directory.
    fn closed(&self, entry: &Entry) -> Option<&'static str> {
        let why = account::closed(entry, self.directory.clock.now())?;
        let (id, dn) = (&self.directory.connector, &entry.dn);
        info!(connector.id = %id, dn, "connector {id}: nobody may log in as {dn}: {why}");
        Some(why)
    }

    /// The one entry that fits. Of several none is taken: the first would be anybody's.
    async fn one(
        &self,
        session: &mut Session<'_>,
        filter: String,
    ) -> Result<Option<Entry>, Trouble> {
        let more = self.groups.iter().flat_map(GroupRules::of_person);
        let more = more.filter(|name| !is_constructed(name));
        let search = Search {
            base: self.person.base.clone(),
            scope: self.person.scope,
            filter,
            attributes: self.person.attributes(more),
            is_of_one: true,
        };
        let mut found = session.search(&search).await?;
        if found.len() > 1 {
            let id = &self.directory.connector;
            let dns: Vec<_> = found.iter().map(|entry| entry.dn.as_str()).collect();
            warn!(
                connector.id = %id, dns = ?dns,
                "connector {id}: a login name leads to more than one entry: {}", dns.join(" and ")
            );
            return Err(Trouble::Unusable(
                "the login name leads to more than one entry; narrow userSearch by its filter or \
                 baseDN"
                    .to_owned(),
            ));
        }
        let Some(mut entry) = found.pop() else {
            return Ok(None);
        };
        whole(&mut entry, session).await?;
        Ok(Some(entry))
    }

    /// Warns once of a rule that the directory does not know: it would say nothing of it.
    async fn probe(&self, rules: &GroupRules, session: &mut Session<'_>) {
        if !rules.are_in_chain() || self.is_probed.swap(true, Ordering::Relaxed) {
            return;
        }
        if probe::knows_in_chain(session).await == Ok(false) {
            let id = &self.directory.connector;
            warn!(
                connector.id = %id,
                "connector {id}: groupSearch asks by Active Directory's rule 1.2.840.113556.1.4.1941, \
                 and this directory does not say that it is one; where people lack groups, use \
                 recursionGroupAttr instead"
            );
        }
    }

    async fn identity(
        &self,
        session: &mut Session<'_>,
        mut entry: Entry,
        username: &str,
        groups: bool,
    ) -> Result<UpstreamIdentity, Trouble> {
        let groups = match &self.groups {
            Some(rules) if groups => {
                self.probe(rules, session).await;
                constructed(rules, &mut entry, session).await?;
                rules.groups(&entry, session).await?
            }
            _ => Vec::new(),
        };
        let claims = self.person.claims(&entry, groups).inspect_err(|why| {
            let id = &self.directory.connector;
            warn!(connector.id = %id, dn = %entry.dn, ?why, "connector {id}: an entry cannot be used");
        })?;
        let id = self.person.raw_id(&entry).unwrap_or_default();
        let known = Known {
            username: username.to_owned(),
            id: HEXLOWER.encode(id),
            dn: entry.dn,
        };
        Ok(UpstreamIdentity {
            claims,
            connector_data: serde_json::to_vec(&known).ok(),
            amr: vec!["pwd".to_owned()],
            acr: None,
        })
    }
}

#[cfg(test)]
mod tests;
