//! RP-initiated logout: who may be logged out without being asked, and where they go then.

use insula_ambient::Timestamp;
use insula_jose::{Claims, Expected, KeyRing};
use insula_model::{BrowserSession, Client, Dialect, TenantSpec};
use insula_oauth::LogoutRequest;

use crate::{Refusal, subject};

/// What happens next in a logout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogoutNext {
    /// Ask the person first: nothing proves that the client, not a stranger, sent them.
    Confirm,
    /// End the session, if there is one, and go on.
    LogOut {
        /// The client's registered page, `state` included; without one, a page of ours.
        then: Option<String>,
    },
}

/// Decides a logout request.
///
/// [OpenID Connect RP-Initiated Logout §2 and §3](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout).
/// The hint's signature and issuer count, its age and audience do not. A redirect needs a client
/// that registered it, named by the hint or, in our dialect, by `client_id`. A person who has a
/// session is asked unless the hint is of that session, or they `confirmed` already.
pub fn decide(
    request: &LogoutRequest,
    spec: &TenantSpec,
    keys: &KeyRing,
    session: Option<&BrowserSession>,
    confirmed: bool,
    now: Timestamp,
) -> Result<LogoutNext, Refusal> {
    let hint = hint(request, spec, keys, now)?;
    let then = match &request.post_logout_redirect_uri {
        Some(uri) => Some(registered(
            uri,
            client(request, hint.as_ref(), spec)?,
            request,
        )?),
        None => None,
    };
    let must_ask = session.is_some_and(|session| !is_of_session(hint.as_ref(), session));
    if must_ask && !confirmed {
        return Ok(LogoutNext::Confirm);
    }
    Ok(LogoutNext::LogOut { then })
}

/// The client that asks, as far as the request says: proven by its hint, or else as it names itself.
pub fn asking_client(
    request: &LogoutRequest,
    spec: &TenantSpec,
    keys: &KeyRing,
    now: Timestamp,
) -> Option<String> {
    let hint = hint(request, spec, keys, now).ok().flatten();
    let hinted = hint.and_then(|claims| of_hint(&claims).ok());
    hinted.or_else(|| request.client_id.clone())
}

fn hint(
    request: &LogoutRequest,
    spec: &TenantSpec,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<Option<Claims>, Refusal> {
    let expected = Expected::from_issuer(spec.issuer.as_str()).even_expired();
    let verify = |hint: &String| keys.verify(hint, now, &expected);
    request
        .id_token_hint
        .as_ref()
        .map(verify)
        .transpose()
        .map_err(|_| Refusal::BadLogoutHint)
}

/// The client a hint was issued to.
fn of_hint(hint: &Claims) -> Result<String, Refusal> {
    match (hint.str("azp"), hint.audience().as_slice()) {
        (Some(azp), _) => Ok(azp.to_owned()),
        (None, [only]) => Ok((*only).to_owned()),
        _ => Err(Refusal::BadLogoutHint),
    }
}

fn client<'a>(
    request: &LogoutRequest,
    hint: Option<&Claims>,
    spec: &'a TenantSpec,
) -> Result<&'a Client, Refusal> {
    let by_hint = hint.map(of_hint).transpose()?;
    let by_id = request
        .client_id
        .clone()
        .filter(|_| spec.dialect == Dialect::Standard);
    let id = match (by_hint, by_id) {
        (Some(hinted), Some(named)) if hinted != named => return Err(Refusal::BadLogoutHint),
        (Some(id), _) | (None, Some(id)) => id,
        (None, None) => return Err(Refusal::LogoutRedirectNeedsHint),
    };
    spec.client(&id).ok_or(Refusal::UnknownClient)
}

fn registered(uri: &str, client: &Client, request: &LogoutRequest) -> Result<String, Refusal> {
    if !client
        .post_logout_redirect_uris
        .iter()
        .any(|known| known == uri)
    {
        return Err(Refusal::LogoutRedirectUnregistered);
    }
    let Some(state) = &request.state else {
        return Ok(uri.to_owned());
    };
    let joiner = if uri.contains('?') { '&' } else { '?' };
    let state = insula_oauth::encode_pairs([("state", state.as_str())]);
    Ok(format!("{uri}{joiner}{state}"))
}

fn is_of_session(hint: Option<&Claims>, session: &BrowserSession) -> bool {
    let Some(hint) = hint else {
        return false;
    };
    match hint.str("sid") {
        Some(sid) => sid == session.id.as_str(),
        None => {
            let sub = subject::encode(&session.claims.user_id, &session.connector_id);
            hint.str("sub") == Some(sub.as_str())
        }
    }
}

#[cfg(test)]
mod tests;
