use std::time::Duration;

use insula_model::{Dialect, Expiry, RefreshPolicy};

use crate::defaults::Defaults;
use crate::duration::display;
use crate::reading::{Reading, Spot};
use crate::section::Section;

const LONGEST_REUSE: Duration = Duration::from_mins(5);

/// Reads `expiry`.
pub(super) fn read(
    mut section: Section<'_>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> Expiry {
    let mut life = |key, default, why: &Bound, reading: &mut Reading<'_>| {
        let span = section.duration(key, reading);
        within(span, why, reading).unwrap_or(default)
    };
    let free = Bound { longest: None };
    let id_tokens = life("idTokens", defaults.id_tokens, &free, reading);
    let auth_requests = life(
        "authRequests",
        defaults.auth_requests,
        &AUTH_REQUESTS,
        reading,
    );
    let device_requests = life(
        "deviceRequests",
        defaults.device_requests,
        &DEVICE_REQUESTS,
        reading,
    );
    // dex has neither key: its codes live half an hour, its access tokens as long as its ID tokens.
    let (codes, access_tokens) = if reading.lenient {
        (defaults.codes, id_tokens)
    } else {
        let longest = Bound {
            longest: Some((defaults.longest_code, "codes live seconds, not hours")),
        };
        let codes = life("codes", defaults.codes, &longest, reading);
        let default = defaults.access_tokens.unwrap_or(id_tokens);
        (codes, life("accessTokens", default, &free, reading))
    };
    if defaults.dialect == Dialect::Dex && access_tokens != id_tokens {
        let key = section.key("accessTokens");
        let cause =
            "differs from expiry.idTokens, but dex's access tokens live as long as its ID tokens";
        let at = section.at();
        reading.error(
            at,
            &key,
            cause,
            "remove the key, or write profile: standard",
        );
    }
    let refresh = refresh(section.section("refreshTokens", reading), defaults, reading);
    section.finish(reading);
    Expiry {
        id_tokens,
        access_tokens,
        auth_requests,
        codes,
        device_requests,
        refresh,
    }
}

/// How long something may live at most, and what to think about where it lives longer.
struct Bound {
    longest: Option<(Duration, &'static str)>,
}

const AUTH_REQUESTS: Bound = Bound {
    longest: Some((
        Duration::from_hours(24),
        "a login takes minutes; who comes back tomorrow begins anew",
    )),
};

const DEVICE_REQUESTS: Bound = Bound {
    longest: Some((
        Duration::from_mins(30),
        "a code that is shown for long can be guessed, or sent to somebody else, for as long",
    )),
};

fn within(
    span: Option<Spot<Duration>>,
    bound: &Bound,
    reading: &mut Reading<'_>,
) -> Option<Duration> {
    let span = span?;
    if span.value.is_zero() {
        let cause = format!("{} lets it live no time at all", span.shown);
        reading.error(span.at, &span.key, cause, "write a positive duration");
        return None;
    }
    if let Some((longest, why)) = bound.longest
        && span.value > longest
        && !reading.lenient
    {
        let cause = format!(
            "{} is longer than the allowed {}",
            span.shown,
            display(longest)
        );
        reading.error(span.at, &span.key, cause, why);
        return None;
    }
    Some(span.value)
}

fn refresh(
    mut section: Section<'_>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> RefreshPolicy {
    let rotate = !section.flag("disableRotation", reading).unwrap_or(false);
    let reuse = section.duration("reuseInterval", reading);
    if let Some(reuse) = &reuse
        && reuse.value > LONGEST_REUSE
    {
        let cause = format!("{} is longer than the allowed 5m", reuse.shown);
        let next = "it bridges a lost answer; a stolen token may be replayed as long";
        reading.object(reuse.at, &reuse.key, cause, next);
    }
    let idle = section.duration("validIfNotUsedFor", reading);
    let absolute = section.duration("absoluteLifetime", reading);
    if let (Some(idle), Some(absolute)) = (&idle, &absolute)
        && !absolute.value.is_zero()
        && idle.value > absolute.value
    {
        let cause = format!(
            "{} is longer than absoluteLifetime {}",
            idle.shown, absolute.shown
        );
        reading.object(idle.at, &idle.key, cause, "write the shorter one here");
    }
    section.finish(reading);
    // A zero is dex's way to say never; left out, the defaults hold.
    let span = |written: Option<Spot<Duration>>, default| match written {
        Some(span) => Some(span.value).filter(|s| !s.is_zero()),
        None => default,
    };
    RefreshPolicy {
        rotate,
        reuse_interval: reuse.map_or(defaults.reuse_interval, |r| r.value),
        valid_if_not_used_for: span(idle, defaults.refresh_idle),
        absolute_lifetime: span(absolute, defaults.refresh_absolute),
    }
}
