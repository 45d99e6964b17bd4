//! `/logout`: a person leaves.

use insula_engine::logout::{LogoutNext, VerifiedLogout, asking_client};
use insula_engine::{Step, proof_of, proves};
use insula_model::{BrowserSession, SessionEnd};
use insula_oauth::LogoutRequest;
use tracing::info;

use crate::{
    Browser, CookieChange, FlowError, Outcome, Screen, TenantView, Turn, login_log, session,
};

/// Logs a browser out, or asks first whether it should be.
///
/// `proof` is the `hmac` of the confirmation form. Refresh tokens live on: `offline_access` is
/// leave to act while the person is away (OpenID Connect Core §11).
pub async fn logout(
    view: &TenantView,
    request: &LogoutRequest,
    proof: Option<&str>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let session = session::live(view, browser).await?.map(|live| live.session);
    let confirmed = match (&session, proof) {
        (Some(session), Some(hmac)) => proves(&view.keys, session.id.as_str(), Step::Logout, hmac),
        _ => false,
    };
    let now = view.now();
    let next = decide(view, request, session.as_deref(), confirmed).await;
    let next = next.inspect_err(|_| {
        let client = asking_client(request, &view.spec, &view.keys, now);
        let page = request.post_logout_redirect_uri.as_deref();
        login_log::about_logout(view, &client.unwrap_or_default(), page.unwrap_or_default());
    })?;
    let ui_locales = request.ui_locales.as_deref().unwrap_or_default();
    let ui_locales = ui_locales.split_whitespace().map(str::to_owned).collect();
    match (next, session) {
        (LogoutNext::Confirm, Some(session)) => {
            let hmac = proof_of(&view.keys, session.id.as_str(), Step::Logout);
            Ok(Outcome::Show(Screen::ConfirmLogout {
                person: session.claims.display_name().to_owned(),
                action: "/logout".to_owned(),
                fields: fields(request, hmac),
                ui_locales,
            })
            .into())
        }
        (LogoutNext::Confirm, None) => Ok(Outcome::Show(Screen::LoggedOut { ui_locales }).into()),
        (LogoutNext::LogOut { then }, _) => {
            let mut cookies = Vec::new();
            if !browser.sessions.is_empty() {
                session::end_all(view, browser, SessionEnd::LoggedOut).await?;
                cookies.push(CookieChange::LogOut);
                info!("logout successful");
            }
            let outcome = match then {
                Some(to) => Outcome::Redirect {
                    to,
                    see_other: true,
                },
                None => Outcome::Show(Screen::LoggedOut { ui_locales }),
            };
            Ok(Turn { outcome, cookies })
        }
    }
}

async fn decide(
    view: &TenantView,
    request: &LogoutRequest,
    session: Option<&BrowserSession>,
    confirmed: bool,
) -> Result<LogoutNext, FlowError> {
    let verified = VerifiedLogout::verify(request, &view.spec, &view.keys, view.now())?;
    let client = verified.client_of_page()?;
    let client = match client {
        Some(id) => view.clients().find(&id).await?,
        None => None,
    };
    Ok(verified.decide(client.as_deref(), session, confirmed)?)
}

/// The request again, as hidden fields of the confirmation form.
fn fields(request: &LogoutRequest, hmac: String) -> Vec<(String, String)> {
    let named = [
        ("id_token_hint", request.id_token_hint.clone()),
        ("client_id", request.client_id.clone()),
        (
            "post_logout_redirect_uri",
            request.post_logout_redirect_uri.clone(),
        ),
        ("state", request.state.clone()),
        ("ui_locales", request.ui_locales.clone()),
        ("hmac", Some(hmac)),
    ];
    named
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

#[cfg(test)]
mod tests;
