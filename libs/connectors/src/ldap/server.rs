use std::io;
use std::sync::Arc;
use std::time::Duration;

use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::exop::Exop;
use ldap3::{
    DerefAliases, Ldap, LdapConnAsync, LdapConnSettings, LdapError, SearchEntry, SearchOptions,
    StdStream,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::info;

use super::Search;
use super::entry::Entry;
use super::policy::{self, Policy};
use super::trouble::{Trouble, of_result};
use super::wire::carry;
use crate::http::{NoAddress, OutboundPolicy, resolve};

/// How many entries are asked for at once (RFC 2696); Active Directory gives no more than 1000.
const PAGE: i32 = 500;
/// How many entries one search may find.
const MOST_ENTRIES: usize = 10_000;

/// The name of the request for encryption (RFC 4511 §4.14.1).
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// What the library speaks by, and what becomes of the stream when it is done.
type Conversation<S> = (Ldap, JoinHandle<io::Result<S>>);

/// How a directory is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// In the clear.
    Plain,
    /// Encrypted after a first question (RFC 4511 §4.14).
    StartTls,
    /// Encrypted from the first byte.
    Tls,
}

impl Mode {
    /// The usual port.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Plain | Self::StartTls => 389,
            Self::Tls => 636,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Plain => "in the clear",
            Self::StartTls => "by StartTLS",
            Self::Tls => "by LDAPS",
        }
    }

    /// What helps if the other end does not speak so.
    fn what_helps(self) -> &'static str {
        match self {
            Self::Plain => "; if this port is for LDAPS, remove insecureNoSSL",
            Self::StartTls => "; if this port is for LDAPS, remove startTLS",
            Self::Tls => "; if this port is not for LDAPS, set startTLS",
        }
    }
}

/// Where a directory is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) mode: Mode,
}

/// They say nothing, or nothing of use, for so long: so do some ports that are spoken to in another manner
/// than theirs.
pub(super) fn silent_for(places: &[Place], limit: Duration) -> Trouble {
    let named = places
        .iter()
        .map(|Place { host, port, .. }| format!("{host}:{port}"));
    let named = named.collect::<Vec<_>>().join(" and ");
    let mode = places.first().map_or(Mode::Tls, |place| place.mode);
    let (how, helps, ms) = (mode.words(), mode.what_helps(), limit.as_millis());
    Trouble::Silent(format!("no answer of {named} {how} within {ms} ms{helps}"))
}

/// The way to a directory.
pub(super) struct Server {
    pub(super) place: Place,
    /// How it is encrypted, if it is.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// What must stand in its certificate.
    pub(super) name: String,
    /// Which entries that stand for others are replaced by those.
    pub(super) aliases: DerefAliases,
    pub(super) policy: Arc<OutboundPolicy>,
    /// How long one address may take to answer at all; of several servers, each.
    pub(super) patience: Duration,
}

impl Server {
    /// A new connection, encrypted if it is to be, that nobody is bound to.
    pub(super) async fn connect(&self) -> Result<Ldap, Trouble> {
        let stream = self.stream().await?;
        match self.place.mode {
            Mode::Plain => Ok(self.converse(stream).await?.0),
            Mode::Tls => self.converse_encrypted(stream).await,
            Mode::StartTls => {
                let stream = self.start_tls(stream).await?;
                self.converse_encrypted(stream).await
            }
        }
    }

    async fn converse_encrypted(&self, stream: TcpStream) -> Result<Ldap, Trouble> {
        let name = ServerName::try_from(self.name.clone()).map_err(|_| {
            Trouble::Forbidden("host cannot be the name in a certificate".to_owned())
        })?;
        let tls = self
            .tls
            .clone()
            .ok_or_else(|| Trouble::Forbidden("nothing is said of how to encrypt".to_owned()))?;
        let encrypted = TlsConnector::from(tls).connect(name, stream);
        let encrypted = encrypted.await.map_err(|e| self.silent(&e))?;
        Ok(self.converse(encrypted).await?.0)
    }

    /// Asks for encryption, and gives the stream back when it may begin. What was sent before, and not
    /// asked for, could be anybody's: then there is no stream.
    async fn start_tls(&self, stream: TcpStream) -> Result<TcpStream, Trouble> {
        let (mut ldap, carried) = self.converse(stream).await?;
        let start = Exop {
            name: Some(START_TLS.to_owned()),
            val: None,
        };
        let answer = ldap.extended(start).await.map_err(|e| self.failed(&e))?;
        drop(ldap);
        match answer.1.rc {
            0 => {
                let stream = carried.await.map_err(io::Error::other).flatten();
                stream.map_err(|e| self.silent(&e))
            }
            code => Err(of_result(code, "StartTLS")),
        }
    }

