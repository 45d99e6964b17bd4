//! A proxy in front of us that knows who people are, and says so in headers.

use async_trait::async_trait;
use insula_connector_kit::{
    Capabilities, Challenge, Connector, ConnectorError, LoginContext, Memory, OpenContext, Reply,
    UpstreamIdentity, authorization_url,
};
use insula_model::{ConnectorSpec, IdentityClaims, UserId};
use serde::Deserialize;

use crate::settings::{Kind, Setting, read};

/// dex's settings of an `authproxy` connector, by dex's names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    #[serde(rename = "userIDHeader")]
    user_id_header: String,
    user_header: String,
    user_name_header: String,
    email_header: String,
    group_header: String,
    group_header_separator: String,
    static_groups: Vec<String>,
}

/// Every setting there is.
const SETTINGS: &[Setting] = &[
    Setting("userIDHeader", Kind::Text),
    Setting("userHeader", Kind::Text),
    Setting("userNameHeader", Kind::Text),
    Setting("emailHeader", Kind::Text),
    Setting("groupHeader", Kind::Text),
    Setting("groupHeaderSeparator", Kind::Text),
    Setting("staticGroups", Kind::Texts),
];

/// What each header is called unless the settings say otherwise.
const USER_ID: usize = 0;
const USER: usize = 1;
const USER_NAME: usize = 2;
const EMAIL: usize = 3;
const GROUP: usize = 4;
const USUAL: [&str; 5] = [
    "X-Remote-User-Id",
    "X-Remote-User",
    "X-Remote-User-Name",
    "X-Remote-User-Email",
    "X-Remote-Group",
];

impl Settings {
    fn headers(&self) -> [String; 5] {
        let written = [
            &self.user_id_header,
            &self.user_header,
            &self.user_name_header,
            &self.email_header,
            &self.group_header,
        ];
        std::array::from_fn(|n| {
            if written[n].is_empty() {
                USUAL[n].to_owned()
            } else {
                written[n].clone()
            }
        })
    }

    fn problems(&self) -> Vec<String> {
        let names = [
            "userIDHeader",
            "userHeader",
            "userNameHeader",
            "emailHeader",
            "groupHeader",
        ];
        let headers = self.headers();
        let odd = names
            .iter()
            .zip(&headers)
            .filter(|(_, header)| !is_header(header));
        odd.map(|(name, _)| format!("{name} is no name of a header"))
            .collect()
    }
}

/// RFC 9110 §5.1: a token.
fn is_header(name: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(is_token)
}

/// Everything that is wrong with the settings.
pub(crate) fn check(spec: &ConnectorSpec) -> Vec<String> {
    read(&spec.config, SETTINGS).problems(Settings::problems)
}

/// Sends people to our own callback, which the proxy guards, and reads there whom it let through.
pub(crate) struct AuthProxy {
    /// By the order of [`USUAL`].
    headers: [String; 5],
    separator: String,
    static_groups: Vec<String>,
    callback_url: String,
}

impl AuthProxy {
    pub(crate) fn open(spec: &ConnectorSpec, ctx: &OpenContext) -> Result<Self, ConnectorError> {
        let settings = read(&spec.config, SETTINGS).usable(Settings::problems)?;
        let separator = &settings.group_header_separator;
        Ok(Self {
            headers: settings.headers(),
            separator: if separator.is_empty() { "," } else { separator }.to_owned(),
            static_groups: settings.static_groups,
            // Not the callback that connectors of dex share: the proxy guards this one alone.
            callback_url: ctx.issuer.url(&spec.callback_route()),
        })
    }

    /// The first line of a header that says something.
    fn line<'a>(&self, told: &'a [(String, String)], header: usize) -> Option<&'a str> {
        let mut lines = told
            .iter()
            .filter(|(name, _)| *name == self.headers[header]);
        lines.find_map(|(_, text)| Some(text.trim()).filter(|text| !text.is_empty()))
    }

    /// The groups of all lines of their header, and those everybody is given.
    fn groups(&self, told: &[(String, String)]) -> Vec<String> {
        let lines = told.iter().filter(|(name, _)| *name == self.headers[GROUP]);
        let groups = lines.flat_map(|(_, text)| text.split(&*self.separator));
        let groups = groups.map(str::trim).filter(|group| !group.is_empty());
        groups
            .map(str::to_owned)
            .chain(self.static_groups.iter().cloned())
            .collect()
    }
}

#[async_trait]
impl Connector for AuthProxy {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn wanted_headers(&self) -> &[String] {
        &self.headers
    }

    async fn begin(&self, ctx: &LoginContext) -> Result<Challenge, ConnectorError> {
        let parameters = [("state", ctx.state.as_str())];
        Ok(Challenge::Redirect {
            to: authorization_url(&self.callback_url, &parameters)?,
            memory: Memory::Null,
        })
    }

    async fn complete(
        &self,
        _ctx: &LoginContext,
        _memory: &Memory,
        reply: Reply,
    ) -> Result<UpstreamIdentity, ConnectorError> {
        let bad = |what: String| ConnectorError::BadReply(what);
        let Reply::Vouched { headers, .. } = reply else {
            return Err(bad("a request through the proxy was expected".to_owned()));
        };
        let Some(user) = self.line(&headers, USER) else {
            return Err(bad(format!(
                "the header {} is missing; the proxy must write it and be listed in trustedProxies",
                self.headers[USER]
            )));
        };
        let or_user = |header| self.line(&headers, header).unwrap_or(user).to_owned();
        let user_id = UserId::parse(&or_user(USER_ID))
            .map_err(|_| bad("the person's id is longer than 255 or not printable".to_owned()))?;
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                username: user.to_owned(),
                preferred_username: or_user(USER_NAME),
                email: or_user(EMAIL),
                email_verified: true,
                groups: self.groups(&headers),
                ..IdentityClaims::of(user_id)
            },
            connector_data: None,
            amr: Vec::new(),
            acr: None,
        })
    }
}

#[cfg(test)]
mod tests;
