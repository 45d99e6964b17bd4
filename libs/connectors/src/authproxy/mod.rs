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

/// What each header is called.
struct Headers {
    user_id: String,
    user: String,
    user_name: String,
    email: String,
    group: String,
}

impl Settings {
    fn headers(&self) -> Headers {
        let or = |written: &String, usual: &str| {
            if written.is_empty() { usual } else { written }.to_owned()
        };
        Headers {
            user_id: or(&self.user_id_header, "X-Remote-User-Id"),
            user: or(&self.user_header, "X-Remote-User"),
            user_name: or(&self.user_name_header, "X-Remote-User-Name"),
            email: or(&self.email_header, "X-Remote-User-Email"),
            group: or(&self.group_header, "X-Remote-Group"),
        }
    }

    fn problems(&self) -> Vec<String> {
        let headers = self.headers();
        let named = [
            ("userIDHeader", &headers.user_id),
            ("userHeader", &headers.user),
            ("userNameHeader", &headers.user_name),
            ("emailHeader", &headers.email),
            ("groupHeader", &headers.group),
        ];
        let odd = named.iter().filter(|(_, header)| !is_header(header));
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
    headers: Headers,
    wanted: Vec<String>,
    separator: String,
    static_groups: Vec<String>,
    callback_url: String,
}

impl AuthProxy {
    pub(crate) fn open(spec: &ConnectorSpec, ctx: &OpenContext) -> Result<Self, ConnectorError> {
        let settings = read(&spec.config, SETTINGS).usable(Settings::problems)?;
        let headers = settings.headers();
        let separator = &settings.group_header_separator;
        let mut wanted = vec![
            headers.user_id.clone(),
            headers.user.clone(),
            headers.user_name.clone(),
            headers.email.clone(),
            headers.group.clone(),
        ];
        // One header may say two things; its lines are wanted once.
        wanted.sort();
        wanted.dedup();
        Ok(Self {
            headers,
            wanted,
            separator: if separator.is_empty() { "," } else { separator }.to_owned(),
            static_groups: settings.static_groups,
            // Not the callback that connectors of dex share: the proxy guards this one alone.
            callback_url: ctx.issuer.url(&spec.callback_route()),
        })
    }

    /// The groups of all lines of their header, and those everybody is given.
    fn groups(&self, told: &[(String, String)]) -> Vec<String> {
        let lines = told.iter().filter(|(name, _)| *name == self.headers.group);
        let groups = lines.flat_map(|(_, text)| text.split(&*self.separator));
        let groups = groups.map(str::trim).filter(|group| !group.is_empty());
        groups
            .map(str::to_owned)
            .chain(self.static_groups.iter().cloned())
            .collect()
    }
}

/// The first line of a header that says something.
fn line<'a>(told: &'a [(String, String)], header: &str) -> Option<&'a str> {
    let mut lines = told.iter().filter(|(name, _)| name == header);
    lines.find_map(|(_, text)| Some(text.trim()).filter(|text| !text.is_empty()))
}

#[async_trait]
impl Connector for AuthProxy {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn wanted_headers(&self) -> &[String] {
        &self.wanted
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
        let Some(user) = line(&headers, &self.headers.user) else {
            return Err(bad(format!(
                "the header {} is missing; the proxy must write it and be listed in trustedProxies",
                self.headers.user
            )));
        };
        let or_user = |name: &str| line(&headers, name).unwrap_or(user).to_owned();
        let user_id = UserId::parse(or_user(&self.headers.user_id))
            .map_err(|_| bad("the person's id is longer than 255 or not printable".to_owned()))?;
        Ok(UpstreamIdentity {
            claims: IdentityClaims {
                username: user.to_owned(),
                preferred_username: or_user(&self.headers.user_name),
                email: or_user(&self.headers.email),
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
