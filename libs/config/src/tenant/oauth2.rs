use insula_model::{ConnectorId, ConnectorSpec, OAuth2Policy};
use insula_oauth::{CodeChallengeMethod, GrantType, ResponseType};

use crate::defaults::Defaults;
use crate::reading::{Reading, Spot};
use crate::section::{Section, suggestion};
use crate::tree::Position;

/// The response types this version serves. A file may name more; what is not served is told, and
/// left out of the spec, so that discovery promises nothing that is not kept.
const SERVED_RESPONSE_TYPES: [ResponseType; 1] = [ResponseType::CODE];

/// Reads `oauth2`.
pub(super) fn read(
    top: &mut Section<'_>,
    connectors: &[ConnectorSpec],
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> OAuth2Policy {
    let begins = top.at();
    let mut section = top.section("oauth2", reading);
    let response_types = response_types(&mut section, reading);
    let skip_approval_screen = section.flag("skipApprovalScreen", reading).unwrap_or(false);
    // dex's files have no such key.
    let remember_native_consent = !reading.lenient
        && section
            .flag("rememberNativeConsent", reading)
            .unwrap_or(false);
    let always_show_login_screen = section
        .flag("alwaysShowLoginScreen", reading)
        .unwrap_or(false);
    let password_connector = password_connector(&mut section, connectors, reading);
    let grant_types = grant_types(&mut section, begins, defaults, reading);
    let mut pkce = section.section("pkce", reading);
    let pkce_enforce = pkce.flag("enforce", reading).unwrap_or(false);
    let pkce_methods = pkce_methods(&mut pkce, defaults, reading);
    pkce.finish(reading);
    section.finish(reading);
    OAuth2Policy {
        response_types,
        grant_types,
        skip_approval_screen,
        remember_native_consent,
        always_show_login_screen,
        password_connector,
        pkce_enforce,
        pkce_methods,
    }
}

fn response_types(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<ResponseType> {
    let mut types = Vec::new();
    for text in section.texts("responseTypes", reading) {
        let read = ResponseType::parse(&text.value).unwrap_or_default();
        if read.is_empty() {
            let dex = format!("unsupported response_type {}", text.shown);
            let ours = format!("{} is not a response type", text.shown);
            reading.refuse(text.at, &text.key, &dex, &ours, "write code");
        } else if SERVED_RESPONSE_TYPES.contains(&read) {
            types.push(read);
        } else {
            let cause = format!("{} is not served by this version", text.shown);
            let next = "let clients use code, which keeps tokens out of the browser's address";
            reading.object(text.at, &text.key, cause, next);
        }
    }
    if types.is_empty() {
        types.push(ResponseType::CODE);
    }
    types
}

/// dex drops names it does not know without a word; ours are told.
fn grant_types(
    section: &mut Section<'_>,
    begins: Position,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> Vec<GrantType> {
    let named = section.texts("grantTypes", reading);
    let wanted = if named.is_empty() {
        let at = match section.at() {
            absent if absent == Position::default() => begins,
            at => at,
        };
        tell_of_missing(at, &section.key("grantTypes"), defaults, reading);
        defaults.grant_types.to_vec()
    } else {
        let grants = named.iter().filter_map(|text| grant(text, reading));
        grants.collect()
    };
    let served = wanted.into_iter().filter(|grant| grant.is_served());
    let mut served: Vec<_> = served.collect();
    served.sort();
    served.dedup();
    served
}

/// Tells in one line of grants that a silent file has in dex and not here. Two more belong to settings
/// that are told of where they stand: a response type `token`, and `passwordConnector`.
fn tell_of_missing(at: Position, key: &str, defaults: &Defaults, reading: &mut Reading<'_>) {
    let missing = defaults
        .grant_types
        .iter()
        .filter(|grant| !grant.is_served())
        .filter(|grant| !matches!(grant, GrantType::Implicit | GrantType::Password))
        .map(|grant| grant.as_str());
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return;
    }
    let names = missing.join(" and ");
    let cause = format!("dex serves {names} where a file is silent, and this version does not");
    let served = defaults
        .grant_types
        .iter()
        .filter(|grant| grant.is_served());
    let served: Vec<_> = served.map(|grant| grant.as_str()).collect();
    let next = format!(
        "clients that use them are refused; if there are none, write grantTypes: [{}]",
        served.join(", ")
    );
    reading.warn(at, key, cause, &next);
}

/// Reads a grant type and tells of one that is not served.
pub(super) fn grant(text: &Spot<String>, reading: &mut Reading<'_>) -> Option<GrantType> {
    let Some(grant) = GrantType::parse(&text.value) else {
        let cause = format!("{} is not a grant type", text.shown);
        let next = suggestion(&text.value, &GrantType::ALL.map(GrantType::as_str));
        reading.object(text.at, &text.key, cause, &next);
        return None;
    };
    if !grant.is_served() {
        let cause = format!("{} is not served by this version", text.shown);
        let served: Vec<_> = GrantType::served().map(GrantType::as_str).collect();
        let next = format!("served are {}", served.join(", "));
        reading.object(text.at, &text.key, cause, &next);
    }
    Some(grant)
}

fn password_connector(
    section: &mut Section<'_>,
    connectors: &[ConnectorSpec],
    reading: &mut Reading<'_>,
) -> Option<ConnectorId> {
    let text = section.text("passwordConnector", reading)?;
    if text.value.is_empty() {
        return None;
    }
    let Some(connector) = connectors.iter().find(|c| c.id.as_str() == text.value) else {
        let cause = format!("no connector has the id {}", text.shown);
        let ids: Vec<_> = connectors.iter().map(|c| c.id.as_str()).collect();
        let next = suggestion(&text.value, &ids);
        reading.error(text.at, &text.key, cause, &next);
        return None;
    };
    let cause = "the password grant is not served by this version";
    let next = "let clients use authorization_code";
    reading.warn(text.at, &text.key, cause, next);
    Some(connector.id.clone())
}

fn pkce_methods(
    pkce: &mut Section<'_>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> Vec<CodeChallengeMethod> {
    let named = pkce.texts("codeChallengeMethodsSupported", reading);
    if named.is_empty() {
        return defaults.pkce_methods.to_vec();
    }
    let mut methods = Vec::new();
    for text in named {
        match CodeChallengeMethod::parse(&text.value) {
            Some(method) if !methods.contains(&method) => methods.push(method),
            Some(_) => {}
            None => {
                let cause = format!("{} is not a code challenge method", text.shown);
                reading.error(text.at, &text.key, cause, "write S256 or plain");
            }
        }
    }
    methods
}
