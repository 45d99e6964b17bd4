use std::collections::BTreeMap;

use insula_model::{ConnectorSpec, Issuer};
use insula_secret::Secret;
use serde::Deserialize;
use serde_json::Value;

use super::service_account::ServiceAccount;
use crate::oauth_client::Registration;
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of a `google` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) registration: Registration,
    scopes: Vec<String>,
    pub(super) hosted_domains: Vec<String>,
    pub(super) groups: Vec<String>,
    /// What the file holds: it was read with the tenant.
    service_account_file_path: Secret<str>,
    domain_to_admin_email: BTreeMap<String, String>,
    admin_email: String,
    pub(super) fetch_transitive_group_membership: bool,
    prompt_type: Option<String>,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
    Setting("scopes", Kind::Texts),
    Setting("hostedDomains", Kind::Texts),
    Setting("groups", Kind::Texts),
    Setting("serviceAccountFilePath", Kind::Text),
    Setting("domainToAdminEmail", Kind::TextsByName),
    Setting("adminEmail", Kind::Text),
    Setting("fetchTransitiveGroupMembership", Kind::Flag),
    Setting("promptType", Kind::Text),
];

/// The administrator of every domain that has none of its own.
const ANY: &str = "*";

/// Who is acted for when the groups of people of a domain are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admins(BTreeMap<String, String>);

impl Admins {
    /// The administrator of the domain of an address.
    pub(super) fn of(&self, email: &str) -> Option<&str> {
        let (_, domain) = email.rsplit_once('@')?;
        let admin = self.0.get(&domain.to_ascii_lowercase());
        admin.or_else(|| self.0.get(ANY)).map(String::as_str)
    }
}

impl Settings {
    /// Reads the settings.
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        let mut problems = self.registration.problems(spec, issuer);
        if let Some(Err(cause)) = self.service_account() {
            problems.push(cause);
        }
        let admins = self.admins();
        match (self.has_service_account(), admins.0.is_empty()) {
            (true, true) => problems.push(
                "domainToAdminEmail is missing: serviceAccountFilePath needs to know for which \
                 administrator it reads groups"
                    .to_owned(),
            ),
            (false, false) => problems.push(
                "serviceAccountFilePath is missing: groups are read with the key of a service \
                 account, and not as the machine this runs on"
                    .to_owned(),
            ),
            _ => {}
        }
        let is_address =
            |email: &String| email.split('@').filter(|part| !part.is_empty()).count() == 2;
        if !admins.0.values().all(is_address) {
            problems.push(
                "domainToAdminEmail must name an administrator by their mail address for each domain"
                    .to_owned(),
            );
        }
        problems
    }

    /// Why nobody's groups can be asked for, although some are required.
    pub(super) fn requires_untold_groups(&self) -> Option<String> {
        (!self.groups.is_empty() && !self.has_service_account()).then(|| {
            "groups are required, but nobody's are told without serviceAccountFilePath and \
             domainToAdminEmail"
                .to_owned()
        })
    }

    /// What is written in an outdated way or has no effect, and why.
    pub(super) fn remarks(&self) -> Vec<&'static str> {
        let mut remarks = Vec::new();
        if !self.admin_email.is_empty() {
            remarks.push("adminEmail is outdated: write it in domainToAdminEmail, under \"*\"");
        }
        if self.fetch_transitive_group_membership && !self.has_service_account() {
            remarks.push(
                "fetchTransitiveGroupMembership is without effect: no groups are asked for without \
                 serviceAccountFilePath",
            );
        }
        remarks
    }

    fn has_service_account(&self) -> bool {
        !self.service_account_file_path.reveal().is_empty()
    }

    /// Who asks for groups, if anybody does.
    pub(super) fn service_account(&self) -> Option<Result<ServiceAccount, String>> {
        self.has_service_account()
            .then(|| ServiceAccount::parse(self.service_account_file_path.reveal()))
    }

    /// For whom groups are asked for; `adminEmail` is for every domain.
    pub(super) fn admins(&self) -> Admins {
        let written = self.domain_to_admin_email.iter();
        let mut admins: BTreeMap<_, _> = written
            .map(|(domain, email)| (domain.to_ascii_lowercase(), email.clone()))
            .collect();
        if !self.admin_email.is_empty() {
            admins.insert(ANY.to_owned(), self.admin_email.clone());
        }
        Admins(admins)
    }

    pub(super) fn scopes(&self) -> Vec<String> {
        if self.scopes.is_empty() {
            vec!["profile".to_owned(), "email".to_owned()]
        } else {
            self.scopes.clone()
        }
    }

    /// The domain people are to choose an account of.
    pub(super) fn domain_hint(&self) -> Option<&str> {
        match self.hosted_domains.as_slice() {
            [] => None,
            [one] => Some(one),
            _ => Some(ANY),
        }
    }

    /// What is asked of the person when a refresh token is wanted.
    pub(super) fn prompt_type(&self) -> &str {
        self.prompt_type.as_deref().unwrap_or("consent")
    }
}