    /// Has the library speak over a stream.
    async fn converse<S>(&self, stream: S) -> Result<Conversation<S>, Trouble>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let pair = UnixStream::pair().and_then(|(ours, its)| Ok((ours, its.into_std()?)));
        let (ours, its) = pair.map_err(|e| self.silent(&e))?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(its));
        let opened = LdapConnAsync::with_settings(settings, "ldapi:///").await;
        let (connection, ldap) = opened.map_err(|e| self.failed(&e))?;
        let Place { host, port, .. } = self.place.clone();
        let carried = tokio::spawn(async move {
            let carried = carry(stream, ours).await;
            if let Err(cause) = &carried {
                info!(%cause, "the conversation with {host}:{port} broke off: {cause}");
            }
            carried
        });
        tokio::spawn(connection.drive());
        Ok((ldap, carried))
    }

    /// Connects to an address that was judged, and to no other: the first one that answers.
    async fn stream(&self) -> Result<TcpStream, Trouble> {
        let Place { host, port, .. } = &self.place;
        let addresses = resolve(&self.policy, host, *port).await;
        let addresses = addresses.map_err(|no_address| match no_address {
            NoAddress::Refused(refused) => Trouble::Forbidden(refused.to_string()),
            NoAddress::Unknown(cause) => Trouble::Silent(format!("{host} is not found: {cause}")),
        })?;
        let mut why = self.silent(&io::ErrorKind::NotFound.into());
        for address in addresses {
            match timeout(self.patience, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(cause)) => why = self.silent(&cause),
                Err(_) => why = self.silent(&io::ErrorKind::TimedOut.into()),
            }
        }
        Err(why)
    }

    /// Binds (RFC 4513 §5.1) and says with which result code.
    pub(super) async fn bind(
        &self,
        ldap: &mut Ldap,
        dn: &str,
        password: &str,
    ) -> Result<Bound, Trouble> {
        ldap.with_controls(vec![policy::asked()]);
        let result = ldap.simple_bind(dn, password).await;
        let result = result.map_err(|e| self.failed(&e))?;
        Ok(Bound {
            code: result.rc,
            policy: Policy::of(&result.ctrls),
            text: result.text,
        })
    }

    /// Searches, and follows no referral.
    pub(super) async fn search(
        &self,
        ldap: &mut Ldap,
        search: &Search,
    ) -> Result<Vec<Entry>, Trouble> {
        type Adapters<'a> = Vec<Box<dyn Adapter<'a, String, Vec<String>> + 'a>>;
        let mut adapters: Adapters<'_> = vec![Box::new(EntriesOnly::new())];
        let mut options = SearchOptions::new().deref(self.aliases);
        if search.is_of_one {
            // A second one is seen, and no third is sent.
            options = options.sizelimit(2);
        } else {
            adapters.push(Box::new(PagedResults::new(PAGE)));
        }
        ldap.with_search_options(options);
        let mut stream = ldap
            .streaming_search_with(
                adapters,
                &search.base,
                search.scope,
                &search.filter,
                search.attributes.clone(),
            )
            .await
            .map_err(|e| self.failed(&e))?;
        let mut entries = Vec::new();
        while let Some(entry) = stream.next().await.map_err(|e| self.failed(&e))? {
            if entries.len() == MOST_ENTRIES {
                return Err(Trouble::TooMany);
            }
            entries.push(Entry::from(SearchEntry::construct(entry)));
        }
        match stream.finish().await.rc {
            0 => Ok(entries),
            4 if search.is_of_one => Ok(entries),
            code => Err(of_result(code, "a search")),
        }
    }

    fn failed(&self, error: &LdapError) -> Trouble {
        match error {
            LdapError::Io { source } => self.silent(source),
            LdapError::FilterParsing => Trouble::Forbidden(
                "a filter that the settings make is none; look at the names of attributes"
                    .to_owned(),
            ),
            _ => self.silent(&io::ErrorKind::ConnectionAborted.into()),
        }
    }

    fn silent(&self, cause: &io::Error) -> Trouble {
        use io::ErrorKind;
        let Place {
            host, port, mode, ..
        } = &self.place;
        // Talk in another manner than the port's ends in one of these.
        let is_misunderstanding = matches!(
            cause.kind(),
            ErrorKind::InvalidData
                | ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
        );
        let helps = match (is_misunderstanding, certificate_problem(cause)) {
            (_, true) => {
                "; set rootCA to the authority that signed the server's certificate, and host to a \
                 name that stands in it"
            }
            (true, false) => mode.what_helps(),
            (false, false) => "",
        };
        let how = mode.words();
        Trouble::Silent(format!(
            "{host}:{port} cannot be spoken to {how}: {cause}{helps}"
        ))
    }
}

fn certificate_problem(cause: &io::Error) -> bool {
    let inner = cause.get_ref();
    let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

/// What a directory says to a bind.
pub(super) struct Bound {
    pub(super) code: u32,
    /// What its password policy says.
    pub(super) policy: Policy,
    /// Its own words, for logs.
    pub(super) text: String,
}
