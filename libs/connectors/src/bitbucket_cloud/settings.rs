use insula_model::{ConnectorSpec, Issuer};
use serde::Deserialize;
use serde_json::Value;

use crate::oauth_client::Registration;
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of a `bitbucket-cloud` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) registration: Registration,
    /// Workspaces whose people are let in; no others are told.
    pub(super) teams: Vec<String>,
    /// Whether workspaces are told with what somebody may do there, too: `acme:owner`.
    pub(super) get_workspace_permissions: bool,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
    Setting("teams", Kind::Texts),
    Setting("getWorkspacePermissions", Kind::Flag),
];

impl Settings {
    pub(super) fn read(config: &Value) -> Reading<Self> {
        let mut reading: Reading<Self> = read(config, SETTINGS);
        for told in &mut reading.unknown {
            if told.to_ascii_lowercase().starts_with("includeteamgroups ") {
                "includeTeamGroups has no effect: Bitbucket closed its interface to the groups of a \
                 team; remove it"
                    .clone_into(told);
            }
        }
        reading
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        self.registration.problems(spec, issuer)
    }
}
