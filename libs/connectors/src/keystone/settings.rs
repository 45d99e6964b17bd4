use insula_secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::base_url::BaseUrl;
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of a `keystone` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    keystone_host: String,
    domain: String,
    pub(super) keystone_username: String,
    pub(super) keystone_password: Secret<str>,
    pub(super) insecure_skip_verify: bool,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("keystoneHost", Kind::Text),
    Setting("domain", Kind::Text),
    Setting("keystoneUsername", Kind::Text),
    Setting("keystonePassword", Kind::Text),
    Setting("insecureSkipVerify", Kind::Flag),
];

/// The domain that every Keystone has; this is its id, and its name is `Default`.
const DEFAULT: &str = "default";

impl Settings {
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.keystone_host.is_empty() {
            problems.push("keystoneHost is missing".to_owned());
        } else if self.base().is_none() {
            problems.push(
                "keystoneHost must be an address like https://cloud.example:5000, without /v3"
                    .to_owned(),
            );
        }
        if self.keystone_username.is_empty() {
            problems.push("keystoneUsername is missing: who may look up people".to_owned());
        }
        if self.keystone_password.reveal().is_empty() {
            problems.push("keystonePassword is missing".to_owned());
        }
        problems
    }

    /// Where Keystone is, without the version of its API.
    pub(super) fn base(&self) -> Option<BaseUrl> {
        let text = self.keystone_host.trim_end_matches('/');
        BaseUrl::parse(text).filter(|_| !text.ends_with("/v3"))
    }

    /// The domain of people and of who looks them up, as Keystone is told it: by its id where that is
    /// written, else by its name.
    pub(super) fn domain(&self) -> Value {
        let domain = self.domain.as_str();
        match domain {
            "" | DEFAULT => json!({ "id": DEFAULT }),
            id if Uuid::parse_str(id).is_ok() => json!({ "id": id }),
            name => json!({ "name": name }),
        }
    }
}
