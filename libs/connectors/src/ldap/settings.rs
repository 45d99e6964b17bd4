use insula_secret::Secret;
use ldap3::Scope;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::entry::is_dn;
use super::groups::{GroupRules, Matcher};
use super::person::{Email, PersonRules};
use super::server::{Mode, Place};
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of an `ldap` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    host: String,
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
    user_search: UserSearch,
    group_search: GroupSearch,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UserSearch {
    #[serde(rename = "baseDN")]
    base_dn: String,
    filter: String,
    username: Vec<String>,
    scope: String,
    id_attr: String,
    email_attr: String,
    name_attr: String,
    preferred_username_attr: String,
    email_suffix: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupSearch {
    #[serde(rename = "baseDN")]
    base_dn: String,
    filter: String,
    scope: String,
    user_matchers: Vec<UserMatcher>,
    #[serde(flatten)]
    single: UserMatcher,
    name_attr: String,
}

#[derive(Default, Clone, Deserialize)]
#[serde(default)]
struct UserMatcher {
    #[serde(rename = "userAttr")]
    user: String,
    #[serde(rename = "groupAttr")]
    group: String,
    #[serde(rename = "recursionGroupAttr")]
    recursion: String,
}

const USER_SEARCH: &[Setting] = &[
    Setting("baseDN", Kind::Text),
    Setting("filter", Kind::Text),
    Setting("username", Kind::Texts),
    Setting("scope", Kind::Text),
    Setting("idAttr", Kind::Text),
    Setting("emailAttr", Kind::Text),
    Setting("nameAttr", Kind::Text),
    Setting("preferredUsernameAttr", Kind::Text),
    Setting("emailSuffix", Kind::Text),
];
const USER_MATCHER: &[Setting] = &[
    Setting("userAttr", Kind::Text),
    Setting("groupAttr", Kind::Text),
    Setting("recursionGroupAttr", Kind::Text),
];
const GROUP_SEARCH: &[Setting] = &[
    Setting("baseDN", Kind::Text),
    Setting("filter", Kind::Text),
    Setting("scope", Kind::Text),
    Setting("userMatchers", Kind::Groups(USER_MATCHER)),
    Setting("userAttr", Kind::Text),
    Setting("groupAttr", Kind::Text),
    Setting("recursionGroupAttr", Kind::Text),
    Setting("nameAttr", Kind::Text),
];
/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("host", Kind::Text),
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
];

impl Settings {
    /// Reads the settings.
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(problem) = self.place() {
            problems.push(problem);
        }
        problems.extend(self.contradictions());
        if self.is_encrypted()
            && let Err(problem) = super::tls::client_config(self)
        {
            problems.push(problem);
        }
        self.user_search.judge(&mut problems);
        self.group_search.judge(&mut problems);
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
        let groups = &self.group_search;
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
            self.insecure_skip_verify && has_root,
            "rootCA and rootCAData with insecureSkipVerify: every certificate is believed",
        );
        ignore(
            !groups.user_matchers.is_empty() && !groups.single.is_empty(),
            "groupSearch.userAttr and groupSearch.groupAttr beside groupSearch.userMatchers: the \
             latter are used",
        );
        ignore(
            groups.base_dn.is_empty()
                && (!groups.user_matchers.is_empty() || !groups.single.is_empty()),
            "groupSearch without baseDN: nobody has groups",
        );
        ignore(
            !groups.base_dn.is_empty() && groups.matchers().is_empty(),
            "groupSearch without userMatchers: nobody has groups",
        );
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

    /// Where the directory is, and how it is spoken to.
    pub(super) fn place(&self) -> Result<Place, String> {
        if self.host.is_empty() {
            return Err("host is missing".to_owned());
        }
        let mode = match (self.insecure_no_ssl, self.start_tls) {
            (true, _) => Mode::Plain,
            (false, true) => Mode::StartTls,
            (false, false) => Mode::Tls,
        };
        let wrong = || {
            "host must be the name or address of one server, with or without a port, like \
             ldap.example:636 and without ldap://"
                .to_owned()
        };
        if self.host.contains(['/', '@', '?', '#', '%']) {
            return Err(wrong());
        }
        let url = Url::parse(&format!("ldap://{}", self.host)).map_err(|_| wrong())?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(mode.port());
        Ok(Place { host, port, mode })
    }

    /// How people are found, and what is read of them.
    pub(super) fn person_rules(&self) -> PersonRules {
        let search = &self.user_search;
        PersonRules {
            base: search.base_dn.clone(),
            scope: scope(&search.scope).unwrap_or(Scope::Subtree),
            filter: search.filter.clone(),
            usernames: search.username.clone(),
            // What dex's documentation promises; dex itself fails where they are left out.
            id_attr: or(&search.id_attr, "uid"),
            email: if search.email_suffix.is_empty() {
                Email::Of(or(&search.email_attr, "mail"))
            } else {
                Email::At(search.email_suffix.clone())
            },
            name_attr: non_empty(&search.name_attr),
            preferred_username_attr: non_empty(&search.preferred_username_attr),
        }
    }

    /// How their groups are found, if they are.
    pub(super) fn group_rules(&self) -> Option<GroupRules> {
        let search = &self.group_search;
        let matchers = search.matchers();
        if search.base_dn.is_empty() || matchers.is_empty() {
            return None;
        }
        Some(GroupRules {
            base: search.base_dn.clone(),
            scope: scope(&search.scope).unwrap_or(Scope::Subtree),
            filter: search.filter.clone(),
            matchers: matchers.into_iter().map(UserMatcher::into_rule).collect(),
            name_attr: search.name_attr.clone(),
        })
    }
}

