use serde::{Deserialize, Serialize};

/// What a client wants done when its people log out.
///
/// The members that have a name in
/// [Back-Channel Logout §2.2](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRegistration)
/// and [Front-Channel Logout §2](https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout)
/// have it here. Both specifications let an RP that does not ask for `sid` do without; ours are told
/// which session it is unless they say that they mean all of a person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientLogout {
    /// Where a logout token is posted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether a logout token says by `sid` which session ended. Without it, all sessions that the
    /// person has with the client end.
    #[serde(default = "yes")]
    pub backchannel_logout_session_required: bool,
    /// What the browser loads in a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Whether it is told there, by `iss` and `sid`, which session ended.
    #[serde(default = "yes")]
    pub frontchannel_logout_session_required: bool,
    /// How long its refresh tokens live.
    #[serde(default)]
    pub refresh_token_lifetime: RefreshTokenLifetime,
}

const fn yes() -> bool {
    true
}

impl Default for ClientLogout {
    fn default() -> Self {
        Self {
            backchannel_logout_uri: None,
            backchannel_logout_session_required: true,
            frontchannel_logout_uri: None,
            frontchannel_logout_session_required: true,
            refresh_token_lifetime: RefreshTokenLifetime::default(),
        }
    }
}

/// How long a client's refresh tokens live; dex's `refreshTokenLifetime`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokenLifetime {
    /// As long as the tenant says, whatever becomes of the session: `offline_access` is leave to act
    /// while the person is away (OpenID Connect Core §11).
    #[default]
    Standalone,
    /// No longer than the session they began in.
    Session,
}
