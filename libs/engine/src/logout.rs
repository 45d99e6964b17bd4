//! Logout: who may be logged out without being asked, where they go then, and what clients are told.

mod notice;

use insula_ambient::Timestamp;
use insula_jose::{Claims, Expected, KeyRing};
use insula_model::{BrowserSession, Client, ConnectorId, Rules, TenantSpec, UserId};
use insula_oauth::LogoutRequest;

pub use self::notice::{EndedLogin, LogoutToken, frontchannel_url, logout_token};
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

/// What a logout request comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedLogout {
    /// What happens next.
    pub next: LogoutNext,
    /// What is wrong with the request. It keeps the person from being sent on, and has them asked; it
    /// does not keep them logged in.
    pub flaw: Option<Refusal>,
}

/// The session that a good hint names, wherever the request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HintedSession {
    /// Its `sid`.
    pub sid: String,
    /// Whose it is.
    pub user: UserId,
    /// Who vouched for them.
    pub connector: ConnectorId,
}

/// A logout request whose hint, if it has one, is verified.
///
/// [OpenID Connect RP-Initiated Logout §2, §3 and §4](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout).
/// The hint's signature and issuer count, its age does not. What does not validate is not used, and
/// forbids the redirect; logging out it does not forbid, unless the tenant's rules have it refused.
#[derive(Debug)]
pub struct VerifiedLogout<'a> {
    request: &'a LogoutRequest,
    hint: Option<Claims>,
    flaw: Option<Refusal>,
    rules: Rules,
}