impl UserSearch {
    fn judge(&self, problems: &mut Vec<String>) {
        if self.base_dn.is_empty() {
            problems.push("userSearch.baseDN is missing".to_owned());
        }
        if self.username.is_empty() {
            problems.push(
                "userSearch.username is missing: the attribute that holds what people type"
                    .to_owned(),
            );
        }
        for (at, name) in self.username.iter().enumerate() {
            let path = format!("userSearch.username[{at}]");
            if name.is_empty() || is_dn(name) {
                problems.push(format!("{path} must be the name of an attribute"));
            } else {
                judge_attribute(&path, name, problems);
            }
        }
        judge_filter("userSearch.filter", &self.filter, problems);
        judge_scope("userSearch.scope", &self.scope, problems);
        for (name, attribute) in [
            ("idAttr", &self.id_attr),
            ("emailAttr", &self.email_attr),
            ("nameAttr", &self.name_attr),
            ("preferredUsernameAttr", &self.preferred_username_attr),
        ] {
            judge_attribute(&format!("userSearch.{name}"), attribute, problems);
        }
    }
}

impl GroupSearch {
    fn judge(&self, problems: &mut Vec<String>) {
        judge_filter("groupSearch.filter", &self.filter, problems);
        judge_scope("groupSearch.scope", &self.scope, problems);
        judge_attribute("groupSearch.nameAttr", &self.name_attr, problems);
        let matchers = self.matchers();
        for (at, matcher) in matchers.iter().enumerate() {
            let path = if self.user_matchers.is_empty() {
                "groupSearch".to_owned()
            } else {
                format!("groupSearch.userMatchers[{at}]")
            };
            for (name, attribute, is_needed) in [
                ("userAttr", &matcher.user, true),
                ("groupAttr", &matcher.group, true),
                ("recursionGroupAttr", &matcher.recursion, false),
            ] {
                let path = format!("{path}.{name}");
                if is_needed && attribute.is_empty() {
                    problems.push(format!("{path} is missing"));
                }
                judge_attribute(&path, attribute, problems);
            }
        }
        if !self.base_dn.is_empty() && !matchers.is_empty() && self.name_attr.is_empty() {
            problems.push(
                "groupSearch.nameAttr is missing: the attribute that holds a group's name"
                    .to_owned(),
            );
        }
    }

    fn matchers(&self) -> Vec<UserMatcher> {
        if !self.user_matchers.is_empty() {
            self.user_matchers.clone()
        } else if self.single.is_empty() {
            Vec::new()
        } else {
            vec![self.single.clone()]
        }
    }
}

impl UserMatcher {
    fn is_empty(&self) -> bool {
        self.user.is_empty() && self.group.is_empty() && self.recursion.is_empty()
    }

    fn into_rule(self) -> Matcher {
        Matcher {
            user: self.user,
            group: self.group,
            recursion: non_empty(&self.recursion),
        }
    }
}

/// An attribute description (RFC 4512 §2.5), or one with a matching rule (RFC 4515 §3): it is put into
/// filters as it is.
fn judge_attribute(path: &str, name: &str, problems: &mut Vec<String>) {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || b"-.;:_".contains(&b);
    if !name.bytes().all(is_fine) {
        problems.push(format!(
            "{path} must be the name of an attribute, without blanks and parentheses"
        ));
    }
}

fn judge_filter(path: &str, filter: &str, problems: &mut Vec<String>) {
    if filter.is_empty() {
        return;
    }
    if !filter.starts_with('(') || ldap3::parse_filter(filter).is_err() {
        problems.push(format!(
            "{path} is not a filter (RFC 4515), such as (objectClass=person), in parentheses"
        ));
    }
}

fn judge_scope(path: &str, text: &str, problems: &mut Vec<String>) {
    if scope(text).is_none() {
        problems.push(format!("{path} must be sub or one"));
    }
}

fn scope(text: &str) -> Option<Scope> {
    match text {
        "" | "sub" => Some(Scope::Subtree),
        "one" => Some(Scope::OneLevel),
        _ => None,
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn or(text: &str, default: &str) -> String {
    if text.is_empty() { default } else { text }.to_owned()
}
