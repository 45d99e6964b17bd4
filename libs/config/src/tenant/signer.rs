use std::time::Duration;

use insula_model::SignerPolicy;

use super::expand::expanded;
use crate::defaults::{Defaults, JWKS_MAX_AGE};
use crate::duration::display;
use crate::reading::{Reading, Spot};
use crate::section::{Section, suggestion};

const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

/// Reads `signer`, and takes in `expiry.signingKeys`, its deprecated elder.
pub(super) fn read(
    top: &mut Section<'_>,
    signing_keys: Option<Spot<Duration>>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> SignerPolicy {
    let mut section = top.section("signer", reading);
    if let Some(kind) = section.text("type", reading)
        && kind.value != "local"
    {
        let cause = format!(
            "a signer of type {} is not served by this version",
            kind.shown
        );
        reading.error(kind.at, &kind.key, cause, "write local");
    }
    let key = section.key("config");
    let config = section
        .node("config")
        .map(|node| expanded(node, &key, reading));
    section.finish(reading);

    let mut config = match &config {
        Some(node) => Section::open(node, &key, reading),
        None => Section::absent(&key),
    };
    let algorithms = algorithms(&mut config, defaults, reading);
    let period = config.duration("keysRotationPeriod", reading);
    let period = period.or(signing_keys);
    let rotation_period = period
        .as_ref()
        .map_or(defaults.rotation_period, |p| p.value);
    let ahead = if reading.lenient {
        None
    } else {
        config.duration("publishAhead", reading)
    };
    config.finish(reading);

    if let Some(period) = &period
        && period.value.is_zero()
    {
        let cause = format!("{} would change keys all the time", period.shown);
        reading.error(period.at, &period.key, cause, "write a positive duration");
    }
    for span in [period.as_ref(), ahead.as_ref()].into_iter().flatten() {
        if !span.value.is_zero() && span.value < JWKS_MAX_AGE {
            let least = display(JWKS_MAX_AGE);
            let cause = format!("{} is raised to {least}", span.shown);
            let next =
                "clients may keep the keys that long, and must not meet one they do not know";
            reading.warn(span.at, &span.key, cause, next);
        }
    }
    let publish_ahead = match ahead {
        Some(ahead) if ahead.value >= rotation_period => {
            let whole = display(rotation_period);
            let cause = format!(
                "{} is not shorter than keysRotationPeriod {whole}",
                ahead.shown
            );
            let next = "a key must be announced while the one before it signs";
            reading.error(ahead.at, &ahead.key, cause, next);
            defaults.publish_ahead
        }
        Some(ahead) => ahead.value,
        // A short period leaves less room than the default wants; half of it is always there.
        None => defaults.publish_ahead.min(rotation_period / 2),
    };
    SignerPolicy {
        algorithms,
        rotation_period,
        publish_ahead,
    }
}

/// `algorithm`, or in our files `algorithms` of which the first signs by default.
fn algorithms(
    config: &mut Section<'_>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> Vec<String> {
    let mut named: Vec<_> = config.text("algorithm", reading).into_iter().collect();
    if !reading.lenient {
        let more = config.texts("algorithms", reading);
        if let (Some(one), false) = (named.first(), more.is_empty()) {
            let cause = "stands beside algorithms";
            reading.error(one.at, &one.key, cause, "keep one of the two keys");
        }
        named.extend(more);
    }
    let mut algorithms: Vec<String> = Vec::new();
    for text in named {
        let known = ALGORITHMS
            .iter()
            .find(|a| a.eq_ignore_ascii_case(&text.value));
        match known {
            Some(known) if algorithms.iter().any(|a| a == known) => {}
            Some(known) => algorithms.push((*known).to_owned()),
            None => {
                let cause = format!("{} is not an algorithm tokens are signed with", text.shown);
                let next = suggestion(&text.value, &ALGORITHMS);
                reading.error(text.at, &text.key, cause, &next);
            }
        }
    }
    if algorithms.is_empty() {
        algorithms.extend(defaults.algorithms.iter().map(|&alg| alg.to_owned()));
    }
    algorithms
}
