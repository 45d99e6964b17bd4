use insula_model::{ConnectorSpec, Issuer};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::oauth_client::Registration;
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of an `oauth` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) registration: Registration,
    #[serde(rename = "authorizationURL")]
    authorization_url: String,
    #[serde(rename = "tokenURL")]
    token_url: String,
    #[serde(rename = "userInfoURL")]
    user_info_url: String,
    pub(super) scopes: Vec<String>,
    #[serde(rename = "rootCAs")]
    pub(super) root_cas: Vec<String>,
    pub(super) insecure_skip_verify: bool,
    #[serde(rename = "userIDKey")]
    user_id_key: String,
    pub(super) claim_mapping: ClaimMapping,
}

/// Which member of userinfo says what.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ClaimMapping {
    #[serde(rename = "userNameKey")]
    user_name: String,
    #[serde(rename = "preferredUsernameKey")]
    preferred_username: String,
    #[serde(rename = "groupsKey")]
    groups: String,
    #[serde(rename = "emailKey")]
    email: String,
    #[serde(rename = "emailVerifiedKey")]
    email_verified: String,
}

const CLAIM_MAPPING: &[Setting] = &[
    Setting("userNameKey", Kind::Text),
    Setting("preferredUsernameKey", Kind::Text),
    Setting("groupsKey", Kind::Text),
    Setting("emailKey", Kind::Text),
    Setting("emailVerifiedKey", Kind::Text),
];

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
    Setting("authorizationURL", Kind::Text),
    Setting("tokenURL", Kind::Text),
    Setting("userInfoURL", Kind::Text),
    Setting("scopes", Kind::Texts),
    Setting("rootCAs", Kind::Texts),
    Setting("insecureSkipVerify", Kind::Flag),
    Setting("userIDKey", Kind::Text),
    Setting("claimMapping", Kind::Group(CLAIM_MAPPING)),
];

/// The upstream's addresses.
pub(super) struct Addresses {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) user_info: Url,
}

impl Settings {
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }

    /// Every problem in what they say.
    pub(super) fn problems(&self, spec: &ConnectorSpec, issuer: &Issuer) -> Vec<String> {
        let mut problems = self.registration.problems(spec, issuer);
        let urls = [
            ("authorizationURL", &self.authorization_url),
            ("tokenURL", &self.token_url),
            ("userInfoURL", &self.user_info_url),
        ];
        for (name, url) in urls {
            if url.is_empty() {
                problems.push(format!("{name} is missing"));
            } else if address(url).is_none() {
                problems.push(format!(
                    "{name} must be an address like https://idp.example"
                ));
            }
        }
        problems
    }

    /// The addresses, where none of them is a problem.
    pub(super) fn addresses(&self) -> Option<Addresses> {
        Some(Addresses {
            authorization: address(&self.authorization_url)?,
            token: address(&self.token_url)?,
            user_info: address(&self.user_info_url)?,
        })
    }

    pub(super) fn user_id_key(&self) -> &str {
        or(&self.user_id_key, "id")
    }
}

impl ClaimMapping {
    pub(super) fn user_name(&self) -> &str {
        or(&self.user_name, "user_name")
    }

    pub(super) fn preferred_username(&self) -> &str {
        or(&self.preferred_username, "preferred_username")
    }

    pub(super) fn groups(&self) -> &str {
        or(&self.groups, "groups")
    }

    pub(super) fn email(&self) -> &str {
        or(&self.email, "email")
    }

    pub(super) fn email_verified(&self) -> &str {
        or(&self.email_verified, "email_verified")
    }
}

fn or<'a>(written: &'a str, usual: &'a str) -> &'a str {
    if written.is_empty() { usual } else { written }
}

fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "https" | "http") && url.has_host()).then_some(url)
}
