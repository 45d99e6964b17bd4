use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use insula_oauth::{CodeChallengeMethod, GrantType, ResponseType};
use serde::{Deserialize, Serialize};

use crate::{
    Client, ClientId, ConnectorId, ConnectorSpec, HttpPolicy, Issuer, People, PersonDetails,
    Resource, Rules, TenantId, UserId,
};

/// Whose letter a tenant follows where dex departs from the RFCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// The RFCs'.
    Standard,
    /// dex's, so that what was written against dex keeps working.
    Dex,
}

/// Everything that is configured of a tenant, checked and typed.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantSpec {
    /// The tenant's name: its folder.
    pub id: TenantId,
    /// Its issuer identifier.
    pub issuer: Issuer,
    /// Further host names that lead to it.
    pub hosts: Vec<String>,
    /// Whether it answers for hosts that nobody has.
    pub is_default: bool,
    /// Whose letter it follows, to be shown; what that means is in `rules`.
    pub dialect: Dialect,
    /// How it behaves where dex departs from the RFCs.
    pub rules: Rules,
    /// Its relying parties that come with its configuration; they are read-only.
    pub clients: BTreeMap<ClientId, Arc<Client>>,
    /// The APIs that take its access tokens.
    pub resources: Vec<Resource>,
    /// Its upstreams, in the order of the file; `local` stands last where the password DB is on.
    pub connectors: Vec<Arc<ConnectorSpec>>,
    /// Whether people may log in with a password kept here.
    pub password_db: bool,
    /// People of the password DB.
    pub passwords: People,
    /// What the protocol allows.
    pub oauth2: OAuth2Policy,
    /// How tokens are signed.
    pub signer: SignerPolicy,
    /// How long things live.
    pub expiry: Expiry,
    /// How browsers stay logged in.
    pub sessions: SessionPolicy,
    /// What people see.
    pub frontend: Frontend,
    /// How its answers travel.
    pub http: HttpPolicy,
    /// The tenant's limits.
    pub limits: Limits,
    /// Fields that lines about its logins leave out.
    pub log_exclude: Vec<String>,
    /// After how much idleness the actor is let go.
    pub passivate_after: Duration,
}

impl TenantSpec {
    /// A configured client by id.
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id).map(Arc::as_ref)
    }

    /// A resource by its indicator.
    pub fn resource(&self, identifier: &str) -> Option<&Resource> {
        let mut resources = self.resources.iter();
        resources.find(|resource| resource.identifier == identifier)
    }

    /// The resource that a scope belongs to.
    pub fn resource_of_scope(&self, word: &str) -> Option<&Resource> {
        let mut resources = self.resources.iter();
        resources.find(|resource| resource.scope(word).is_some())
    }

    /// A connector by id.
    pub fn connector(&self, id: &str) -> Option<&ConnectorSpec> {
        let mut connectors = self.connectors.iter().map(Arc::as_ref);
        connectors.find(|c| c.id.as_str() == id)
    }
}

/// A person of the password DB.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordRecord {
    /// The mail address as it is written, which is how tokens carry it. Lower-cased it is the login
    /// name, and the key under which the person is found.
    pub email: String,
    /// An argon2id PHC string, or a bcrypt one as dex writes it.
    pub hash: String,
    /// The person's id.
    pub user_id: UserId,
    /// Becomes `name` where `name` is not given.
    pub username: String,
    /// Becomes `name`.
    pub name: Option<String>,
    /// Becomes `preferred_username`.
    pub preferred_username: String,
    /// Becomes `email_verified`.
    pub email_verified: bool,
    /// Becomes `groups`.
    pub groups: Vec<String>,
    /// What else is known of the person, where anything is.
    pub details: Option<Box<PersonDetails>>,
}

impl std::fmt::Debug for PasswordRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordRecord")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// dex's `oauth2` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2Policy {
    /// Response types that are served.
    pub response_types: Vec<ResponseType>,
    /// Grants that are served.
    pub grant_types: Vec<GrantType>,
    /// Whether nobody is asked for consent.
    pub skip_approval_screen: bool,
    /// Whether what was allowed before counts for a native app too, whose redirect URI any program
    /// of the person's machine may answer at.
    pub remember_native_consent: bool,
    /// Whether the choice of connectors is shown even when there is one.
    pub always_show_login_screen: bool,
    /// The connector of the password grant.
    pub password_connector: Option<ConnectorId>,
    /// Whether every client must use PKCE; public clients of our dialect always must.
    pub pkce_enforce: bool,
    /// The challenge methods that are taken.
    pub pkce_methods: Vec<CodeChallengeMethod>,
}

