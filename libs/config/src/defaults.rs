use std::time::Duration;

use insula_model::{Dialect, Limits, Rate, SsoDefault};
use insula_oauth::{CodeChallengeMethod, GrantType};

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// What holds where a file is silent, and how far it may go: all that tells the two dialects apart
/// once a file is read.
pub(crate) struct Defaults {
    pub(crate) dialect: Dialect,
    pub(crate) id_tokens: Duration,
    /// `None` where access tokens always live as long as ID tokens.
    pub(crate) access_tokens: Option<Duration>,
    pub(crate) auth_requests: Duration,
    pub(crate) codes: Duration,
    pub(crate) longest_code: Duration,
    pub(crate) device_requests: Duration,
    pub(crate) reuse_interval: Duration,
    pub(crate) refresh_idle: Option<Duration>,
    pub(crate) refresh_absolute: Option<Duration>,
    pub(crate) algorithms: &'static [&'static str],
    pub(crate) rotation_period: Duration,
    pub(crate) publish_ahead: Duration,
    pub(crate) sessions_enabled: bool,
    pub(crate) cookie_name: &'static str,
    pub(crate) sso: SsoDefault,
    pub(crate) remember_me: bool,
    pub(crate) grant_types: &'static [GrantType],
    pub(crate) pkce_methods: &'static [CodeChallengeMethod],
    pub(crate) theme: &'static str,
}

/// The limits of a tenant that names none; a dex file has no quota of requests.
pub(crate) const LIMITS: Limits = Limits {
    requests: Some(Rate {
        count: 200,
        per: Duration::from_secs(1),
    }),
    logins_under_way: 10_000,
    remembered_rows: 2_000,
    password_failures: Rate {
        count: 10,
        per: Duration::from_mins(10),
    },
    password_failures_per_address: Rate {
        count: 100,
        per: Duration::from_mins(10),
    },
    password_failures_per_tenant: Rate {
        count: 5_000,
        per: Duration::from_mins(10),
    },
    client_failures: Rate {
        count: 20,
        per: Duration::from_mins(10),
    },
    longest_delay: Duration::from_mins(15),
    known_devices: Duration::from_hours(90 * 24),
    password_hashes: 4,
    upstream_calls: 16,
};

/// How long clients may keep a JWK Set: as long as dex's may, so that a swap changes nothing. No key is
/// announced for less, nor changed sooner.
pub const JWKS_MAX_AGE: Duration = Duration::from_mins(10);

/// How long one call to an upstream may take where its connector does not say.
pub(crate) const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(10);
/// How far an upstream's clock may differ where its connector does not say.
pub(crate) const CLOCK_SKEW: Duration = MINUTE;
/// And how far it may be said to differ.
pub(crate) const LARGEST_CLOCK_SKEW: Duration = Duration::from_mins(5);
/// After how much idleness a tenant is let go where its file does not say.
pub(crate) const PASSIVATE_AFTER: Duration = Duration::from_mins(30);
