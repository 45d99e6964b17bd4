//! RP-initiated logout: who may be logged out without being asked, and where they go then.

use insula_ambient::Timestamp;
use insula_jose::{Claims, Expected, KeyRing};
use insula_model::{BrowserSession, Client, TenantSpec};
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

/// A logout request whose hint, if it has one, is verified.
///
/// [OpenID Connect RP-Initiated Logout §2 and §3](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout).
/// The hint's signature and issuer count, its age and audience do not.
#[derive(Debug)]
pub struct VerifiedLogout<'a> {
    request: &'a LogoutRequest,
    hint: Option<Claims>,
    returns_by_client_id: bool,
}

impl<'a> VerifiedLogout<'a> {
    /// Verifies the hint.
    pub fn verify(
        request: &'a LogoutRequest,
        spec: &TenantSpec,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            request,
            hint: hint(request, spec, keys, now)?,
            returns_by_client_id: spec.rules.logout_returns_by_client_id,
        })
    }

    /// The id of the client whose page is to follow; `None` where no page is asked for. A redirect
    /// needs a client that registered it, named by the hint or, in our dialect, by `client_id`.
    pub fn client_of_page(&self) -> Result<Option<String>, Refusal> {
        if self.request.post_logout_redirect_uri.is_none() {
            return Ok(None);
        }
        let by_hint = self.hint.as_ref().map(of_hint).transpose()?;
        let by_id = self.request.client_id.clone();
        let by_id = by_id.filter(|_| self.returns_by_client_id);
        match (by_hint, by_id) {
            (Some(hinted), Some(named)) if hinted != named => Err(Refusal::BadLogoutHint),
            (Some(id), _) | (None, Some(id)) => Ok(Some(id)),
            (None, None) => Err(Refusal::LogoutRedirectNeedsHint),
        }
    }

    /// Decides the request. `client` is the one of [`client_of_page`](Self::client_of_page), if it
    /// exists. A person who has a session is asked unless the hint is of that session, or they
    /// `confirmed` already.
    pub fn decide(
        &self,
        client: Option<&Client>,
        session: Option<&BrowserSession>,
        confirmed: bool,
    ) -> Result<LogoutNext, Refusal> {
        let then = match &self.request.post_logout_redirect_uri {
            Some(uri) => {
                let client = client.ok_or(Refusal::UnknownClient)?;
                Some(registered(uri, client, self.request)?)
            }
            None => None,
        };
        let must_ask = session.is_some_and(|session| !is_of_session(self.hint.as_ref(), session));
        if must_ask && !confirmed {
            return Ok(LogoutNext::Confirm);
        }
        Ok(LogoutNext::LogOut { then })
    }
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
