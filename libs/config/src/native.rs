use std::time::Duration;

use insula_model::SsoDefault;
use insula_oauth::{CodeChallengeMethod, GrantType};

use crate::defaults::{Defaults, HOUR, MINUTE};
use crate::dex;
use crate::reading::Reading;
use crate::section::{Section, suggestion};

/// The defaults of `profile: standard`: what RFC 9700 recommends.
fn standard() -> Defaults {
    Defaults {
        dialect: insula_model::Dialect::Standard,
        id_tokens: HOUR,
        access_tokens: Some(10 * MINUTE),
        auth_requests: 10 * MINUTE,
        codes: MINUTE,
        longest_code: 10 * MINUTE,
        device_requests: 10 * MINUTE,
        reuse_interval: Duration::from_secs(3),
        refresh_idle: Some(2160 * HOUR),
        refresh_absolute: Some(3960 * HOUR),
        // Seven of twenty-five relying parties tried take nothing but RS256 unless they are told.
        algorithms: &["RS256", "ES256"],
        rotation_period: 720 * HOUR,
        publish_ahead: 24 * HOUR,
        sessions_enabled: true,
        cookie_name: "insula_session",
        sso: SsoDefault::All,
        remember_me: false,
        grant_types: &[GrantType::AuthorizationCode, GrantType::RefreshToken],
        pkce_methods: &[CodeChallengeMethod::S256],
        theme: "base",
    }
}

/// Reads `profile`, which says whose defaults and whose letter hold.
pub(crate) fn profile(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Defaults {
    const PROFILES: [&str; 4] = ["standard", "dex", "oauth2.1", "fapi2"];
    let Some(profile) = top.text("profile", reading) else {
        return standard();
    };
    match profile.value.as_str() {
        "standard" => {}
        "dex" => return dex::defaults(reading),
        "oauth2.1" | "fapi2" => {
            let cause = format!("{} is not served by this version", profile.shown);
            reading.error(profile.at, &profile.key, cause, "write standard or dex");
        }
        word => {
            let cause = format!("{} is not a profile", profile.shown);
            let next = suggestion(word, &PROFILES);
            reading.error(profile.at, &profile.key, cause, &next);
        }
    }
    standard()
}

/// Reads `subject`, which says what `sub` is made of.
pub(crate) fn subject(top: &mut Section<'_>, reading: &mut Reading<'_>) {
    let Some(subject) = top.text("subject", reading) else {
        return;
    };
    let cause = match subject.value.as_str() {
        "connector" => return,
        "account" | "pairwise" => format!("{} is not served by this version", subject.shown),
        _ => format!("{} is not a form of sub", subject.shown),
    };
    reading.error(subject.at, &subject.key, cause, "write connector");
}
