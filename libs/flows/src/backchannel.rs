//! Clients are told that somebody logged out
//! ([OpenID Connect Back-Channel Logout](https://openid.net/specs/openid-connect-backchannel-1_0.html)).

use std::time::Duration;

use insula_ambient::Backoff;
use insula_connector_kit::PostForm;
use insula_engine::logout::{EndedLogin, logout_token};
use insula_model::{Client, ClientId};
use insula_oauth::encode_pairs;
use insula_store::{LOGOUTS_TOLD_FOR, LogoutNotice};
use tracing::{debug, warn};

use crate::signing::signers;
use crate::{FlowError, TenantView};

/// How long whoever tells a client has it to themselves: longer than one call may take.
const CLAIMED_FOR: Duration = Duration::from_mins(1);

/// How long a client is left alone that could not be told: longer each time.
const PAUSES: Backoff = Backoff {
    first: Duration::from_secs(5),
    longest: Duration::from_hours(1),
};

/// What came of telling a client of one logout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutTold {
    /// It took it.
    Told,
    /// It wants no word, or is not there any more.
    Unwanted,
    /// Somebody else tells it.
    ByAnother,
    /// It could not be told, and is told again later.
    Failed,
    /// It answered that it does not take this one (Back-Channel Logout §2.8). That one is told again
    /// later, and says nothing of others.
    Refused,
    /// It did not take it for so long that it is told no more.
    GivenUp,
}

/// Tells a client of the logout that waits for longest; `None` if none is due.
///
/// The notice is claimed first, so that of several nodes one tells it. It is forgotten once the client
/// took it; where this node ends before, it is due again when the claim is over. So a client may hear
/// twice of a logout, and never not at all.
pub async fn tell_next(
    view: &TenantView,
    client: &ClientId,
    post: &dyn PostForm,
) -> Result<Option<LogoutTold>, FlowError> {
    let store = &view.effects.store;
    let Some(notice) = store.due_logout(client, view.now()).await? else {
        return Ok(None);
    };
    let claim = view.now() + CLAIMED_FOR;
    if !store.claim_logout(&notice, claim).await? {
        return Ok(Some(LogoutTold::ByAnother));
    }
    let known = view.clients().find(client.as_str()).await?;
    let address = known.as_deref().and_then(address);
    let (Some(known), Some(address)) = (&known, address) else {
        store.settle_logout(&notice).await?;
        return Ok(Some(LogoutTold::Unwanted));
    };
    let form = encode_pairs([("logout_token", token(view, known, &notice).await?.as_str())]);
    let (kind, why) = match post.post_form(address, form).await {
        Ok(status) if (200..300).contains(&status) => {
            store.settle_logout(&notice).await?;
            return Ok(Some(LogoutTold::Told));
        }
        Ok(status) if is_refusal(status) => (LogoutTold::Refused, format!("it answered {status}")),
        Ok(status) => (LogoutTold::Failed, format!("it answered {status}")),
        Err(error) => (LogoutTold::Failed, error.to_string()),
    };
    not_told(view, &notice, kind, &why).await.map(Some)
}

/// Whether a client looked at a logout token and did not take it, rather than being in trouble.
fn is_refusal(status: u16) -> bool {
    const REQUEST_TIMEOUT: u16 = 408;
    const TOO_MANY_REQUESTS: u16 = 429;
    (400..500).contains(&status) && ![REQUEST_TIMEOUT, TOO_MANY_REQUESTS].contains(&status)
}

fn address(client: &Client) -> Option<&str> {
    client.logout.backchannel_logout_uri.as_deref()
}

/// The logout token, signed as ID tokens of the client are (Back-Channel Logout §2.6).
async fn token(
    view: &TenantView,
    client: &Client,
    notice: &LogoutNotice,
) -> Result<String, FlowError> {
    let ended = EndedLogin {
        client,
        session: &notice.session,
        user: &notice.user,
        connector: &notice.connector,
    };
    let token = logout_token(ended, &view.spec, view.now(), view.effects.entropy.as_ref());
    signers(view, client).await?.sign_logout(&token)
}

async fn not_told(
    view: &TenantView,
    notice: &LogoutNotice,
    kind: LogoutTold,
    why: &str,
) -> Result<LogoutTold, FlowError> {
    let store = &view.effects.store;
    let next = view.now() + PAUSES.pause(notice.attempts);
    let client = &notice.client;
    if next >= notice.ended_at + LOGOUTS_TOLD_FOR {
        store.settle_logout(notice).await?;
        let attempts = notice.attempts + 1;
        warn!(client_id = %client, attempts,
            "client {client} is not told any more that somebody logged out: {why}");
        return Ok(LogoutTold::GivenUp);
    }
    store.postpone_logout(notice, next).await?;
    debug!(client_id = %client, "client {client} could not be told that somebody logged out: {why}");
    Ok(kind)
}

#[cfg(test)]
mod tests;
