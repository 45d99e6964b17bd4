use std::borrow::Cow;

use actix_web::http::Method;
use insula_model::{DeviceForm, Rules, TenantSpec};
use insula_oauth::GrantType;
use insula_theming::Occasion;
use percent_encoding::percent_decode_str;

/// A route below a tenant's issuer. Paths are dex's; ours beyond them are `/revoke` and the
/// metadata of RFC 8414 and of connectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Home,
    Discovery,
    Keys,
    Authorize,
    AuthorizeAt(String),
    Password(String),
    Callback,
    CallbackAt(String),
    ConnectorMetadata(String),
    Approval,
    Token,
    Introspect,
    Revoke,
    UserInfo,
    Logout,
    LogoutCallback,
    Device,
    DeviceCode,
    DeviceVerify,
    DeviceCallback,
    DeviceToken,
    Static(String),
    Robots,
    Health(Probe),
}

/// What somebody wants to know of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Whether it can serve, as dex tells it.
    Health,
    /// Whether it is there.
    Live,
    /// Whether it wants work.
    Ready,
}

impl Probe {
    /// The probe of a path. It is the same below every issuer and on every host: whoever probes
    /// knows an address and no tenant.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/healthz" => Some(Self::Health),
            "/healthz/live" => Some(Self::Live),
            "/healthz/ready" => Some(Self::Ready),
            _ => None,
        }
    }
}

impl Route {
    /// The route of a path that begins after the issuer's own. `None` if there is none: no path is
    /// cleaned and no slash is forgiven, as in dex.
    pub(crate) fn of(path: &str) -> Option<Self> {
        Some(match path {
            "" | "/" => Self::Home,
            "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server" => {
                Self::Discovery
            }
            "/keys" => Self::Keys,
            "/auth" => Self::Authorize,
            "/callback" => Self::Callback,
            "/approval" => Self::Approval,
            "/token" => Self::Token,
            "/token/introspect" => Self::Introspect,
            "/revoke" => Self::Revoke,
            "/userinfo" => Self::UserInfo,
            "/logout" => Self::Logout,
            "/logout/callback" => Self::LogoutCallback,
            "/device" => Self::Device,
            "/device/code" => Self::DeviceCode,
            "/device/auth/verify_code" => Self::DeviceVerify,
            "/device/callback" => Self::DeviceCallback,
            "/device/token" => Self::DeviceToken,
            "/robots.txt" => Self::Robots,
            _ => match Probe::of(path) {
                Some(probe) => Self::Health(probe),
                None => return Self::with_segment(path),
            },
        })
    }

    fn with_segment(path: &str) -> Option<Self> {
        let file = path
            .strip_prefix("/static/")
            .or_else(|| path.strip_prefix("/theme/"));
        if let Some(rest) = file {
            return Some(Self::Static(decoded(rest)?));
        }
        if let Some(rest) = path.strip_prefix("/auth/") {
            return Some(match rest.strip_suffix("/login") {
                Some(id) => Self::Password(segment(id)?),
                None => Self::AuthorizeAt(segment(rest)?),
            });
        }
        let rest = path.strip_prefix("/callback/")?;
        Some(match rest.strip_suffix("/metadata") {
            Some(id) => Self::ConnectorMetadata(segment(id)?),
            None => Self::CallbackAt(segment(rest)?),
        })
    }

