use std::time::Duration;

use insula_ambient::Timestamp;
use insula_model::{
    AuthorizationRequest, BrowserSession, Client, ConnectorId, ConnectorSpec, Login, Rules,
    SsoDefault, TenantSpec,
};
use insula_oauth::{ResponseType, Scopes};

use super::home_realm::{self, AddressTrouble};
use super::redirect_uri;
use crate::acr::{self, Proof};
use crate::{Refusal, subject};

/// What a person did about the choice among connectors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// It was not offered yet.
    #[default]
    Open,
    /// They asked for it: they came back to it, or want another way.
    Wanted,
    /// They took this one, or came by its route.
    Made(ConnectorId),
    /// They typed this where their mail address is asked for.
    Typed(String),
}

/// What a person allowed the client.
#[derive(Debug, Clone, Copy)]
pub enum Consent<'a> {
    /// These scopes, in an earlier login, or nothing yet.
    Before(Option<&'a Scopes>),
    /// All that is asked, just now.
    Now,
}

/// What is known of the person when the question comes up.
#[derive(Debug, Clone, Copy)]
pub enum Standing<'a> {
    /// It is for a device, and nobody confirmed yet that the device is theirs (RFC 8628 §5.4).
    Unconfirmed,
    /// Nobody proved anything in this login yet; perhaps the browser has a session.
    Arriving {
        /// The browser's live session.
        session: Option<&'a BrowserSession>,
        /// The client that session logged in to first, if it still exists.
        logged_in_to: Option<&'a Client>,
        /// What they did about the choice.
        choice: &'a Choice,
    },
    /// Somebody did, or a session stands for it.
    Known {
        /// Who, and by which proofs.
        login: &'a Login,
        /// What they allowed this client.
        consent: Consent<'a>,
    },
}

/// What happens next in a login. Each is a step that `flows` carries out; one more step is one more
/// variant here and one more arm there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask whether the device is the person's own.
    Confirm,
    /// Let the person choose among these connectors.
    Choose(Vec<ConnectorId>),
    /// Ask for their mail address, whose domain may lead to a connector.
    AskAddress {
        /// The connectors that can be chosen without one.
        others: Vec<ConnectorId>,
        /// What was wrong with the address they typed.
        trouble: Option<AddressTrouble>,
    },
    /// Have them log in at this connector.
    LogIn(ConnectorId),
    /// The browser's session is as good as a login: go on with it.
    Resume,
    /// Ask for consent.
    Consent,
    /// Nothing is missing.
    Issue,
}

/// The single place that knows the order of a login: confirmation, where it is for a device →
/// session → choice → login → consent → issue.
/// Every step that comes back from a browser re-enters here.
///
/// OpenID Connect Core §3.1.2.3 (authentication; `prompt`, `max_age`, `id_token_hint`, and the `sub`
/// and `acr` of `claims`) and §3.1.2.4 (consent). What `prompt=none` forbids to show becomes the error of §3.1.2.6.
pub fn next(
    request: &AuthorizationRequest,
    client: &Client,
    spec: &TenantSpec,
    standing: Standing<'_>,
    now: Timestamp,
) -> Result<Next, Refusal> {
    match standing {
        Standing::Unconfirmed => Ok(Next::Confirm),
        Standing::Arriving {
            session,
            logged_in_to,
            choice,
        } => {
            let session = session.map(|session| (session, logged_in_to));
            arriving(request, client, spec, session, choice, now)
        }
        Standing::Known { login, consent } => known(request, client, spec, login, consent),
    }
}

