use insula_secret::Secret;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of an `atlassian-crowd` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(rename = "baseURL")]
    base_url: String,
    /// The name of our application in Crowd.
    #[serde(rename = "clientID")]
    pub(super) client_id: String,
    pub(super) client_secret: Secret<str>,
    pub(super) groups: Vec<String>,
    preferred_username_field: String,
    pub(super) username_prompt: String,
}

/// What becomes `preferred_username`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PreferredUsername {
    None,
    Key,
    Name,
    Email,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("baseURL", Kind::Text),
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("groups", Kind::Texts),
    Setting("preferredUsernameField", Kind::Text),
    Setting("usernamePrompt", Kind::Text),
];

impl Settings {
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.base_url.is_empty() {
            problems.push("baseURL is missing".to_owned());
        } else if self.api().is_none() {
            problems.push("baseURL must be an address like https://crowd.example/crowd".to_owned());
        }
        if self.client_id.is_empty() {
            problems.push("clientID is missing: the name of the application in Crowd".to_owned());
        }
        if self.client_secret.reveal().is_empty() {
            problems.push("clientSecret is missing: the password of the application".to_owned());
        }
        if self.preferred_username().is_none() {
            problems.push("preferredUsernameField must be key, name or email".to_owned());
        }
        problems
    }

    /// Where its API is, whether or not the address ends with a slash.
    pub(super) fn api(&self) -> Option<Url> {
        let base = self.base_url.trim_end_matches('/');
        let url = Url::parse(&format!("{base}/rest/usermanagement/1/")).ok()?;
        let is_web = matches!(url.scheme(), "https" | "http") && url.has_host();
        is_web.then_some(url)
    }

    pub(super) fn preferred_username(&self) -> Option<PreferredUsername> {
        match self.preferred_username_field.as_str() {
            "" => Some(PreferredUsername::None),
            "key" => Some(PreferredUsername::Key),
            "name" => Some(PreferredUsername::Name),
            "email" => Some(PreferredUsername::Email),
            _ => None,
        }
    }
}
