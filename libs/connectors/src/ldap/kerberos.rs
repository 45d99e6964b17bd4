use std::time::Duration;

use data_encoding::HEXLOWER;
use insula_ambient::{Timestamp, read_base64};
use insula_connector_kit::{
    ConnectorError, Negotiated, Negotiation, Once, OpenContext, UpstreamIdentity,
};
use insula_jose::sha256;
use insula_kerberos::{Accepted, Acceptor, Keytab, Principal, Realms};
use insula_secret::Secret;
use serde::Deserialize;
use tracing::warn;

use super::People;
use super::trouble::Trouble;
use crate::settings::{Kind, Setting};

/// How far clocks may be apart, in seconds, where the settings do not say.
const SKEW: i64 = 300;
/// The furthest they may be: for twice as long every token is remembered.
const MOST_SKEW: i64 = 3600;

/// The word of RFC 8176 for who logged in to their machine, and by that here.
const INTEGRATED: &str = "wia";

pub(super) const KERBEROS: &[Setting] = &[
    Setting("enabled", Kind::Flag),
    Setting("keytabPath", Kind::Text),
    Setting("spn", Kind::Text),
    Setting("keytabPrincipal", Kind::Text),
    Setting("maxClockSkew", Kind::Whole),
    Setting("expectedRealm", Kind::Texts),
    Setting("usernameFromPrincipal", Kind::Text),
    Setting("fallbackToPassword", Kind::Flag),
];

/// Which tickets are taken in place of a password.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Kerberos {
    enabled: bool,
    /// The keytab in base64: a path was replaced by what is there when the tenant was read.
    keytab_path: Secret<str>,
    spn: String,
    keytab_principal: String,
    max_clock_skew: i64,
    expected_realm: Vec<String>,
    username_from_principal: String,
    fallback_to_password: bool,
}

impl Kerberos {
    /// What is wrong with what they say.
    pub(super) fn judge(&self, problems: &mut Vec<String>) {
        if !self.enabled {
            return;
        }
        let mut refuse = |problem: String| problems.push(problem);
        let named = [
            ("spn", &self.spn),
            ("keytabPrincipal", &self.keytab_principal),
        ];
        for (name, text) in named {
            if !text.is_empty() && Principal::parse(text).is_none() {
                refuse(format!(
                    "kerberos.{name} must be the name of a service, such as HTTP/login.example, with or \
                     without @REALM"
                ));
            }
        }
        if !(0..=MOST_SKEW).contains(&self.max_clock_skew) {
            refuse(format!(
                "kerberos.maxClockSkew must be between 1 and {MOST_SKEW} seconds; {SKEW} is usual"
            ));
        }
        if self.mapping().is_none() {
            refuse(
                "kerberos.usernameFromPrincipal must be localpart, sAMAccountName or \
                 userPrincipalName"
                    .to_owned(),
            );
        }
        match self.keytab() {
            Err(problem) => refuse(problem),
            Ok(keytab) => {
                let of = self.keys_of().or_else(|| Principal::parse(&self.spn));
                if let Some(of) = of.filter(|of| !keytab.has_keys_of(of)) {
                    refuse(format!(
                        "kerberos.keytabPath: the keytab has no key of {of}, only of {}",
                        keytab.principals().join(", ")
                    ));
                }
            }
        }
    }