fn arriving(
    request: &AuthorizationRequest,
    client: &Client,
    spec: &TenantSpec,
    session: Option<(&BrowserSession, Option<&Client>)>,
    choice: &Choice,
    now: Timestamp,
) -> Result<Next, Refusal> {
    let insisted = request.connector_id.as_ref();
    let chosen = match choice {
        Choice::Made(id) if insisted.is_some_and(|wanted| wanted != id) => {
            return Err(Refusal::WrongConnector);
        }
        Choice::Made(id) => Some(id),
        Choice::Open | Choice::Wanted | Choice::Typed(_) => insisted,
    };
    let available: Vec<&ConnectorSpec> = available(request.response_type, client, spec)
        .filter(|c| chosen.is_none_or(|id| id == &c.id))
        .collect();
    if available.is_empty() {
        return Err(match choice {
            Choice::Made(id) => Refusal::ConnectorNotAllowed(id.to_string()),
            Choice::Open | Choice::Wanted | Choice::Typed(_) => Refusal::NoConnectorForClient,
        });
    }
    let is_available = |id: &ConnectorId| available.iter().any(|c| &c.id == id);
    let always_shown = spec.oauth2.always_show_login_screen && chosen.is_none();
    let is_wanted = *choice == Choice::Wanted && chosen.is_none();
    let is_shown =
        spec.rules.asks_for_connector_despite_session && always_shown && !request.prompts.none;
    // Who typed an address means to log in with it, whoever is logged in already.
    let is_typed = matches!(choice, Choice::Typed(_));
    let asks_anew = request.prompts.login
        || request.prompts.select_account
        || is_shown
        || is_wanted
        || is_typed;
    if let Some(session) = session.filter(|(s, _)| !asks_anew && is_available(&s.connector_id))
        && session_serves(session, request, client, spec, now)
    {
        return Ok(Next::Resume);
    }
    if request.prompts.none {
        return Err(Refusal::LoginRequired);
    }
    let must_choose =
        always_shown || is_wanted || (request.prompts.select_account && chosen.is_none());
    if home_realm::asks_for_address(&available) {
        let hint = request.login_hint.as_deref();
        return Ok(home_realm::led(&available, choice, hint, must_choose));
    }
    match available.as_slice() {
        [only] if !must_choose || is_typed => Ok(Next::LogIn(only.id.clone())),
        several => Ok(Next::Choose(several.iter().map(|c| c.id.clone()).collect())),
    }
}

/// Whether a person may prove who they are at this connector in a login of this request: their
/// client lets them, and does not insist on another.
pub fn may_log_in_at(
    id: &str,
    request: &AuthorizationRequest,
    client: &Client,
    spec: &TenantSpec,
) -> bool {
    let mut insisted = request.connector_id.iter();
    insisted.all(|wanted| wanted.as_str() == id)
        && available(request.response_type, client, spec)
            .any(|connector| connector.id.as_str() == id)
}

/// Whether an upstream must have the person log in anew, whatever session it has. How old that is it
/// does not say, so that only a new login is sure to keep `max_age` (OpenID Connect Core §3.1.2.1);
/// dex leaves that to the upstream.
pub fn forces_login(request: &AuthorizationRequest, rules: &Rules) -> bool {
    let too_old = if rules.any_max_age_forces_login {
        request.max_age.is_some()
    } else {
        request.max_age == Some(0)
    };
    request.prompts.login || too_old
}

/// Whether a ticket that the browser shows by itself may answer for its person: not where they are to
/// prove themselves anew, however old the proof behind a ticket is, or to say as whom they come.
pub fn may_be_silent(request: &AuthorizationRequest) -> bool {
    let prompts = &request.prompts;
    !prompts.login && !prompts.select_account && request.max_age.is_none()
}

/// The connectors a client's people may come through for an answer of this type, in the order of the
/// file.
pub fn available<'a>(
    response_type: ResponseType,
    client: &'a Client,
    spec: &'a TenantSpec,
) -> impl Iterator<Item = &'a ConnectorSpec> {
    let grant = response_type.grant_at_connector();
    let open = move |c: &&ConnectorSpec| client.allows_connector(&c.id) && c.serves(grant);
    spec.connectors.iter().map(AsRef::as_ref).filter(open)
}

/// Whether a live session may stand for a login of this request.
fn session_serves(
    (session, logged_in_to): (&BrowserSession, Option<&Client>),
    request: &AuthorizationRequest,
    client: &Client,
    spec: &TenantSpec,
    now: Timestamp,
) -> bool {
    // No session is young enough for max_age=0, which asks for a new login like prompt=login.
    let young_enough = request.max_age.is_none_or(|limit| {
        limit > 0 && now.since(session.auth_time) <= Duration::from_secs(limit)
    });
    let sub = || subject::encode(&session.claims.user_id, &session.connector_id);
    spec.sessions.enabled
        && young_enough
        && may_be(request, sub)
        && is_strong_enough(request, Proof::of_session(session), spec)
        && is_shared(session, logged_in_to, client, spec)
}

