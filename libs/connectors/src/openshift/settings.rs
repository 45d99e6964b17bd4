use insula_model::{ConnectorSpec, Issuer};
use serde::Deserialize;
use serde_json::Value;

use crate::base_url::BaseUrl;
use crate::oauth_client::Registration;
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of an `openshift` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) registration: Registration,
    /// The API server of the cluster.
    issuer: String,
    /// Groups of which somebody must be in one.
    pub(super) groups: Vec<String>,
    #[serde(rename = "insecureCA")]
    pub(super) insecure_ca: bool,
    #[serde(rename = "rootCA")]
    pub(super) root_ca: String,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("issuer", Kind::Text),
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
    Setting("groups", Kind::Texts),
    Setting("insecureCA", Kind::Flag),
    Setting("rootCA", Kind::Text),
];

impl Settings {
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    pub(super) fn api(&self) -> Option<BaseUrl> {
        BaseUrl::parse(&self.issuer)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        let mut problems = self.registration.problems(spec, issuer);
        if self.api().is_none() {
            problems.push(
                "issuer must be the address of the API server, such as \
                 https://api.cluster.example:6443"
                    .to_owned(),
            );
        }
        problems
    }
}
