use insula_model::{ConnectorSpec, Issuer};
use serde::Deserialize;
use serde_json::Value;

use crate::base_url::BaseUrl;
use crate::oauth_client::Registration;
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of a `gitea` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) registration: Registration,
    #[serde(rename = "baseURL")]
    base_url: String,
    pub(super) orgs: Vec<Org>,
    pub(super) load_all_groups: bool,
    #[serde(rename = "useLoginAsID")]
    pub(super) use_login_as_id: bool,
}

/// An organisation whose members are let in, and its teams that count.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Org {
    pub(super) name: String,
    pub(super) teams: Vec<String>,
}

const ORG: &[Setting] = &[Setting("name", Kind::Text), Setting("teams", Kind::Texts)];

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("baseURL", Kind::Text),
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
    Setting("orgs", Kind::Groups(ORG)),
    Setting("loadAllGroups", Kind::Flag),
    Setting("useLoginAsID", Kind::Flag),
];

impl Settings {
    pub(super) fn read(config: &Value) -> Reading<Self> {
        let mut reading: Reading<Self> = read(config, SETTINGS);
        if reading.settings.base_url.is_empty() {
            "https://gitea.com".clone_into(&mut reading.settings.base_url);
        }
        reading
    }

    pub(super) fn base(&self) -> Option<BaseUrl> {
        BaseUrl::parse(&self.base_url)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        let mut problems = self.registration.problems(spec, issuer);
        if self.base().is_none() {
            problems.push("baseURL must be an address such as https://git.example".to_owned());
        }
        if self.orgs.iter().any(|org| org.name.is_empty()) {
            problems.push("orgs holds one without a name".to_owned());
        }
        problems
    }
}
