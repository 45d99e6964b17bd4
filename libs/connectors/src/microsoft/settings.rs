use insula_model::{ConnectorSpec, Issuer};
use insula_secret::Secret;
use serde::Deserialize;
use serde_json::Value;

use crate::oauth_client::{NO_SECRET, Registration};
use crate::settings::{Kind, Reading, Setting, is_web_address, read};

/// dex's settings of a `microsoft` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) registration: Registration,
    tenant: String,
    pub(super) only_security_groups: bool,
    pub(super) groups: Vec<String>,
    group_name_format: String,
    pub(super) use_groups_as_whitelist: bool,
    pub(super) email_to_lowercase: bool,
    #[serde(rename = "apiURL")]
    api_url: String,
    #[serde(rename = "graphURL")]
    graph_url: String,
    pub(super) prompt_type: String,
    pub(super) domain_hint: String,
    scopes: Vec<String>,
    preferred_username_field: String,
    /// What the file holds: it was read with the tenant.
    client_assertion: Secret<str>,
    batch_group_lookups: Option<bool>,
}

/// What `preferred_username` is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PreferredUsername {
    None,
    Name,
    Email,
    MailNickname,
    OnPremisesSamAccountName,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
    Setting("tenant", Kind::Text),
    Setting("onlySecurityGroups", Kind::Flag),
    Setting("groups", Kind::Texts),
    Setting("groupNameFormat", Kind::Text),
    Setting("useGroupsAsWhitelist", Kind::Flag),
    Setting("emailToLowercase", Kind::Flag),
    Setting("apiURL", Kind::Text),
    Setting("graphURL", Kind::Text),
    Setting("promptType", Kind::Text),
    Setting("domainHint", Kind::Text),
    Setting("scopes", Kind::Texts),
    Setting("preferredUsernameField", Kind::Text),
    Setting("clientAssertion", Kind::Text),
    Setting("batchGroupLookups", Kind::Flag),
];

/// Names in place of a tenant, that stand for people of many.
const OF_MANY: [&str; 3] = ["common", "organizations", "consumers"];
/// What groups can be read with, beside the scope that dex asks for.
const READ_GROUPS: [&str; 4] = [
    "directory.read.all",
    "group.read.all",
    "groupmember.read.all",
    ".default",
];

impl Settings {
    /// Reads the settings.
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        let mut problems = self.registration.problems(spec, issuer);
        if let Some(assertion) = self.client_assertion() {
            problems.retain(|problem| problem != NO_SECRET);
            if assertion.reveal().split('.').count() != 3 {
                problems.push(
                    "clientAssertion is neither the path of a file that could be read nor a signed \
                     token"
                        .to_owned(),
                );
            }
        }
        let is_odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        if self.tenant.contains(is_odd) {
            problems.push("tenant must be the id or a domain of a tenant".to_owned());
        }
        for (name, url) in [("apiURL", &self.api_url), ("graphURL", &self.graph_url)] {
            if !url.is_empty() && !is_web_address(url) {
                problems.push(format!(
                    "{name} must be an address like https://idp.example"
                ));
            }
        }
        if !matches!(self.group_name_format.as_str(), "" | "name" | "id") {
            problems.push("groupNameFormat must be name or id".to_owned());
        }
        if self.preferred_username().is_none() {
            problems.push(
                "preferredUsernameField must be name, email, mailNickname or \
                 onPremisesSamAccountName"
                    .to_owned(),
            );
        }
        problems
    }

    /// Why nobody's groups can be asked for, although some are required.
    pub(super) fn requires_untold_groups(&self) -> Option<String> {
        (!self.groups.is_empty() && !self.is_of_one_tenant()).then(|| {
            format!(
                "groups are required, but with tenant {:?} nobody's are told; name your own tenant, \
                 by its id or domain",
                self.tenant()
            )
        })
    }

    /// What is written but has no effect, and why.
    pub(super) fn ignored(&self) -> Vec<&'static str> {
        let mut ignored = Vec::new();
        if self.batch_group_lookups.is_some() {
            ignored.push("batchGroupLookups: names of groups are always asked for in batches");
        }
        let has_secret = !self.registration.client_secret.reveal().is_empty();
        if has_secret && self.client_assertion().is_some() {
            ignored.push("clientSecret: clientAssertion stands in its place");
        }
        ignored
    }

    /// The signed token that says who we are, where there is one.
    pub(super) fn client_assertion(&self) -> Option<Secret<str>> {
        let assertion = self.client_assertion.reveal().trim();
        (!assertion.is_empty()).then(|| Secret::new(assertion))
    }

    pub(super) fn tenant(&self) -> &str {
        or(&self.tenant, "common")
    }

    pub(super) fn is_of_one_tenant(&self) -> bool {
        !OF_MANY.contains(&self.tenant())
    }

    pub(super) fn api_url(&self) -> &str {
        or(&self.api_url, "https://login.microsoftonline.com").trim_end_matches('/')
    }

    pub(super) fn graph_url(&self) -> &str {
        or(&self.graph_url, "https://graph.microsoft.com").trim_end_matches('/')
    }

    pub(super) fn calls_groups_by_id(&self) -> bool {
        self.group_name_format == "id"
    }

    /// `None` where it is something else than what there is.
    pub(super) fn preferred_username(&self) -> Option<PreferredUsername> {
        match self.preferred_username_field.as_str() {
            "" => Some(PreferredUsername::None),
            "name" => Some(PreferredUsername::Name),
            "email" => Some(PreferredUsername::Email),
            "mailNickname" => Some(PreferredUsername::MailNickname),
            "onPremisesSamAccountName" => Some(PreferredUsername::OnPremisesSamAccountName),
            _ => None,
        }
    }

    /// What is asked of the person to be allowed. Where a scope that is written can read groups, no
    /// other one is asked for.
    pub(super) fn scope(&self, groups: bool, offline_access: bool) -> String {
        let mut scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        if scopes.is_empty() {
            scopes.push("user.read");
        }
        let can_read = |scope: &&str| {
            let name = scope.rsplit('/').next().unwrap_or(scope);
            READ_GROUPS
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
        };
        if groups && !scopes.iter().any(can_read) {
            scopes.push("directory.read.all");
        }
        if offline_access && !scopes.contains(&"offline_access") {
            scopes.push("offline_access");
        }
        scopes.join(" ")
    }
}

fn or<'a>(text: &'a str, usual: &'a str) -> &'a str {
    if text.is_empty() { usual } else { text }
}
