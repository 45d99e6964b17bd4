use serde::Deserialize;
use serde_json::Value;

use crate::oauth_client::Registration;
use crate::settings::{Kind, Reading, Setting, read};

/// dex's settings of a `linkedin` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) registration: Registration,
}

/// Every setting there is.
pub(super) const SETTINGS: &[Setting] = &[
    Setting("clientID", Kind::Text),
    Setting("clientSecret", Kind::Text),
    Setting("redirectURI", Kind::Text),
];

impl Settings {
    /// Reads the settings.
    pub(super) fn read(config: &Value) -> Reading<Self> {
        read(config, SETTINGS)
    }
}
