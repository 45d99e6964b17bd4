//! `/auth/{connector}/login`: a person types a name and a password, if no ticket speaks for them.

mod ticket;

use std::sync::Arc;

use insula_connector_kit::{Challenge, Connector, ConnectorError, Reply};
use insula_engine::Refusal;
use insula_engine::authorize::may_log_in_at;
use insula_model::{AuthRequest, Client, ConnectorId, Denial, Password, TokenHash};

use crate::advance::{self, Arrival};
use crate::choice::way_back;
use crate::denied::{self, Denied};
use crate::guesses::Guesses;
use crate::login_log;
use crate::routes::password_route;
use crate::under_way::{
    client, failed, heard, not_begun, opened, removed, under_way, within_domains,
};
use crate::{
    Browser, FlowError, Negotiate, Outcome, PasswordTrouble, Screen, TenantView, Turn, consent,
    known_device,
};

/// dex's words, which rules of log watchers look for.
pub(crate) const WRONG: &str = "Invalid credentials.";
pub(crate) const TOO_MANY: &str = "too many for this name or address";

/// Nobody is called by a longer name.
pub(crate) const LONGEST_NAME: usize = 1024;

/// Nobody types a longer password; hashing one would only be work.
pub(crate) const LONGEST_PASSWORD: usize = 4096;

/// The address of a password form: which login it belongs to, and where "choose another way" leads.
#[derive(Debug, Clone, Copy, Default)]
pub struct FormAddress<'a> {
    /// The login's name.
    pub state: Option<&'a str>,
    /// The way back, as the address has it.
    pub back: Option<&'a str>,
}

/// What was typed into a password form.
#[derive(Debug)]
pub struct Typed {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Password,
    /// Whether the session is to outlive the browser.
    pub remember_me: bool,
}

/// Shows the password form of a login under way; where the connector takes tickets, the browser is
/// asked for one beside it, and the one it shows is heard.
pub async fn show(
    view: &TenantView,
    at_connector: &str,
    address: FormAddress<'_>,
    ticket: Option<&[u8]>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let state = address.state.ok_or(Refusal::LoginUnknown)?;
    let auth = under_way(view, state, browser).await?;
    if auth.login().is_ok() {
        return consent::lead_on(view, &auth, browser);
    }
    let form = Form::of(view, at_connector, &auth, address.back).await?;
    let negotiation = ticket::asked_for(&form, browser);
    if let (Some(_), Some(token)) = (negotiation, ticket)
        && let Some(turn) = ticket::heard(view, &form, browser, token).await?
    {
        return Ok(turn);
    }
    if negotiation.is_some_and(|negotiation| !negotiation.form_without_ticket) {
        return Err(Refusal::TicketRequired.into());
    }
    let hint = auth.login_hint().unwrap_or_default().to_owned();
    let screen = screen(view, &form, hint, None).await?;
    let mut turn = Turn::from(Outcome::Show(screen));
    // Who was asked and showed one that is not taken would show it again.
    if negotiation.is_some() && ticket.is_none() {
        turn.negotiate = Some(Negotiate::Ask);
    }
    Ok(turn)
}

/// Checks what was typed. A wrong name and a wrong password look the same and take as long; after
/// too many wrong ones for one name, whoever asks, the name rests, longer each time; so does an address
/// that tries many names, and a tenant that is guessed at from many. A browser that logged in with the
/// name before is held up by its own alone.
pub async fn submit(
    view: &TenantView,
    at_connector: &str,
    address: FormAddress<'_>,
    typed: Typed,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let Typed {
        username,
        password,
        remember_me,
    } = typed;
    let state = address.state.ok_or(Refusal::LoginUnknown)?;
    let mut auth = under_way(view, state, browser).await?;
    if auth.login().is_ok() {
        // The form was sent twice: the answer is known already.
        return consent::lead_on(view, &auth, browser);
    }
    auth.remember_me = view.spec.sessions.enabled.then_some(remember_me);
    let form = Form::of(view, at_connector, &auth, address.back).await?;
    let connector_id = &form.connector_id;
    if username.len() > LONGEST_NAME || password.reveal().len() > LONGEST_PASSWORD {
        // Nothing was looked up, so there is nothing to tell but to the log.
        login_log::failed(view, browser, connector_id, &username, WRONG);
        let (nobody, trouble) = (String::new(), PasswordTrouble::Wrong);
        return wrong(view, &form, nobody, trouble).await;
    }
    let guesses = Guesses::of(view, at_connector, &username, browser);
    if let Some(retry_after) = guesses.exceeded().await? {
        form.denied(view, browser, &username, Denial::TooMany).await;
        let throttled = PasswordTrouble::Throttled { retry_after };
        return wrong(view, &form, username, throttled).await;
    }
    let ctx = view.login_context(connector_id, &auth.id, &auth.request.asked_scopes());
    let reply = Reply::Password {
        username: username.clone(),
        password,
    };
    let answered = form
        .connector
        .complete(&ctx, &serde_json::Value::Null, reply)
        .await;
    match within_domains(view, connector_id, answered) {
        Ok(identity) => {
            // Guesses sent at once are all let in above; those beyond the limit must not be told apart.
            if let Some(retry_after) = guesses.exceeded().await? {
                form.denied(view, browser, &username, Denial::TooMany).await;
                let throttled = PasswordTrouble::Throttled { retry_after };
                return wrong(view, &form, username, throttled).await;
            }
            let id = connector_id.clone();
            let known = known_device::remember(view, browser, at_connector, &username);
            let turn = advance::proven(view, browser, auth, &id, identity, Arrival::Post).await;
            turn.map(|mut turn| {
                turn.cookies.extend(known);
                turn
            })
        }
        Err(ConnectorError::WrongPassword) => {
            let throttled = guesses.count().await?;
            form.denied(view, browser, &username, Denial::WrongPassword)
                .await;
            let trouble = match throttled {
                Some(retry_after) => PasswordTrouble::Throttled { retry_after },
                None => PasswordTrouble::Wrong,
            };
            wrong(view, &form, username, trouble).await
        }
        Err(error) => Err(failed(view, &auth, connector_id, error).await),
    }
}

