use insula_model::{ConnectorSpec, Issuer};
use serde::Deserialize;
use serde_json::Value;

use crate::oauth_client::Registration;
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of a `github` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) registration: Registration,
    /// The older way to name one organisation.
    pub(super) org: String,
    pub(super) orgs: Vec<Org>,
    /// The host of GitHub Enterprise Server.
    pub(super) host_name: String,
    #[serde(rename = "rootCA")]
    pub(super) root_ca: String,
    team_name_field: String,
    pub(super) load_all_groups: bool,
    #[serde(rename = "useLoginAsID")]
    pub(super) use_login_as_id: bool,
    pub(super) preferred_email_domain: String,
}

/// An organisation whose members are let in, and which of its teams; all, where none is listed.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Org {
    pub(super) name: String,
    pub(super) teams: Vec<String>,
}

/// What a team is called in `groups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TeamName {
    Name,
    Slug,
    Both,
}

const ORG: &[Setting] = &[Setting("name", Kind::Text), Setting("teams", Kind::Texts)];

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
    Setting("org", Kind::Text),
    Setting("orgs", Kind::Groups(ORG)),
    Setting("hostName", Kind::Text),
    Setting("rootCA", Kind::Text),
    Setting("teamNameField", Kind::Text),
    Setting("loadAllGroups", Kind::Flag),
    Setting("useLoginAsID", Kind::Flag),
    Setting("preferredEmailDomain", Kind::Text),
];

impl Settings {
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        let mut problems = self.registration.problems(spec, issuer);
        if !self.org.is_empty() && !self.orgs.is_empty() {
            problems.push("org stands beside orgs; keep orgs".to_owned());
        }
        if self.orgs.iter().any(|org| org.name.is_empty()) {
            problems.push("orgs holds one without a name".to_owned());
        }
        if self.host_name.contains('/') {
            problems.push("hostName must be a host alone, such as git.example".to_owned());
        }
        if !self.root_ca.is_empty() && self.host_name.is_empty() {
            problems.push("rootCA needs hostName: github.com has a public certificate".to_owned());
        }
        if self.team_name().is_none() {
            problems.push("teamNameField must be name, slug or both".to_owned());
        }
        if self.preferred_email_domain.ends_with('*') {
            problems.push("preferredEmailDomain may not end with *".to_owned());
        }
        problems
    }

    pub(super) fn team_name(&self) -> Option<TeamName> {
        match self.team_name_field.as_str() {
            "" | "name" => Some(TeamName::Name),
            "slug" => Some(TeamName::Slug),
            "both" => Some(TeamName::Both),
            _ => None,
        }
    }

    /// Whether groups are asked for whatever the client wants.
    pub(super) fn names_organisations(&self) -> bool {
        !self.org.is_empty() || !self.orgs.is_empty()
    }

    /// Whether a mail address is of the domain people prefer: `*` stands for one label.
    pub(super) fn prefers(&self, email: &str) -> bool {
        let Some((_, domain)) = email.rsplit_once('@') else {
            return false;
        };
        let (wanted, told) = (self.preferred_email_domain.split('.'), domain.split('.'));
        let (wanted, told): (Vec<_>, Vec<_>) = (wanted.collect(), told.collect());
        let fits =
            |(wanted, told): (&&str, &&str)| *wanted == "*" || wanted.eq_ignore_ascii_case(told);
        !self.preferred_email_domain.is_empty()
            && wanted.len() == told.len()
            && wanted.iter().zip(&told).all(fits)
    }
}
