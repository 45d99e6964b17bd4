//! Who an assertion is about, by dex's rules.

use insula_connector_kit::{ConnectorError, LoginContext, UpstreamIdentity};
use insula_model::{ConnectorId, IdentityClaims, UserId};
use insula_saml::{Assertion, TRANSIENT};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::warn;

use super::settings::Settings;

/// Longer ones, in bytes, are no names of anything.
const LONGEST_ACR: usize = 255;

/// What Entra sends in place of more than 150 groups.
const GROUPS_ELSEWHERE: &str = "http://schemas.microsoft.com/claims/groups.link";

/// What is kept of a person to refresh them, in dex's form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    user_id: String,
    username: String,
    #[serde(default)]
    preferred_username: String,
    email: String,
    email_verified: bool,
    #[serde(default)]
    groups: Vec<String>,
}

/// The person of an assertion. An attribute is found by its `Name`, to the letter.
pub(super) fn of(
    settings: &Settings,
    id: &ConnectorId,
    ctx: &LoginContext,
    assertion: &Assertion,
) -> Result<UpstreamIdentity, ConnectorError> {
    if assertion.name_format.as_deref() == Some(TRANSIENT) {
        warn!(connector.id = %id,
            "connector {id} knows people by a name that is another one each time; have the identity \
             provider send a persistent NameID");
    }
    let missing = |attribute: &str, setting: &str| {
        let names: Vec<_> = assertion.attributes.iter().map(|(name, _)| name).collect();
        warn!(connector.id = %id, "connector {id} misses the attribute {attribute:?}; there are {names:?}");
        ConnectorError::BadReply(format!(
            "the assertion has no attribute {attribute:?}, which {setting} names"
        ))
    };
    let required = |attribute: &str, setting: &str| {
        let values = assertion.values(attribute).unwrap_or_default();
        let first = values.first().filter(|value| !value.is_empty());
        let first = first.ok_or_else(|| missing(attribute, setting))?;
        Ok(String::from(*first))
    };
    let user_id = UserId::parse(&assertion.name_id).map_err(|_| {
        ConnectorError::BadReply("its NameID is longer than 255 or not printable".to_owned())
    })?;
    let email = required(&settings.email_attr, "emailAttr")?;
    let username = required(&settings.username_attr, "usernameAttr")?;
    let groups = groups(settings, ctx, assertion, |attribute| {
        if assertion.values(GROUPS_ELSEWHERE).is_some() {
            warn!(connector.id = %id,
                "of a person with many groups connector {id} is told an address instead of them");
        }
        missing(attribute, "groupsAttr")
    })?;
    let kept = Kept {
        user_id: user_id.as_str().to_owned(),
        username: username.clone(),
        preferred_username: String::new(),
        email: email.clone(),
        email_verified: true,
        groups: groups.clone(),
    };
    Ok(UpstreamIdentity {
        claims: IdentityClaims {
            username,
            email,
            email_verified: true,
            groups,
            ..IdentityClaims::of(user_id)
        },
        connector_data: Some(json!(kept).to_string().into_bytes()),
        amr: Vec::new(),
        acr: assertion
            .context
            .clone()
            .filter(|acr| (1..=LONGEST_ACR).contains(&acr.len())),
    })
}

/// The groups of a person, which are looked at if the client asks for them or if they decide who is let
/// in. Unlike dex's, a list of allowed groups holds whatever the client asks for.
fn groups(
    settings: &Settings,
    ctx: &LoginContext,
    assertion: &Assertion,
    missing: impl Fn(&str) -> ConnectorError,
) -> Result<Vec<String>, ConnectorError> {
    let attribute = &settings.groups_attr;
    let is_wanted = ctx.groups || !settings.allowed_groups.is_empty();
    if attribute.is_empty() || !is_wanted {
        return Ok(Vec::new());
    }
    let values = assertion.values(attribute);
    let values = values.ok_or_else(|| missing(attribute))?;
    let groups: Vec<String> = match settings.groups_delim.as_str() {
        "" => values.into_iter().map(str::to_owned).collect(),
        // As dex has it: the first value, and blanks stay.
        delimiter => {
            let first = values.first().ok_or_else(|| missing(attribute))?;
            first.split(delimiter).map(str::to_owned).collect()
        }
    };
    allowed(settings, groups)
}

/// The groups, if one of them is let in; of them, where that is set, only those that are.
fn allowed(settings: &Settings, groups: Vec<String>) -> Result<Vec<String>, ConnectorError> {
    if settings.allowed_groups.is_empty() {
        return Ok(groups);
    }
    let is_allowed = |group: &String| settings.allowed_groups.contains(group);
    if !groups.iter().any(is_allowed) {
        return Err(ConnectorError::NotInGroup);
    }
    let mut groups = groups;
    if settings.filter_groups {
        groups.retain(is_allowed);
    }
    Ok(groups)
}

/// The person as they were.
pub(super) fn again(
    settings: &Settings,
    known: &UpstreamIdentity,
) -> Result<UpstreamIdentity, ConnectorError> {
    let data = known.connector_data.as_deref();
    let kept: Option<Kept> = data.and_then(|bytes| serde_json::from_slice(bytes).ok());
    let kept = kept.filter(|kept| kept.user_id == known.claims.user_id.as_str());
    let kept = kept.ok_or_else(|| {
        ConnectorError::Denied("nothing is kept of the login at the identity provider".to_owned())
    })?;
    Ok(UpstreamIdentity {
        claims: IdentityClaims {
            username: kept.username,
            preferred_username: kept.preferred_username,
            email: kept.email,
            email_verified: kept.email_verified,
            groups: allowed(settings, kept.groups)?,
            ..IdentityClaims::of(known.claims.user_id.clone())
        },
        ..known.clone()
    })
}
