use insula_secret::Secret;
use ldap3::DerefAliases;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::kerberos::{KERBEROS, Kerberos};
use super::searches::{GROUP_SEARCH, GroupSearch, USER_SEARCH, UserSearch, or};
use super::server::{Mode, Place};
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of an `ldap` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    host: String,
    hosts: Vec<String>,
    #[serde(rename = "tlsServerName")]
    pub(super) tls_server_name: String,
    dereference_aliases: String,
    #[serde(rename = "insecureNoSSL")]
    insecure_no_ssl: bool,
    #[serde(rename = "startTLS")]
    start_tls: bool,
    pub(super) insecure_skip_verify: bool,
    #[serde(rename = "rootCA")]
    root_ca: String,
    #[serde(rename = "rootCAData")]
    root_ca_data: String,
    pub(super) client_cert: String,
    pub(super) client_key: Secret<str>,
    #[serde(rename = "bindDN")]
    pub(super) bind_dn: String,
    #[serde(rename = "bindPW")]
    pub(super) bind_pw: Secret<str>,
    username_prompt: String,
    pub(super) user_search: UserSearch,
    pub(super) group_search: GroupSearch,
    pub(super) kerberos: Kerberos,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("host", Kind::Text),
    Setting("hosts", Kind::Texts),
    Setting("tlsServerName", Kind::Text),
    Setting("dereferenceAliases", Kind::Text),
    Setting("insecureNoSSL", Kind::Flag),
    Setting("startTLS", Kind::Flag),
    Setting("insecureSkipVerify", Kind::Flag),
    Setting("rootCA", Kind::Text),
    Setting("rootCAData", Kind::Text),
    Setting("clientCert", Kind::Text),
    Setting("clientKey", Kind::Text),
    Setting("bindDN", Kind::Text),
    Setting("bindPW", Kind::Text),
    Setting("usernamePrompt", Kind::Text),
    Setting("userSearch", Kind::Group(USER_SEARCH)),
    Setting("groupSearch", Kind::Group(GROUP_SEARCH)),
    Setting("kerberos", Kind::Group(KERBEROS)),
];

impl Settings {
    /// Reads the settings.
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(problem) = self.places() {
            problems.push(problem);
        }
        if ServerName::try_from(or(&self.tls_server_name, "localhost")).is_err() {
            problems.push("tlsServerName must be a name or an address without a port".to_owned());
        }
        if self.aliases().is_none() {
            problems
                .push("dereferenceAliases must be never, searching, finding or always".to_owned());
        }
        problems.extend(self.contradictions());
        if self.is_encrypted()
            && let Err(problem) = super::tls::client_config(self)
        {
            problems.push(problem);
        }
        self.user_search.judge(&mut problems);
        self.group_search.judge(&mut problems);
        self.kerberos.judge(&mut problems);
        problems
    }

    fn contradictions(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut refuse = |problem: &str| problems.push(problem.to_owned());
        if self.start_tls && self.insecure_no_ssl {
            refuse(
                "startTLS and insecureNoSSL contradict each other; remove insecureNoSSL to encrypt \
                 the connection, or startTLS to leave it in the clear",
            );
        }
        match (
            self.client_cert.is_empty(),
            self.client_key.reveal().is_empty(),
        ) {
            (false, true) => refuse("clientCert needs clientKey, the key that belongs to it"),
            (true, false) => refuse("clientKey needs clientCert, the certificate it belongs to"),
            _ => {}
        }
        match (self.bind_dn.is_empty(), self.bind_pw.reveal().is_empty()) {
            (false, true) => refuse(
                "bindDN needs bindPW: a directory takes a bind without a password for an anonymous \
                 one",
            ),
            (true, false) => refuse("bindPW needs bindDN, the entry whose password it is"),
            _ => {}
        }
        problems
    }

    /// What is written but has no effect, and why.
    pub(super) fn ignored(&self) -> Vec<&'static str> {
        let mut ignored = Vec::new();
        let mut ignore = |is_ignored: bool, why| {
            if is_ignored {
                ignored.push(why);
            }
        };
        let has_root = self.root().is_some();
        ignore(
            !self.root_ca.is_empty() && !self.root_ca_data.is_empty(),
            "rootCA beside rootCAData: the latter is used",
        );
        ignore(
            !self.is_encrypted()
                && (has_root || self.insecure_skip_verify || !self.client_cert.is_empty()),
            "rootCA, rootCAData, insecureSkipVerify and clientCert with insecureNoSSL: nothing is \
             encrypted",
        );
        ignore(
            !self.tls_server_name.is_empty() && (!self.is_encrypted() || self.insecure_skip_verify),
            "tlsServerName where no certificate is looked at",
        );
        ignore(
            self.insecure_skip_verify && has_root,
            "rootCA and rootCAData with insecureSkipVerify: every certificate is believed",
        );
        ignored.extend(self.group_search.ignored());
        ignored.extend(self.kerberos.ignored());
        ignored
    }

    /// Whether what is said to the directory is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        !self.insecure_no_ssl
    }

    /// The certificate authorities to trust instead of the machine's, and the setting that names them.
    pub(super) fn root(&self) -> Option<(&'static str, &str)> {
        [
            ("rootCAData", self.root_ca_data.as_str()),
            ("rootCA", self.root_ca.as_str()),
        ]
        .into_iter()
        .find(|(_, text)| !text.is_empty())
    }

    /// What the first field of the form is called.
    pub(super) fn prompt(&self) -> String {
        or(&self.username_prompt, "Username")
    }

    /// Which aliases are followed (RFC 4511 §4.5.1.3).
    pub(super) fn aliases(&self) -> Option<DerefAliases> {
        match self.dereference_aliases.as_str() {
            "" | "never" => Some(DerefAliases::Never),
            "searching" => Some(DerefAliases::Searching),
            "finding" => Some(DerefAliases::Finding),
            "always" => Some(DerefAliases::Always),
            _ => None,
        }
    }

    /// Where the servers of the directory are, and how they are spoken to.
    pub(super) fn places(&self) -> Result<Vec<Place>, String> {
        let host = Some(("host".to_owned(), &self.host)).filter(|(_, host)| !host.is_empty());
        let hosts = self.hosts.iter().enumerate();
        let hosts = hosts.map(|(at, host)| (format!("hosts[{at}]"), host));
        let all = host.into_iter().chain(hosts);
        let all: Vec<_> = all.map(|(name, host)| self.place(&name, host)).collect();
        if all.is_empty() {
            return Err("host is missing".to_owned());
        }
        all.into_iter().collect()
    }

    fn place(&self, name: &str, host: &str) -> Result<Place, String> {
        let mode = match (self.insecure_no_ssl, self.start_tls) {
            (true, _) => Mode::Plain,
            (false, true) => Mode::StartTls,
            (false, false) => Mode::Tls,
        };
        let wrong = || {
            format!(
                "{name} must be the name or address of one server, with or without a port, like \
                 ldap.example:636 and without ldap://"
            )
        };
        if host.contains(['/', '@', '?', '#', '%']) {
            return Err(wrong());
        }
        let url = Url::parse(&format!("ldap://{host}")).map_err(|_| wrong())?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(mode.port());
        Ok(Place { host, port, mode })
    }
}