    /// What is written but has no effect, and why.
    pub(super) fn ignored(&self) -> Option<&'static str> {
        let is_written = !self.keytab_path.reveal().is_empty() || self.fallback_to_password;
        (is_written && !self.enabled).then_some(
            "kerberos without enabled: true, or with a keytab that cannot be read: people are asked \
             for passwords",
        )
    }

    /// What takes tickets; nothing if none is to.
    pub(super) fn tickets(
        &self,
        connector: &str,
        ctx: &OpenContext,
    ) -> Result<Option<Tickets>, ConnectorError> {
        if !self.enabled {
            return Ok(None);
        }
        let keytab = self.keytab().map_err(ConnectorError::Settings)?;
        let takes_any = ctx.rules.takes_any_ticket_of_keytab;
        let service = if self.spn.is_empty() {
            let host = ctx.issuer.host();
            (!takes_any).then(|| Principal::parse(&format!("HTTP/{host}")))
        } else {
            Some(Principal::parse(&self.spn))
        };
        let service = service.flatten();
        let keys_of = self.keys_of();
        let keys = keys_of.as_ref().or(service.as_ref());
        if let Some(of) = keys.filter(|of| !keytab.has_keys_of(of)) {
            let held = keytab.principals().join(", ");
            warn!(
                connector.id = %connector,
                "connector {connector} takes no ticket: its keytab has no key of {of}, only of {held}; \
                 name the service that browsers come to as kerberos.spn"
            );
        }
        let realms = match (self.expected_realm.as_slice(), takes_any) {
            ([], true) => Realms::Any,
            ([], false) => Realms::OfService,
            (realms, _) => Realms::OneOf(realms.to_vec()),
        };
        let skew = if self.max_clock_skew == 0 {
            SKEW
        } else {
            self.max_clock_skew
        };
        Ok(Some(Tickets {
            acceptor: Acceptor {
                keytab,
                service,
                keys_of,
                realms,
                skew: Duration::from_secs(skew.unsigned_abs()),
            },
            mapping: self.mapping().unwrap_or_default(),
            negotiation: Negotiation {
                form_without_ticket: self.fallback_to_password,
            },
        }))
    }

    fn keytab(&self) -> Result<Keytab, String> {
        let text = self.keytab_path.reveal().trim();
        if text.is_empty() {
            return Err(
                "kerberos.keytabPath is missing: name the keytab of the service, or write \
                 kerberos.enabled: false"
                    .to_owned(),
            );
        }
        let bytes = Secret::from(read_base64(text).unwrap_or_default());
        Keytab::parse(bytes.reveal()).map_err(|why| format!("kerberos.keytabPath {why}"))
    }

    fn keys_of(&self) -> Option<Principal> {
        Principal::parse(&self.keytab_principal)
    }

    fn mapping(&self) -> Option<Mapping> {
        let text = &self.username_from_principal;
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if text.is_empty() || is("localpart") || is("sAMAccountName") {
            Some(Mapping::LocalPart)
        } else {
            is("userPrincipalName").then_some(Mapping::Whole)
        }
    }
}

/// What of a principal is looked up in the directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mapping {
    /// `jane`
    #[default]
    LocalPart,
    /// `jane@ACME.EXAMPLE`
    Whole,
}

/// What takes tickets.
pub(super) struct Tickets {
    acceptor: Acceptor,
    mapping: Mapping,
    negotiation: Negotiation,
}

/// A ticket that is good, of somebody who is to be found yet.
pub(super) struct Ticket {
    /// By what they are looked up.
    pub(super) name: String,
    accepted: Accepted,
    remembered: Duration,
}

impl Tickets {
    pub(super) fn negotiation(&self) -> Negotiation {
        self.negotiation
    }

    /// Whose ticket it is.
    pub(super) fn read(&self, token: &[u8], now: Timestamp) -> Result<Ticket, ConnectorError> {
        let accepted = self.acceptor.accept(token, now);
        let accepted = accepted.map_err(|why| ConnectorError::BadReply(why.to_string()))?;
        let name = match self.mapping {
            Mapping::LocalPart => accepted.client.name.clone(),
            Mapping::Whole => accepted.client.to_string(),
        };
        Ok(Ticket {
            name,
            accepted,
            // It may be ahead of our clock by the skew, and is taken until it is behind by it.
            remembered: self.acceptor.skew * 2,
        })
    }
}

impl Ticket {
    /// Who it is, if the directory knows them, and does not say why they may not log in.
    pub(super) fn of(
        self,
        found: Result<UpstreamIdentity, &'static str>,
    ) -> Result<Negotiated, ConnectorError> {
        let Accepted {
            client,
            authenticator,
            answer,
        } = self.accepted;
        let identity = found.map_err(|why| {
            ConnectorError::Denied(format!("{client} is proven by a ticket, but {why}"))
        })?;
        Ok(Negotiated {
            identity,
            answer,
            once: Once {
                mark: HEXLOWER.encode(&sha256(&authenticator)),
                remembered: self.remembered,
            },
        })
    }
}

impl People {
    /// Who has this name, or why nobody does. Nobody binds as them: what the realm knew when it gave the
    /// ticket may have changed since.
    pub(super) async fn of_ticket(
        &self,
        name: &str,
        groups: bool,
    ) -> Result<Result<UpstreamIdentity, &'static str>, Trouble> {
        let mut session = self.directory.open().await?;
        let filter = self.person.filter_by_name(name);
        let identity = match self.one(&mut session, filter).await? {
            None => Err("the directory has no entry of that name"),
            Some(entry) => match self.closed(&entry) {
                Some(why) => Err(why),
                None => {
                    let mut found = self.identity(&mut session, entry, name, groups).await?;
                    found.amr = vec![INTEGRATED.to_owned()];
                    Ok(found)
                }
            },
        };
        session.keep();
        Ok(identity)
    }
}
