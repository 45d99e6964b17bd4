//! `/approval`: a person allows a client, or does not.

use insula_engine::{Refusal, Step, proves};
use insula_model::AuthRequest;

use crate::finish::{self, Approved, consent_screen};
use crate::under_way::{client, give_up, reply_to, told, under_way};
use crate::{Browser, FlowError, Outcome, TenantView, Turn, kept};

/// Shows the question.
pub async fn show(
    view: &TenantView,
    req: Option<&str>,
    hmac: Option<&str>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let auth = proven(view, req, hmac, browser).await?;
    let login = auth.login().map_err(|_| Refusal::WrongStage)?;
    let client = client(view, &auth.request)?;
    Ok(Outcome::Show(consent_screen(view, &client, &auth, login)).into())
}

/// Hears the answer. Anything but a yes is a no, and the client is told
/// (`access_denied`, RFC 6749 §4.1.2.1); dex shows a page instead.
pub async fn answer(
    view: &TenantView,
    req: Option<&str>,
    hmac: Option<&str>,
    approved: bool,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let auth = proven(view, req, hmac, browser).await?;
    let login = auth.login().map_err(|_| Refusal::WrongStage)?;
    let reply_to = reply_to(&auth.request);
    client(view, &auth.request)?;
    if !approved {
        give_up(view, &auth.id).await;
        return Err(told(view, Refusal::ConsentDenied.into(), &reply_to));
    }
    let issuing = finish::issue(
        view,
        &auth.id,
        auth.version,
        &auth.request,
        login,
        Approved::Now,
    );
    let mut turn = issuing
        .await
        .map_err(|error| told(view, error, &reply_to))?;
    turn.cookies.extend(kept::released(&auth));
    Ok(turn)
}

async fn proven(
    view: &TenantView,
    req: Option<&str>,
    hmac: Option<&str>,
    browser: &Browser,
) -> Result<AuthRequest, FlowError> {
    let (req, hmac) = (
        req.ok_or(Refusal::LoginUnknown)?,
        hmac.ok_or(Refusal::BadProof)?,
    );
    if !proves(&view.keys, req, Step::Approval, hmac) {
        return Err(Refusal::BadProof.into());
    }
    under_way(view, req, browser).await
}

#[cfg(test)]
mod tests;
