//! `/auth/{connector}/login`: a person types a name and a password.

use insula_connector_kit::{Challenge, ConnectorError, Reply};
use insula_engine::Refusal;
use insula_model::{AuthRequest, Password, Stage, TokenHash};

use crate::finish::{self, Arrival};
use crate::guesses::Guesses;
use crate::login_log;
use crate::routes::password_route;
use crate::under_way::{client, failed, not_begun, opened, under_way};
use crate::{Browser, FlowError, Outcome, PasswordTrouble, Screen, TenantView, Turn};

/// dex's words, which rules of log watchers look for.
const WRONG: &str = "Invalid credentials.";
const TOO_MANY: &str = "too many for this name or address";

/// Nobody is called by a longer name.
const LONGEST_NAME: usize = 1024;

/// Nobody types a longer password; hashing one would only be work.
const LONGEST_PASSWORD: usize = 4096;

/// The address of a password form: which login it belongs to, and where "choose another way" leads.
#[derive(Debug, Clone, Copy, Default)]
pub struct FormAddress<'a> {
    /// The login's name.
    pub state: Option<&'a str>,
    /// The way back, as the address has it.
    pub back: Option<&'a str>,
}

/// Shows the password form of a login under way.
pub async fn show(
    view: &TenantView,
    at_connector: &str,
    address: FormAddress<'_>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let state = address.state.ok_or(Refusal::LoginUnknown)?;
    let auth = under_way(view, state, browser).await?;
    if auth.login().is_ok() {
        return finish::lead_on(view, &auth, browser);
    }
    let hint = auth.request.login_hint.clone().unwrap_or_default();
    let form = Form {
        at_connector,
        auth: &auth,
        back: address.back,
    };
    let screen = screen(view, form, hint, None).await?;
    Ok(Outcome::Show(screen).into())
}

/// Checks what was typed. A wrong name and a wrong password look the same and take as long; after
/// too many wrong ones for one name, whoever asks, the name rests, and after too many from one
/// address, whatever the names, so does the address.
pub async fn submit(
    view: &TenantView,
    at_connector: &str,
    address: FormAddress<'_>,
    username: String,
    password: Password,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let state = address.state.ok_or(Refusal::LoginUnknown)?;
    let auth = under_way(view, state, browser).await?;
    let form = Form {
        at_connector,
        auth: &auth,
        back: address.back,
    };
    let connector_id = match &auth.stage {
        Stage::AwaitingPassword { connector_id, .. } => connector_id,
        // The form was sent twice: the answer is known already.
        Stage::Authenticated { .. } => return finish::lead_on(view, &auth, browser),
        Stage::AwaitingUpstream { .. } => return Err(Refusal::WrongStage.into()),
    };
    if connector_id.as_str() != at_connector {
        return Err(Refusal::WrongConnector.into());
    }
    if username.len() > LONGEST_NAME || password.reveal().len() > LONGEST_PASSWORD {
        login_log::failed(view, browser, connector_id, &username, WRONG);
        let (nobody, trouble) = (String::new(), PasswordTrouble::Wrong);
        return wrong(view, form, nobody, trouble).await;
    }
    let guesses = Guesses::of(view, at_connector, &username, browser);
    if let Some(retry_after) = guesses.exceeded().await? {
        login_log::failed(view, browser, connector_id, &username, TOO_MANY);
        let throttled = PasswordTrouble::Throttled { retry_after };
        return wrong(view, form, username, throttled).await;
    }
    let ctx = view.login_context(connector_id, &auth.id, &auth.request.asked_scopes());
    let connector = opened(view, connector_id)?;
    let reply = Reply::Password {
        username: username.clone(),
        password,
    };
    match connector
        .complete(&ctx, &serde_json::Value::Null, reply)
        .await
    {
        Ok(identity) => {
            // Guesses sent at once are all let in above; those beyond the limit must not be told apart.
            if let Some(retry_after) = guesses.exceeded().await? {
                login_log::failed(view, browser, connector_id, &username, TOO_MANY);
                let throttled = PasswordTrouble::Throttled { retry_after };
                return wrong(view, form, username, throttled).await;
            }
            finish::logged_in(view, browser, auth, identity, Arrival::Post).await
        }
        Err(ConnectorError::WrongPassword) => {
            let throttled = guesses.count().await?;
            login_log::failed(view, browser, connector_id, &username, WRONG);
            let trouble = match throttled {
                Some(retry_after) => PasswordTrouble::Throttled { retry_after },
                None => PasswordTrouble::Wrong,
            };
            wrong(view, form, username, trouble).await
        }
        Err(error) => Err(failed(view, &auth, connector_id, error).await),
    }
}

/// A password form that was asked for or sent.
#[derive(Clone, Copy)]
struct Form<'a> {
    at_connector: &'a str,
    auth: &'a AuthRequest,
    back: Option<&'a str>,
}

async fn wrong(
    view: &TenantView,
    form: Form<'_>,
    username: String,
    trouble: PasswordTrouble,
) -> Result<Turn, FlowError> {
    let screen = screen(view, form, username, Some(trouble)).await?;
    Ok(Outcome::Show(screen).into())
}

async fn screen(
    view: &TenantView,
    form: Form<'_>,
    username: String,
    trouble: Option<PasswordTrouble>,
) -> Result<Screen, FlowError> {
    let auth = form.auth;
    let Stage::AwaitingPassword {
        connector_id,
        back_hash,
    } = &auth.stage
    else {
        return Err(Refusal::WrongStage.into());
    };
    if connector_id.as_str() != form.at_connector {
        return Err(Refusal::WrongConnector.into());
    }
    let back = way_back(view, form.back, back_hash.as_ref());
    let ctx = view.login_context(connector_id, &auth.id, &auth.request.asked_scopes());
    let challenge = opened(view, connector_id)?.begin(&ctx).await;
    let challenge = challenge.map_err(|error| not_begun(connector_id, error))?;
    let Challenge::AskPassword { label } = challenge else {
        return Err(Refusal::WrongStage.into());
    };
    Ok(Screen::Password {
        client_name: client(view, &auth.request)?.name.clone(),
        label,
        username,
        action: password_route(view, connector_id, &auth.id, back),
        trouble,
        back: back.map(str::to_owned),
        ui_locales: auth.request.ui_locales.clone(),
    })
}

/// The way back that an address has, as a route below the issuer; nothing if it is not the one that
/// was put there when the login began.
fn way_back<'a>(
    view: &TenantView,
    asked: Option<&'a str>,
    known: Option<&TokenHash>,
) -> Option<&'a str> {
    let route = asked?.strip_prefix(view.spec.issuer.path())?;
    known?.matches(route).then_some(route)
}

#[cfg(test)]
mod tests;
