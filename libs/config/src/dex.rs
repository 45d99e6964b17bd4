use std::time::Duration;

use insula_model::{Dialect, SsoDefault};
use insula_oauth::{CodeChallengeMethod, GrantType};

use crate::Severity;
use crate::defaults::{Defaults, HOUR, MINUTE};
use crate::reading::Reading;
use crate::section::Section;
use crate::tree::{Kind, Position};

/// dex's defaults. Keys are announced for ten minutes, the time its JWKS may be cached for: dex has
/// no such pause, which no client can notice but by never meeting an unknown `kid`.
pub(crate) fn defaults(reading: &Reading<'_>) -> Defaults {
    let gives_client_credentials =
        reading.env_flag("DEX_CLIENT_CREDENTIAL_GRANT_ENABLED_BY_DEFAULT", false);
    Defaults {
        dialect: Dialect::Dex,
        id_tokens: 24 * HOUR,
        access_tokens: None,
        auth_requests: 24 * HOUR,
        codes: 30 * MINUTE,
        longest_code: 30 * MINUTE,
        device_requests: 5 * MINUTE,
        reuse_interval: Duration::ZERO,
        refresh_idle: None,
        refresh_absolute: None,
        algorithms: &["RS256"],
        rotation_period: 6 * HOUR,
        publish_ahead: 10 * MINUTE,
        sessions_enabled: reading.env_flag("DEX_SESSIONS_ENABLED", false),
        cookie_name: "dex_session",
        sso: SsoDefault::None,
        remember_me: true,
        grant_types: if gives_client_credentials {
            &GRANTS_WITH_CLIENT_CREDENTIALS
        } else {
            &GRANTS
        },
        pkce_methods: &[CodeChallengeMethod::S256, CodeChallengeMethod::Plain],
        theme: "light",
    }
}

/// What dex serves where a file is silent.
const GRANTS: [GrantType; 6] = [
    GrantType::AuthorizationCode,
    GrantType::Implicit,
    GrantType::Password,
    GrantType::RefreshToken,
    GrantType::DeviceCode,
    GrantType::TokenExchange,
];

/// The same where a variable of dex's next version adds tokens that are about clients.
const GRANTS_WITH_CLIENT_CREDENTIALS: [GrantType; 7] = [
    GrantType::AuthorizationCode,
    GrantType::ClientCredentials,
    GrantType::Implicit,
    GrantType::Password,
    GrantType::RefreshToken,
    GrantType::DeviceCode,
    GrantType::TokenExchange,
];

/// Sections that describe a process and not a tenant, or the keys of them that do.
const OF_THE_PROCESS: [(&str, &[&str]); 5] = [
    ("storage", &[]),
    (
        "web",
        &[
            "http",
            "https",
            "tlsCert",
            "tlsKey",
            "tlsMinVersion",
            "tlsMaxVersion",
        ],
    ),
    ("grpc", &[]),
    ("telemetry", &[]),
    ("logger", &["level", "format"]),
];

/// Variables of dex that this version does not obey.
const UNOBEYED: [&str; 4] = [
    "DEX_API_CONNECTORS_CRUD",
    "DEX_API_SESSIONS_IDENTITIES_CRUD",
    "DEX_ENT_ENABLED",
    "DEX_FRONTEND_DIR",
];

/// Tells of variables of dex that are set and change nothing here.
pub(crate) fn unobeyed_variables(top: &Section<'_>, reading: &mut Reading<'_>) {
    for name in UNOBEYED {
        if reading
            .variable(name)
            .is_some_and(|value| !value.reveal().is_empty())
        {
            let cause = format!("{name} is set and has no effect in this version");
            reading.warn(top.at(), name, cause, "unset it");
        }
    }
}

/// Names, in one line, the sections that describe a process and not a tenant.
pub(crate) fn process_wide(top: &mut Section<'_>, reading: &mut Reading<'_>) {
    let mut named: Vec<(Position, String)> = Vec::new();
    for (key, within) in OF_THE_PROCESS {
        let Some(entry) = top.entry(key) else {
            continue;
        };
        if within.is_empty() {
            named.push((entry.at, key.to_owned()));
        } else if let Kind::Map(entries) = &entry.value.kind {
            let is_within = |name: &str| within.iter().any(|key| key.eq_ignore_ascii_case(name));
            let entries = entries.iter().filter(|entry| is_within(&entry.key));
            named.extend(entries.map(|entry| (entry.at, format!("{key}.{}", entry.key))));
        }
    }
    let Some((at, key)) = named.first().cloned() else {
        return;
    };
    let (verb, next) = match named.len() {
        1 => ("belongs", "set it in insula.yaml"),
        _ => ("belong", "set them in insula.yaml"),
    };
    let cause = format!(
        "{} {verb} to the server and not to a tenant",
        listed(&named)
    );
    reading.tell(Severity::Info, at, &key, cause, next);
}

/// Reads `logger.excludeFields`, which our own files say for the whole server in `log.exclude`.
pub(crate) fn excluded_fields(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    if !reading.lenient {
        return Vec::new();
    }
    let mut section = top.section("logger", reading);
    for key in ["level", "format"] {
        // The server's; told in one line with the rest of its settings.
        section.entry(key);
    }
    let fields = section.texts("excludeFields", reading);
    section.finish(reading);
    fields.into_iter().map(|field| field.value).collect()
}

/// dex's multi-factor section asks for a second proof; without one nobody is let in.
pub(crate) fn mfa(top: &mut Section<'_>, reading: &mut Reading<'_>) {
    let Some(entry) = top.entry("mfa") else {
        return;
    };
    if reading.env_flag("DEX_SESSIONS_ENABLED", false) {
        let cause = "a second factor is not served by this version";
        let next = "remove the section only if a password alone is enough";
        reading.error(entry.at, "mfa", cause, next);
    } else {
        let cause = "mfa requires sessions to be enabled (DEX_SESSIONS_ENABLED=true)";
        reading.error(entry.at, "mfa", cause, "");
    }
}

fn listed(keys: &[(Position, String)]) -> String {
    let words: Vec<&str> = keys.iter().map(|(_, key)| key.as_str()).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
