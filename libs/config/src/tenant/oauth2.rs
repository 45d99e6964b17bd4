use insula_model::{ConnectorId, ConnectorSpec, Dialect, OAuth2Policy};
use insula_oauth::{CodeChallengeMethod, GrantType, ResponseType};

use crate::defaults::Defaults;
use crate::reading::{Reading, Spot};
use crate::section::{Section, suggestion};
use crate::tree::Position;

/// Reads `oauth2`.
pub(super) fn read(
    top: &mut Section<'_>,
    connectors: &[ConnectorSpec],
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> OAuth2Policy {
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
    let has_connector = password_connector.is_some();
    let grant_types = grant_types(
        &mut section,
        &response_types,
        has_connector,
        defaults,
        reading,
    );
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

/// `code` alone unless more are named. dex takes each type in one spelling.
fn response_types(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<ResponseType> {
    let mut types = Vec::new();
    for text in section.texts("responseTypes", reading) {
        let read = ResponseType::parse(&text.value).unwrap_or_default();
        let is_misspelt = reading.lenient && read.to_string() != text.value;
        if read.is_empty() || is_misspelt {
            let dex = format!("unsupported response_type {}", text.shown);
            let ours = format!("{} is not a response type", text.shown);
            let next = "write code, or words of code, id_token and token in one text";
            reading.refuse(text.at, &text.key, &dex, &ours, next);
        } else if !types.contains(&read) {
            types.push(read);
        }
    }
    if types.is_empty() {
        types.push(ResponseType::CODE);
    }
    types
}

/// The grants that are served. `implicit` comes with the response types that need it: where
/// `grantTypes` is silent, it need not be named; in our files, neither may be named without the
/// other. dex knows it by the word `token` alone.
fn with_implicit(
    mut grants: Vec<GrantType>,
    is_named: bool,
    types: &[ResponseType],
    at: (Position, &str),
    dialect: Dialect,
    reading: &mut Reading<'_>,
) -> Vec<GrantType> {
    let is_dex = dialect == Dialect::Dex;
    let has_tokens = if is_dex {
        types.iter().any(|served| served.token)
    } else {
        types.iter().any(|served| served.has_front_channel_tokens())
    };
    let has_grant = grants.contains(&GrantType::Implicit);
    let (at, key) = at;
    if is_dex || !is_named {
        grants.retain(|grant| *grant != GrantType::Implicit);
        if has_tokens && (has_grant || !is_named) {
            grants.push(GrantType::Implicit);
        }
    } else if has_tokens && !has_grant {
        let cause = "lacks implicit, which the response types with id_token or token need";
        reading.error(
            at,
            key,
            cause,
            "add implicit, or let responseTypes be [code]",
        );
    } else if has_grant && !has_tokens {
        let cause = "names implicit, but no response type has id_token or token";
        let next = "name one in responseTypes, or remove implicit";
        reading.error(at, key, cause, next);
    }
    grants
}

/// dex drops names it does not know without a word; ours are told.
fn grant_types(
    section: &mut Section<'_>,
    response_types: &[ResponseType],
    has_password_connector: bool,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> Vec<GrantType> {
    let named = section.texts("grantTypes", reading);
    let is_named = !named.is_empty();
    let named_at = named.first().map_or(section.at(), |text| text.at);
    let wanted = if named.is_empty() {
        defaults.grant_types.to_vec()
    } else {
        let grants = named.iter().filter_map(|text| grant(text, reading));
        grants.collect()
    };
    let is_silent = named.is_empty() && wanted.contains(&GrantType::Password);
    if !is_silent {
        must_belong_together(section, &named, has_password_connector, reading);
    }
    let is_offered = |grant: &GrantType| *grant != GrantType::Password || has_password_connector;
    let served = wanted.into_iter().filter(|grant| grant.is_served());
    let served = served.filter(is_offered).collect();
    let at = (named_at, &*section.key("grantTypes"));
    let dialect = defaults.dialect;
    let mut served = with_implicit(served, is_named, response_types, at, dialect, reading);
    served.sort();
    served.dedup();
    served
}

/// Passwords are taken where the grant and a connector for it are written both; a dex file that writes
/// the connector alone means the grant too.
fn must_belong_together(
    section: &Section<'_>,
    named: &[Spot<String>],
    has_connector: bool,
    reading: &mut Reading<'_>,
) {
    if reading.lenient {
        return;
    }
    let written = named
        .iter()
        .find(|text| text.value == GrantType::Password.as_str());
    match (written, has_connector) {
        (Some(text), false) => {
            let cause = format!("{} needs a connector that checks passwords", text.shown);
            let next = "write its id as oauth2.passwordConnector, such as local";
            reading.error(text.at, &text.key, cause, next);
        }
        (None, true) => {
            let key = section.key("passwordConnector");
            let cause = "has no effect: oauth2.grantTypes does not list password";
            let next = "list it there, and in grantTypes of the clients that use it";
            reading.warn(section.at(), &key, cause, next);
        }
        _ => {}
    }
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
    if !connector.serves(GrantType::Password) {
        let cause = format!("connector {} does not serve the grant password", text.shown);
        let next = "add it to grantTypes of the connector, or name another";
        reading.object(text.at, &text.key, cause, next);
    }
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