/// How tokens are signed. Algorithms go by their JOSE names (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerPolicy {
    /// `RS256`, `PS256`, `ES256`, `ES384` or `EdDSA`; the first signs by default.
    pub algorithms: Vec<String>,
    /// How long a key signs.
    pub rotation_period: Duration,
    /// How long a key is published before it signs.
    pub publish_ahead: Duration,
}

/// How long things live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// ID tokens.
    pub id_tokens: Duration,
    /// Access tokens; equal to ID tokens in a dex file.
    pub access_tokens: Duration,
    /// Logins under way.
    pub auth_requests: Duration,
    /// Authorization codes.
    pub codes: Duration,
    /// The two codes of a device.
    pub device_requests: Duration,
    /// Refresh tokens.
    pub refresh: RefreshPolicy,
}

/// How refresh tokens live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// Whether each use makes a new secret (RFC 9700 §4.14.2).
    pub rotate: bool,
    /// How long the replaced secret is still taken, for clients whose answer was lost.
    pub reuse_interval: Duration,
    /// The longest a token may lie unused.
    pub valid_if_not_used_for: Option<Duration>,
    /// The longest it may live at all.
    pub absolute_lifetime: Option<Duration>,
}

/// How browsers stay logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Whether there are browser sessions at all; dex as released has none.
    pub enabled: bool,
    /// The cookie's name.
    pub cookie_name: String,
    /// The longest a session may live.
    pub absolute_lifetime: Duration,
    /// The longest it may lie unused.
    pub valid_if_not_used_for: Duration,
    /// Whether a login for one client serves the others.
    pub sso_default: SsoDefault,
    /// Whether the cookie survives the end of the browser where the person did not choose.
    pub remember_me_by_default: bool,
}

/// With whom a login is shared where its client does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SsoDefault {
    /// With every client of the tenant.
    All,
    /// With none.
    None,
}

/// What people see. Colours and texts are kept as written; `theming` types them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontend {
    /// A folder of `themes/`.
    pub theme: String,
    /// The tenant's own theme folder, laid over it.
    pub overlay: Option<PathBuf>,
    /// What the tenant is called on its pages.
    pub issuer_name: String,
    /// Its logo: a URL, or a path within the overlay.
    pub logo_url: Option<String>,
    /// Tokens by name for light screens: `accent`, `background`, …
    pub light: BTreeMap<String, String>,
    /// Tokens by name for dark screens.
    pub dark: BTreeMap<String, String>,
    /// Where terms, privacy and support are found.
    pub links: Links,
    /// Languages that are served, the default first; empty for all the theme has.
    pub languages: Vec<String>,
    /// Texts by language and key that replace the theme's.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
    /// dex's `frontend.extra`.
    pub extra: BTreeMap<String, String>,
}

/// The links of a page's footer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// Terms of service.
    pub terms: Option<String>,
    /// Privacy notice.
    pub privacy: Option<String>,
    /// Where help is found.
    pub support: Option<String>,
}

/// So many per so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In which time.
    pub per: Duration,
}

/// A tenant's limits: a flood within it stops at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests over all endpoints but public documents; `None` for any number.
    pub requests: Option<Rate>,
    /// Logins under way at once; beyond it the oldest goes.
    pub logins_under_way: u32,
    /// Rows of each kind that a process remembers for a moment; zero for none.
    pub remembered_rows: u32,
    /// Failed password attempts per login name.
    pub password_failures: Rate,
    /// Failed password attempts per client address, over all login names.
    pub password_failures_per_address: Rate,
    /// Failed password attempts of the whole tenant, from browsers that are not known.
    pub password_failures_per_tenant: Rate,
    /// Failed client authentications per client and address.
    pub client_failures: Rate,
    /// The longest time one failure holds up the next attempt.
    pub longest_delay: Duration,
    /// For how long a browser is known in which somebody logged in with a password; zero for never.
    pub known_devices: Duration,
    /// Password hashes computed at once.
    pub password_hashes: u32,
    /// Calls at once to one upstream.
    pub upstream_calls: u32,
}
