use insula_model::{ConnectorSpec, Issuer};
use serde::Deserialize;
use serde_json::Value;

use crate::base_url::BaseUrl;
use crate::oauth_client::Registration;
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of a `gitlab` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) registration: Registration,
    #[serde(rename = "baseURL")]
    base_url: String,
    /// Groups whose people are let in; no other groups are told.
    pub(super) groups: Vec<String>,
    #[serde(rename = "useLoginAsID")]
    pub(super) use_login_as_id: bool,
    /// Whether groups are told with the role in them, too: `acme:owner`.
    pub(super) get_groups_permission: bool,
    /// Whether the groups below a group that somebody is in are theirs.
    pub(super) inherited_groups: bool,
    #[serde(rename = "rootCAData")]
    pub(super) root_ca_data: String,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("baseURL", Kind::Text),
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
    Setting("groups", Kind::Texts),
    Setting("useLoginAsID", Kind::Flag),
    Setting("getGroupsPermission", Kind::Flag),
    Setting("inheritedGroups", Kind::Flag),
    Setting("rootCAData", Kind::Text),
];

impl Settings {
    pub(super) fn read(config: &Value) -> Reading<Self> {
        let mut reading: Reading<Self> = read(config, SETTINGS);
        if reading.settings.base_url.is_empty() {
            "https://gitlab.com".clone_into(&mut reading.settings.base_url);
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
            problems.push("baseURL must be an address such as https://gitlab.example".to_owned());
        }
        problems
    }
}