    /// The pattern, for metrics: bounded, whatever strangers ask for.
    pub(crate) const fn pattern(&self) -> &'static str {
        match self {
            Self::Home => "/",
            Self::Discovery => "/.well-known/openid-configuration",
            Self::Keys => "/keys",
            Self::Authorize => "/auth",
            Self::AuthorizeAt(_) => "/auth/{connector}",
            Self::Password(_) => "/auth/{connector}/login",
            Self::Callback => "/callback",
            Self::CallbackAt(_) => "/callback/{connector}",
            Self::ConnectorMetadata(_) => "/callback/{connector}/metadata",
            Self::Approval => "/approval",
            Self::Token => "/token",
            Self::Introspect => "/token/introspect",
            Self::Revoke => "/revoke",
            Self::UserInfo => "/userinfo",
            Self::Logout => "/logout",
            Self::LogoutCallback => "/logout/callback",
            Self::Device => "/device",
            Self::DeviceCode => "/device/code",
            Self::DeviceVerify => "/device/auth/verify_code",
            Self::DeviceCallback => "/device/callback",
            Self::DeviceToken => "/device/token",
            Self::Static(_) => "/static",
            Self::Robots => "/robots.txt",
            Self::Health(Probe::Health) => "/healthz",
            Self::Health(Probe::Live) => "/healthz/live",
            Self::Health(Probe::Ready) => "/healthz/ready",
        }
    }

    /// The methods there are, as `Allow` lists them (RFC 9110 §10.2.1).
    pub(crate) const fn allow(&self) -> &'static str {
        match self {
            Self::Discovery | Self::Keys => "GET, HEAD, OPTIONS",
            Self::Home | Self::Static(_) | Self::Robots | Self::Health(_) => "GET, HEAD",
            Self::Token | Self::Revoke => "POST, OPTIONS",
            Self::Introspect | Self::DeviceCode | Self::DeviceVerify | Self::DeviceToken => "POST",
            Self::DeviceCallback | Self::ConnectorMetadata(_) => "GET, HEAD",
            Self::UserInfo => "GET, HEAD, POST, OPTIONS",
            Self::Authorize
            | Self::AuthorizeAt(_)
            | Self::Password(_)
            | Self::Callback
            | Self::CallbackAt(_)
            | Self::Approval
            | Self::Device
            | Self::Logout
            | Self::LogoutCallback => "GET, HEAD, POST",
        }
    }

    /// Whether the route answers to `method`. dex's pages and documents answer to any; its
    /// endpoints for programs refuse a wrong one in words of their own.
    pub(crate) fn answers_to(&self, method: &Method, rules: &Rules) -> bool {
        let is_listed = |list: &str| list.split(", ").any(|known| known == method.as_str());
        if *self == Self::Device && rules.devices == DeviceForm::Dex {
            return is_listed("GET, HEAD");
        }
        match (self, rules.answers_to_every_method) {
            (
                Self::Discovery
                | Self::Keys
                | Self::Token
                | Self::Introspect
                | Self::UserInfo
                | Self::Home
                | Self::Robots,
                true,
            )
            | (Self::Health(_), _) => true,
            _ => is_listed(self.allow()),
        }
    }

    /// Whether a GET may begin a login, take a step of it or end a session.
    pub(crate) const fn is_of_a_login(&self) -> bool {
        matches!(
            self,
            Self::Authorize
                | Self::AuthorizeAt(_)
                | Self::Password(_)
                | Self::Callback
                | Self::CallbackAt(_)
                | Self::Approval
                | Self::Device
                | Self::DeviceCallback
                | Self::Logout
                | Self::LogoutCallback
        )
    }

    /// Whether it belongs to devices.
    pub(crate) const fn is_of_devices(&self) -> bool {
        matches!(
            self,
            Self::Device
                | Self::DeviceCode
                | Self::DeviceVerify
                | Self::DeviceCallback
                | Self::DeviceToken
        )
    }

    /// Whether the tenant has this route. dex's routes of devices are there whatever grants it serves.
    pub(crate) fn is_there(&self, spec: &TenantSpec) -> bool {
        match (self, spec.rules.devices) {
            (Self::Device | Self::DeviceCode, DeviceForm::Rfc8628) => {
                spec.oauth2.grant_types.contains(&GrantType::DeviceCode)
            }
            (Self::DeviceVerify | Self::DeviceCallback | Self::DeviceToken, form) => {
                form == DeviceForm::Dex
            }
            _ => true,
        }
    }

    /// What a person is about who sees a page of this route.
    pub(crate) const fn occasion(&self) -> Occasion {
        match self {
            Self::Authorize
            | Self::AuthorizeAt(_)
            | Self::Password(_)
            | Self::Callback
            | Self::CallbackAt(_)
            | Self::Approval
            | Self::Device
            | Self::DeviceVerify
            | Self::DeviceCallback => Occasion::SignIn,
            Self::Logout | Self::LogoutCallback => Occasion::SignOut,
            _ => Occasion::Visit,
        }
    }

    /// Whether scripts of other origins may read the answer: metadata, and the endpoints that act
    /// on a token or a code rather than on a cookie (OAuth 2.0 for Browser-Based Applications). dex
    /// counts its front page and introspection among them.
    pub(crate) fn is_for_scripts(&self, rules: &Rules) -> bool {
        match self {
            Self::Discovery | Self::Keys | Self::Token | Self::Revoke | Self::UserInfo => true,
            Self::Home | Self::Introspect => rules.opens_home_and_introspection_to_scripts,
            _ => false,
        }
    }

    /// Whether the answer is the same for everybody and costs next to nothing.
    pub(crate) const fn is_public_document(&self) -> bool {
        matches!(
            self,
            Self::Discovery | Self::Keys | Self::Robots | Self::Health(_)
        )
    }
}

fn segment(raw: &str) -> Option<String> {
    if raw.is_empty() || raw.contains('/') {
        None
    } else {
        decoded(raw)
    }
}

fn decoded(raw: &str) -> Option<String> {
    percent_decode_str(raw)
        .decode_utf8()
        .ok()
        .map(Cow::into_owned)
}

/// What is left of `path` after the issuer's own `prefix`, if it is below it.
pub(crate) fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The RFC 8414 §3.1 spelling of a tenant's metadata: the well-known part stands before the
/// issuer's path. Answers that path.
pub(crate) fn metadata_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/.well-known/oauth-authorization-server")?;
    (rest.starts_with('/') && rest.len() > 1).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_dex_paths_and_no_slash_is_forgiven() {
        assert_eq!(Route::of("/token/introspect"), Some(Route::Introspect));
        assert_eq!(
            Route::of("/auth/mock"),
            Some(Route::AuthorizeAt("mock".into()))
        );
        assert_eq!(
            Route::of("/auth/a%2Fb/login"),
            Some(Route::Password("a/b".into()))
        );
        assert_eq!(
            Route::of("/callback/x"),
            Some(Route::CallbackAt("x".into()))
        );
        assert_eq!(
            Route::of("/callback/x/metadata"),
            Some(Route::ConnectorMetadata("x".into()))
        );
        for unknown in [
            "/auth/",
            "/keys/",
            "/Token",
            "/auth/a/b",
            "/callback/",
            "/callback//metadata",
            "/callback/x/y",
            "/x",
        ] {
            assert_eq!(Route::of(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn an_issuer_path_ends_at_a_segment() {
        assert_eq!(below("/dex", "/dex/keys"), Some("/keys"));
        assert_eq!(below("/dex", "/dex"), Some(""));
        assert_eq!(below("/dex", "/dexter/keys"), None);
        assert_eq!(below("", "/keys"), Some("/keys"));
    }

    #[test]
    fn authorization_server_metadata_stands_before_the_issuer_path() {
        assert_eq!(
            metadata_of("/.well-known/oauth-authorization-server/dex"),
            Some("/dex")
        );
        assert_eq!(metadata_of("/.well-known/oauth-authorization-server"), None);
    }
}
