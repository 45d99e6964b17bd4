//! `/auth/{connector}/login`: a person types a name and a password.

use std::time::Duration;

use insula_connector_kit::{Challenge, ConnectorError, Reply};
use insula_engine::Refusal;
use insula_model::{AuthRequest, Password, Stage, TokenHash};
use insula_oauth::encode_pairs;
use tracing::info;

use crate::authorize::{opened, path_segment};
use crate::finish::{self, Arrival, approval_route, client, under_way};
use crate::{Browser, Fault, FlowError, Outcome, PasswordTrouble, Screen, TenantView, Turn};

/// Shows the password form of a login under way.
pub async fn show(
    view: &TenantView,
    at_connector: &str,
    state: Option<&str>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let auth = under_way(view, state.ok_or(Refusal::LoginUnknown)?, browser).await?;
    if auth.login().is_ok() {
        let to = approval_route(view, &auth.id);
        return Ok(Outcome::Redirect {
            to,
            see_other: true,
        }
        .into());
    }
    let hint = auth.request.login_hint.clone().unwrap_or_default();
    let screen = screen(view, at_connector, &auth, hint, None).await?;
    Ok(Outcome::Show(screen).into())
}

/// Checks what was typed. A wrong name and a wrong password look the same and take as long; after
/// too many wrong ones for one name, whoever asks, the name rests.
pub async fn submit(
    view: &TenantView,
    at_connector: &str,
    state: Option<&str>,
    username: String,
    password: Password,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let auth = under_way(view, state.ok_or(Refusal::LoginUnknown)?, browser).await?;
    let Stage::AwaitingPassword { connector_id, .. } = &auth.stage else {
        return Err(Refusal::WrongStage.into());
    };
    if connector_id.as_str() != at_connector {
        return Err(Refusal::WrongConnector.into());
    }
    let limit = view.spec.limits.password_failures;
    let (cache, now) = (&view.effects.cache, view.now());
    let key = failures_key(at_connector, &username);
    if cache.counted(&key, now).await? >= u64::from(limit.count) {
        info!(
            connector.id = at_connector,
            "failed login attempt: too many for this name"
        );
        let trouble = PasswordTrouble::Throttled {
            retry_after: limit.per,
        };
        return wrong(view, at_connector, &auth, username, trouble).await;
    }
    let ctx = view.login_context(&auth.id, &auth.request.scopes);
    let connector = opened(view, connector_id)?;
    let reply = Reply::Password {
        username: username.clone(),
        password,
    };
    match connector
        .complete(&ctx, &serde_json::Value::Null, reply)
        .await
    {
        Ok(identity) => finish::logged_in(view, browser, auth, identity, Arrival::Post).await,
        Err(ConnectorError::WrongPassword) => {
            cache
                .count(&key, limit.per.max(Duration::from_secs(1)), now)
                .await?;
            info!(
                connector.id = at_connector,
                "failed login attempt: Invalid credentials."
            );
            wrong(view, at_connector, &auth, username, PasswordTrouble::Wrong).await
        }
        Err(ConnectorError::Denied(why)) => Err(Refusal::UpstreamDenied(why).into()),
        Err(ConnectorError::NotInGroup) => Err(Refusal::NotInGroup.into()),
        Err(cause) => {
            let connector = at_connector.to_owned();
            Err(Fault::Connector { connector, cause }.into())
        }
    }
}

/// The name is hashed, so that no key of the cache names a person.
fn failures_key(connector: &str, username: &str) -> String {
    let name = TokenHash::of(&username.trim().to_lowercase()).to_text();
    format!("password-failures:{connector}:{name}")
}

async fn wrong(
    view: &TenantView,
    at_connector: &str,
    auth: &AuthRequest,
    username: String,
    trouble: PasswordTrouble,
) -> Result<Turn, FlowError> {
    let screen = screen(view, at_connector, auth, username, Some(trouble)).await?;
    Ok(Outcome::Show(screen).into())
}

async fn screen(
    view: &TenantView,
    at_connector: &str,
    auth: &AuthRequest,
    username: String,
    trouble: Option<PasswordTrouble>,
) -> Result<Screen, FlowError> {
    let Stage::AwaitingPassword { connector_id, back } = &auth.stage else {
        return Err(Refusal::WrongStage.into());
    };
    if connector_id.as_str() != at_connector {
        return Err(Refusal::WrongConnector.into());
    }
    let ctx = view.login_context(&auth.id, &auth.request.scopes);
    let label = match opened(view, connector_id)?.begin(&ctx).await {
        Ok(Challenge::AskPassword { label }) => label,
        _ => return Err(Refusal::WrongStage.into()),
    };
    let query = encode_pairs([
        ("back", back.as_deref().unwrap_or_default()),
        ("state", auth.id.as_str()),
    ]);
    Ok(Screen::Password {
        client_name: client(view, &auth.request)?.name.clone(),
        label,
        username,
        action: format!("/auth/{}/login?{query}", path_segment(at_connector)),
        trouble,
        back: back.clone(),
        redirect_uri: auth.request.redirect_uri.clone(),
        ui_locales: auth.request.ui_locales.clone(),
    })
}
