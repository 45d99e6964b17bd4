//! Where the request of a login under way is kept: with the login, or in the browser.

use std::borrow::Cow;
use std::time::Duration;

use insula_engine::Refusal;
use insula_engine::authorize::{Keeping, keeping};
use insula_model::{AuthRequest, AuthorizationRequest, written_length};
use insula_store::LoginRoom;

use crate::{Browser, CookieChange, FlowError, TenantView, sealed};

/// A browser carries nothing for longer; who takes longer begins anew.
const CARRIED_FOR: Duration = Duration::from_hours(1);

/// Stores a login that begins. The cookie it comes with, if any, holds what is too long for the
/// cache.
pub(crate) async fn begin(
    view: &TenantView,
    auth: &mut AuthRequest,
) -> Result<Option<CookieChange>, FlowError> {
    let ttl = view.spec.expiry.auth_requests;
    let cookie = match keeping(written_length(&auth.request))? {
        Keeping::InCache => None,
        Keeping::InBrowser => {
            auth.carried = true;
            let request = serde_json::to_vec(&auth.request).unwrap_or_default();
            let value = sealed::seal_for(view, &auth.id, &request);
            let max_age = ttl.min(CARRIED_FOR);
            Some(CookieChange::Carry { value, max_age })
        }
    };
    let room = LoginRoom::of(view.spec.limits.logins_under_way);
    view.effects
        .cache
        .put_auth_request(&record(auth), room, ttl)
        .await?;
    Ok(cookie)
}

/// A login as the cache keeps it.
pub(crate) fn record(auth: &AuthRequest) -> Cow<'_, AuthRequest> {
    if !auth.carried {
        return Cow::Borrowed(auth);
    }
    Cow::Owned(AuthRequest {
        request: auth.request.emptied(),
        ..auth.clone()
    })
}

/// A login as the cache keeps it, made whole again by what the browser carries.
pub(crate) fn whole(
    view: &TenantView,
    mut kept: AuthRequest,
    browser: &Browser,
) -> Result<AuthRequest, FlowError> {
    if kept.carried {
        let mut carried = browser.carried.iter();
        let opened = carried.find_map(|value| sealed::open_for(view, &kept.id, value));
        let request = opened.and_then(|json| serde_json::from_slice(&json).ok());
        let request: AuthorizationRequest = request.ok_or(Refusal::WrongBrowser)?;
        kept.request = request;
    }
    Ok(kept)
}

/// What becomes of the browser's burden once the login is over.
pub(crate) fn released(auth: &AuthRequest) -> Option<CookieChange> {
    auth.carried.then_some(CookieChange::Release)
}

#[cfg(test)]
mod tests;