/// Whether the client means this person, by `id_token_hint` (OpenID Connect Core §3.1.2.1) and by
/// the `sub` of its `claims` parameter (§5.5.1).
fn may_be(request: &AuthorizationRequest, sub: impl Fn() -> String) -> bool {
    let (hinted, wanted) = (&request.hinted_sub, &request.claims.subs);
    hinted.as_ref().is_none_or(|hinted| *hinted == sub())
        && (wanted.is_empty() || wanted.contains(&sub()))
}

/// Whether a login reaches an `acr` that the client cannot do without (OpenID Connect Core
/// §5.5.1.1). An essential one without values asks for none in particular.
fn is_strong_enough(request: &AuthorizationRequest, proof: Proof<'_>, spec: &TenantSpec) -> bool {
    let wanted = &request.claims.acr;
    let reached = || acr::of(proof, spec);
    wanted.is_empty() || reached().is_some_and(|reached| wanted.iter().any(|acr| acr == reached))
}

/// Whether the login of a session serves `client` too: it did before, or the client that was logged
/// in to, the first of the session, shares with it. As in dex this goes in one direction and one
/// step: who came by sharing passes nothing on.
fn is_shared(
    session: &BrowserSession,
    logged_in_to: Option<&Client>,
    client: &Client,
    spec: &TenantSpec,
) -> bool {
    if session.clients.contains(&client.id) {
        return true;
    }
    if session.clients.is_empty() {
        return false;
    }
    match logged_in_to.and_then(|c| c.sso_shared_with.as_ref()) {
        Some(ids) => ids.iter().any(|id| id == "*" || id == client.id.as_str()),
        None => spec.sessions.sso_default == SsoDefault::All,
    }
}

fn known(
    request: &AuthorizationRequest,
    client: &Client,
    spec: &TenantSpec,
    login: &Login,
    consent: Consent<'_>,
) -> Result<Next, Refusal> {
    let sub = || subject::encode(&login.claims.user_id, &login.connector_id);
    if !may_be(request, sub) {
        return Err(Refusal::WrongPerson);
    }
    if !is_strong_enough(request, Proof::of(login), spec) {
        return Err(Refusal::UnmetAuthentication);
    }
    if request.scopes.openid() {
        subject::must_fit_id_token(login, &spec.rules)?;
    }
    let consented = match consent {
        Consent::Now => return Ok(Next::Issue),
        Consent::Before(scopes) => scopes,
    };
    let forced = request.prompts.consent || request.force_approval;
    let allowed = remembers_consent(request, client, spec)
        && consented.is_some_and(|granted| request.asked_scopes().is_covered_by(granted));
    let may_skip = spec.oauth2.skip_approval_screen || client.skip_approval || allowed;
    if !forced && may_skip {
        return Ok(Next::Issue);
    }
    if request.prompts.none {
        Err(Refusal::ConsentRequired)
    } else {
        Ok(Next::Consent)
    }
}

/// Whether what the person allowed before can matter at all; if not, nobody need look it up.
pub fn depends_on_consent(
    request: &AuthorizationRequest,
    client: &Client,
    spec: &TenantSpec,
) -> bool {
    let is_settled = request.prompts.consent
        || request.force_approval
        || spec.oauth2.skip_approval_screen
        || client.skip_approval;
    remembers_consent(request, client, spec) && !is_settled
}

/// Whether what was allowed before counts.
///
/// dex without browser sessions asks at every login. And a public client that is a native app is
/// asked about again: whichever program took its redirect URI would else be given what the person
/// allowed another ([RFC 8252 §8.6](https://www.rfc-editor.org/rfc/rfc8252#section-8.6)).
fn remembers_consent(request: &AuthorizationRequest, client: &Client, spec: &TenantSpec) -> bool {
    let is_native = client.public && redirect_uri::is_of_a_native_app(&request.redirect_uri);
    let is_known = !is_native || spec.oauth2.remember_native_consent;
    is_known && (spec.rules.remembers_consent_without_sessions || spec.sessions.enabled)
}

#[cfg(test)]
mod tests;
