use std::time::Duration;

use insula_model::{SessionPolicy, SsoDefault};

use crate::Severity;
use crate::defaults::{Defaults, HOUR};
use crate::reading::{Reading, Spot};
use crate::section::Section;

/// Reads `sessions`. dex has them only by its flag, and refuses the section without it.
pub(super) fn read(
    top: &mut Section<'_>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> SessionPolicy {
    let mut section = top.section("sessions", reading);
    if let (Some(entry), true, false) = (
        top.entry("sessions"),
        reading.lenient,
        defaults.sessions_enabled,
    ) {
        let cause = "sessions config requires sessions to be enabled (DEX_SESSIONS_ENABLED=true)";
        reading.error(entry.at, "sessions", cause, "");
    }
    let enabled = if reading.lenient {
        defaults.sessions_enabled
    } else {
        section
            .flag("enabled", reading)
            .unwrap_or(defaults.sessions_enabled)
    };
    let cookie_name = cookie_name(&mut section, defaults, reading);
    let absolute = section.duration("absoluteLifetime", reading);
    let idle = section.duration("validIfNotUsedFor", reading);
    let (absolute_lifetime, valid_if_not_used_for) = lives(absolute.as_ref(), idle, reading);
    let sso_default = sso(&mut section, defaults, reading);
    let remember_me_by_default = section
        .flag("rememberMeCheckedByDefault", reading)
        .unwrap_or(defaults.remember_me);
    if reading.lenient {
        cookie_key(&mut section, defaults.sessions_enabled, reading);
    }
    section.finish(reading);
    SessionPolicy {
        enabled,
        cookie_name,
        absolute_lifetime,
        valid_if_not_used_for,
        sso_default,
        remember_me_by_default,
    }
}

fn cookie_name(
    section: &mut Section<'_>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> String {
    let Some(name) = section.text("cookieName", reading) else {
        return defaults.cookie_name.to_owned();
    };
    // RFC 6265 §4.1.1: a cookie's name is a token of RFC 2616 §2.2.
    let is_token = !name.value.is_empty()
        && name
            .value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !is_token {
        let cause = format!("{} is not a cookie name", name.shown);
        reading.error(name.at, &name.key, cause, "use letters, digits, - and _");
    }
    name.value
}

fn lives(
    absolute: Option<&Spot<Duration>>,
    idle: Option<Spot<Duration>>,
    reading: &mut Reading<'_>,
) -> (Duration, Duration) {
    let longest = absolute.map_or(24 * HOUR, |a| a.value);
    for span in [absolute, idle.as_ref()].into_iter().flatten() {
        if span.value.is_zero() {
            let cause = format!("{} ends a session as it begins", span.shown);
            reading.error(span.at, &span.key, cause, "write a positive duration");
        }
    }
    match idle {
        Some(idle) if idle.value > longest => {
            let whole = crate::duration::display(longest);
            let cause = format!("{} is longer than absoluteLifetime {whole}", idle.shown);
            reading.error(idle.at, &idle.key, cause, "write a shorter duration here");
            (longest, longest)
        }
        Some(idle) => (longest, idle.value),
        None => (longest, HOUR.min(longest)),
    }
}

fn sso(section: &mut Section<'_>, defaults: &Defaults, reading: &mut Reading<'_>) -> SsoDefault {
    let Some(word) = section.text("ssoSharedWithDefault", reading) else {
        return defaults.sso;
    };
    match word.value.as_str() {
        "all" => SsoDefault::All,
        "none" | "" => SsoDefault::None,
        _ => {
            let cause = format!("{} is neither all nor none", word.shown);
            reading.error(word.at, &word.key, cause, "write all or none");
            defaults.sso
        }
    }
}

/// dex encrypts its cookie with it. Ours carries a random word and nothing to encrypt.
fn cookie_key(section: &mut Section<'_>, are_enabled: bool, reading: &mut Reading<'_>) {
    let Some(key) = section.secret("cookieEncryptionKey", reading) else {
        return;
    };
    if !matches!(key.value.reveal().len(), 16 | 24 | 32) {
        let cause = "is not 16, 24 or 32 bytes long";
        reading.error(key.at, &key.key, cause, "");
    } else if are_enabled {
        let cause = "has no effect: the cookie carries a random word and nothing to encrypt";
        reading.tell(Severity::Info, key.at, &key.key, cause, "");
    }
}