/// A password form that was asked for or sent.
struct Form<'a> {
    auth: &'a AuthRequest,
    client: Arc<Client>,
    connector_id: ConnectorId,
    connector: Arc<dyn Connector>,
    back: Option<&'a str>,
}

impl<'a> Form<'a> {
    /// The form of a login that nobody proved yet, at any connector that its client's people may come
    /// through: in another tab it may have been sent to an upstream.
    async fn of(
        view: &TenantView,
        at_connector: &str,
        auth: &'a AuthRequest,
        back: Option<&'a str>,
    ) -> Result<Self, FlowError> {
        if view.spec.connector(at_connector).is_none() {
            return Err(removed(auth));
        }
        let client = client(view, &auth.request).await?;
        if !may_log_in_at(at_connector, &auth.request, &client, &view.spec) {
            return Err(Refusal::WrongConnector.into());
        }
        let known = view.spec.connector(at_connector);
        let connector_id = known.ok_or(Refusal::WrongConnector)?.id.clone();
        let connector = opened(view, &connector_id)?;
        if !connector.capabilities().password {
            let asked = auth.asked.as_ref().map(|asked| &asked.connector_id);
            let is_asked = asked == Some(&connector_id);
            let refusal = if is_asked {
                Refusal::WrongStage
            } else {
                Refusal::WrongConnector
            };
            return Err(refusal.into());
        }
        Ok(Self {
            auth,
            client,
            connector_id,
            connector,
            back,
        })
    }
}

impl Form<'_> {
    /// Tells the log and the events that somebody was not let in.
    async fn denied(&self, view: &TenantView, browser: &Browser, typed: &str, reason: Denial) {
        let why = match reason {
            Denial::TooMany => TOO_MANY,
            _ => WRONG,
        };
        login_log::failed(view, browser, &self.connector_id, typed, why);
        let denied = Denied {
            client: &self.client.id,
            connector: &self.connector_id,
            name: Some(typed),
            reason,
        };
        denied::tell(view, denied).await;
    }
}

async fn wrong(
    view: &TenantView,
    form: &Form<'_>,
    username: String,
    trouble: PasswordTrouble,
) -> Result<Turn, FlowError> {
    let screen = screen(view, form, username, Some(trouble)).await?;
    Ok(Outcome::Show(screen).into())
}

async fn screen(
    view: &TenantView,
    form: &Form<'_>,
    username: String,
    trouble: Option<PasswordTrouble>,
) -> Result<Screen, FlowError> {
    let (auth, id) = (form.auth, &form.connector_id);
    let planted = planted_way_back(view, form.back, auth.back_hash.as_ref());
    let back = if view.rules().carries_request_in_links {
        planted.map(str::to_owned)
    } else {
        way_back(view, &form.client, auth)
    };
    let ctx = view.login_context(id, &auth.id, &auth.request.asked_scopes());
    let challenge = form.connector.begin(&ctx).await;
    let challenge = challenge.map_err(|error| {
        heard(view, id, Some(&error));
        not_begun(id, error)
    })?;
    let Challenge::AskPassword { label } = challenge else {
        return Err(Refusal::WrongStage.into());
    };
    Ok(Screen::Password {
        client_name: form.client.name.clone(),
        label,
        username,
        action: password_route(view, id, &auth.id, planted),
        trouble,
        remember_me: remember_me(view, auth),
        back,
        ui_locales: auth.request.ui_locales.clone(),
    })
}

/// How the question stands whether the session is to outlive the browser; without sessions it is not
/// asked.
fn remember_me(view: &TenantView, auth: &AuthRequest) -> Option<bool> {
    let policy = &view.spec.sessions;
    let asked = auth.remember_me.unwrap_or(policy.remember_me_by_default);
    policy.enabled.then_some(asked)
}

/// The way back that an address of dex's dialect has, as a route below the issuer; nothing if it is
/// not the one that was put there when the login began.
fn planted_way_back<'a>(
    view: &TenantView,
    asked: Option<&'a str>,
    known: Option<&TokenHash>,
) -> Option<&'a str> {
    let route = asked?.strip_prefix(view.spec.issuer.path())?;
    known?.matches(route).then_some(route)
}

#[cfg(test)]
mod tests;