impl<'a> VerifiedLogout<'a> {
    /// Verifies the hint.
    pub fn verify(
        request: &'a LogoutRequest,
        spec: &TenantSpec,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Self {
        let rules = spec.rules;
        let named = request.client_id.as_deref();
        let named = named.filter(|_| rules.logout_returns_by_client_id);
        let expected = Expected::from_issuer(spec.issuer.as_str()).even_expired();
        let hint = request.id_token_hint.as_ref();
        let hint = hint.map(|hint| keys.verify(hint, now, &expected));
        let (hint, flaw) = match hint {
            None => (None, None),
            Some(Ok(hint)) if named.is_none_or(|id| is_for(&hint, id)) => (Some(hint), None),
            Some(_) => (None, Some(Refusal::BadLogoutHint)),
        };
        Self {
            request,
            hint,
            flaw,
            rules,
        }
    }

    /// The session that a good hint names. Whoever holds an ID token may end the session it is of: it
    /// is the client that it was issued to, or somebody the client gave it to.
    pub fn hinted_session(&self) -> Option<HintedSession> {
        let hint = self.hint.as_ref()?;
        let (user, connector) = subject::decode(hint.str("sub")?)?;
        Some(HintedSession {
            sid: hint.str("sid")?.to_owned(),
            user,
            connector,
        })
    }

    /// The client that asks: proven by its hint, or else as it names itself.
    pub fn client(&self) -> Option<String> {
        self.hint
            .as_ref()
            .and_then(|hint| of_hint(hint, self.request.client_id.as_deref()))
            .or_else(|| self.request.client_id.clone())
    }

    /// The id of the client whose page is to follow; `None` where no page is asked for, or nobody
    /// proves whose it is. A redirect needs a client that registered it, named by the hint or, in our
    /// dialect, by `client_id`.
    pub fn client_of_page(&self) -> Option<String> {
        self.request.post_logout_redirect_uri.as_ref()?;
        if self.flaw.is_some() {
            return None;
        }
        let by_id = self.request.client_id.as_deref();
        let by_id = by_id.filter(|_| self.rules.logout_returns_by_client_id);
        match &self.hint {
            Some(hint) => of_hint(hint, by_id),
            None => by_id.map(str::to_owned),
        }
    }

    /// Decides the request. `client` is the one of [`client_of_page`](Self::client_of_page), if it
    /// exists. A person who has a session is asked unless the hint is of that session and nothing is
    /// wrong with the request, or they `confirmed` already.
    pub fn decide(
        &self,
        client: Option<&Client>,
        session: Option<&BrowserSession>,
        confirmed: bool,
    ) -> Result<JudgedLogout, Refusal> {
        let (then, flaw) = match self.then(client) {
            Ok(then) => (then, None),
            Err(flaw) => (None, Some(flaw)),
        };
        let refused = flaw.clone().filter(|_| self.rules.refuses_flawed_logouts);
        if let Some(flaw) = refused {
            return Err(flaw);
        }
        let is_proven = |session: &BrowserSession| {
            flaw.is_none() && is_of_session(self.hint.as_ref(), session) && self.means(session)
        };
        let must_ask = session.is_some_and(|session| !is_proven(session));
        let next = if must_ask && !confirmed {
            LogoutNext::Confirm
        } else {
            LogoutNext::LogOut { then }
        };
        Ok(JudgedLogout { next, flaw })
    }

    fn then(&self, client: Option<&Client>) -> Result<Option<String>, Refusal> {
        if let Some(flaw) = &self.flaw {
            return Err(flaw.clone());
        }
        let Some(uri) = &self.request.post_logout_redirect_uri else {
            return Ok(None);
        };
        match (self.client_of_page(), client) {
            (None, _) if self.hint.is_some() => Err(Refusal::BadLogoutHint),
            (None, _) => Err(Refusal::LogoutRedirectNeedsHint),
            (Some(_), None) => Err(Refusal::LogoutClientUnknown),
            (Some(_), Some(client)) => registered(uri, client, self.request).map(Some),
        }
    }

    /// Whether `logout_hint`, if there is one, may be of this session's person. It proves nothing; one
    /// of somebody else says that the client means another person than the browser has.
    fn means(&self, session: &BrowserSession) -> bool {
        let Some(hint) = &self.request.logout_hint else {
            return true;
        };
        if self.rules.refuses_flawed_logouts {
            return true;
        }
        let claims = &session.claims;
        let sub = subject::encode(&claims.user_id, &session.connector_id);
        session.is_called(hint)
            || *hint == sub
            || *hint == claims.username
            || *hint == claims.preferred_username
            || hint.eq_ignore_ascii_case(&claims.email)
    }
}

/// The client a hint was issued to. Where it is for several and does not say which of them asked,
/// whoever names one of them is believed.
fn of_hint(hint: &Claims, named: Option<&str>) -> Option<String> {
    match (hint.str("azp"), hint.audience().as_slice()) {
        (Some(azp), _) => Some(azp.to_owned()),
        (None, [only]) => Some((*only).to_owned()),
        (None, several) => {
            let named = named.filter(|named| several.contains(named));
            named.map(str::to_owned)
        }
    }
}

/// Whether a client is the one a hint was issued to (RP-Initiated Logout §2, `client_id`).
fn is_for(hint: &Claims, client: &str) -> bool {
    of_hint(hint, Some(client)).is_some_and(|hinted| hinted == client)
}

fn registered(uri: &str, client: &Client, request: &LogoutRequest) -> Result<String, Refusal> {
    let known = &client.post_logout_redirect_uris;
    if !known.iter().any(|known| known == uri) {
        return Err(Refusal::LogoutRedirectUnregistered);
    }
    let Some(state) = &request.state else {
        return Ok(uri.to_owned());
    };
    let state = insula_oauth::encode_pairs([("state", state.as_str())]);
    Ok(notice::with_query(uri, &state))
}

fn is_of_session(hint: Option<&Claims>, session: &BrowserSession) -> bool {
    let Some(hint) = hint else {
        return false;
    };
    match hint.str("sid") {
        Some(sid) => session.is_called(sid),
        None => {
            let sub = subject::encode(&session.claims.user_id, &session.connector_id);
            hint.str("sub") == Some(sub.as_str())
        }
    }
}

#[cfg(test)]
mod tests;
