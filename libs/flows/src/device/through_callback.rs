//! The login of a device as dex has it: it is one of the client, whose answer comes to a callback of
//! ours.

use insula_engine::device::{CALLBACK, is_callback};
use insula_engine::{Refusal, Step, proof_of, proves};
use insula_model::{CodeGrant, DeviceRequest, TokenHash, UserCode};
use insula_oauth::{Params, encode_pairs};
use insula_store::{ClaimedCode, FoundDevice};
use tracing::warn;

use super::approved;
use super::entry::{found, show_form, shown};
use crate::{Browser, CookieChange, FlowError, Outcome, TenantView, Turn};

/// Who claims the code of such a login.
const PRESENTER: &str = "the callback of devices";

/// A person typed a code: the browser is sent to log in for the client of its device.
///
/// A cookie remembers that the code was typed here. The address that this leads to can be made by
/// anybody, and without it a link would be enough to have somebody log in for another's device.
pub async fn enter_and_return(
    view: &TenantView,
    typed: &str,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    if typed.is_empty() {
        return Err(Refusal::MissingUserCode.into());
    }
    let (user_code, device) = match found(view, typed, browser).await? {
        Ok(found) => found,
        Err(trouble) => return Ok(show_form(view, shown(typed), Some(trouble))),
    };
    let (state, scope) = (user_code.to_string(), device.scopes.to_string());
    let redirect_uri = format!("{}{CALLBACK}", view.spec.issuer.path());
    let query = encode_pairs([
        ("client_id", device.client_id.as_str()),
        ("redirect_uri", &redirect_uri),
        ("response_type", "code"),
        ("scope", &scope),
        ("state", &state),
    ]);
    let entered = CookieChange::EnterDevice {
        value: mark(view, &user_code),
        max_age: view.spec.expiry.device_requests,
    };
    let outcome = Outcome::Redirect {
        to: format!("/auth?{query}"),
        see_other: false,
    };
    Ok(Turn::new(outcome, vec![entered]))
}

fn mark(view: &TenantView, user_code: &UserCode) -> String {
    let subject = user_code.hash().to_text();
    proof_of(&view.keys, &subject, Step::DeviceCallback)
}

/// Whether the code was typed in this browser. Where dex's dialect works without cookies, one that
/// sends none at all is let through, as at every step of such a login.
fn was_typed_in(view: &TenantView, browser: &Browser, user_code: &UserCode) -> bool {
    let subject = user_code.hash().to_text();
    let is_mark = |value: &String| proves(&view.keys, &subject, Step::DeviceCallback, value);
    let takes_no_cookies = browser.entered.is_empty() && browser.bindings.is_empty();
    browser.entered.iter().any(is_mark)
        || takes_no_cookies
            && view.rules().takes_steps_without_cookie
            && !view.spec.sessions.enabled
}

/// The login of a device ended, and its answer arrives.
pub async fn complete(
    view: &TenantView,
    params: &Params,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let (Some(state), Some(code)) = (params.get("state"), params.get("code")) else {
        return Err(Refusal::DeviceAnswerIncomplete.into());
    };
    if params.get("error").is_some() {
        return Err(Refusal::DeviceAnswerRefused.into());
    }
    let cache = &view.effects.cache;
    let hash = TokenHash::of(code);
    let grant = cache.peek_code(&hash).await?;
    let grant = grant.filter(|grant| is_callback(&grant.redirect_uri, &view.spec));
    let grant = grant.ok_or(Refusal::DeviceAnswerCodeUnknown)?;
    let user_code = UserCode::read(state).ok_or(Refusal::UserCodeUnknown)?;
    let FoundDevice::Waiting(device) = cache.find_device(&user_code.hash()).await? else {
        return Err(Refusal::UserCodeUnknown.into());
    };
    if !was_typed_in(view, browser, &user_code) {
        return Err(Refusal::WrongBrowser.into());
    }
    let client = view.clients().find(device.client_id.as_str()).await?;
    let client = client.filter(|_| device.is_proven);
    let client = client.ok_or(Refusal::ClientCredentials)?;
    if grant.client_id != client.id {
        return Err(Refusal::DeviceAnswerCodeUnknown.into());
    }
    let at_least = view.spec.expiry.codes;
    let presenter = TokenHash::of(PRESENTER);
    let claimed = cache.claim_code(&hash, &presenter, at_least).await?;
    let ClaimedCode::Claimed { claim, .. } = claimed else {
        return Err(Refusal::DeviceAnswerCodeUnknown.into());
    };
    let grant = granted(grant, &device);
    let user_code = user_code.hash();
    let waited = cache.approve_device(&user_code, &grant, at_least);
    if !waited.await? {
        return Err(Refusal::DeviceAnswerLate.into());
    }
    if let Err(error) = cache.answer_code(&hash, claim, at_least).await {
        warn!(%error, "the code of a device's login could not be marked as used");
    }
    Ok(Outcome::Show(approved(&client)).into())
}

/// What the code of the login stands for, for a device that proves itself by its own challenge.
fn granted(grant: CodeGrant, device: &DeviceRequest) -> CodeGrant {
    CodeGrant {
        code_challenge: device.code_challenge.clone(),
        ..grant
    }
}
