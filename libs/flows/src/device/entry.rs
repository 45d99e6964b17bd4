use insula_engine::authorize::Choice;
use insula_engine::device::{self, PAGE};
use insula_model::{DeviceOrigin, DeviceRequest, Origin, UserCode};
use insula_store::FoundDevice;

use crate::advance::{Arrival, advance};
use crate::conversation::Conversation;
use crate::guesses::Guesses;
use crate::under_way::client;
use crate::{Browser, DeviceTrouble, FlowError, Outcome, Screen, TenantView, Turn, login_log};

/// The page where a user code is typed. With the code in its address
/// (`verification_uri_complete`, RFC 8628 §3.3.1) it goes on to the question whether the device is
/// the person's, and no further.
pub async fn show(
    view: &TenantView,
    user_code: Option<&str>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    match user_code {
        Some(typed) => enter(view, typed, browser).await,
        None => Ok(show_form(view, String::new(), None)),
    }
}

/// The form alone.
pub fn show_form(view: &TenantView, user_code: String, trouble: Option<DeviceTrouble>) -> Turn {
    let action = match view.rules().devices {
        insula_model::DeviceForm::Rfc8628 => PAGE,
        insula_model::DeviceForm::Dex => "/device/auth/verify_code",
    };
    Outcome::Show(Screen::DeviceCode {
        user_code,
        action: action.to_owned(),
        trouble,
    })
    .into()
}

/// A person typed a code: the login of its device begins, with the question whether the device is
/// theirs.
pub async fn enter(view: &TenantView, typed: &str, browser: &Browser) -> Result<Turn, FlowError> {
    let (user_code, device) = match found(view, typed, browser).await? {
        Ok(found) => found,
        Err(trouble) => return Ok(show_form(view, shown(typed), Some(trouble))),
    };
    let request = device::login_request(&device);
    login_log::about_client(view, request.client_id.as_str());
    let client = client(view, &request).await?;
    device::may_ask(&client, &view.spec)?;
    let mut conversation = Conversation::arriving(view, request, Choice::Open, None);
    conversation.auth.origin = Origin::Device(DeviceOrigin {
        user_code: user_code.hash(),
        unconfirmed: Some(user_code.to_string()),
        asked_from: device.asked_from,
        asked_at: device.asked_at,
    });
    conversation.client = Some(client);
    advance(view, browser, conversation, Arrival::Post).await
}

/// The device of a code that was typed, if it waits. What leads to none is counted.
pub(super) async fn found(
    view: &TenantView,
    typed: &str,
    browser: &Browser,
) -> Result<Result<(UserCode, DeviceRequest), DeviceTrouble>, FlowError> {
    let Some(user_code) = UserCode::read(typed) else {
        return Ok(Err(DeviceTrouble::Wrong));
    };
    let guesses = Guesses::of_user_codes(view, browser);
    if let Some(retry_after) = guesses.exceeded().await? {
        return Ok(Err(DeviceTrouble::Throttled { retry_after }));
    }
    let trouble = match view.effects.cache.find_device(&user_code.hash()).await? {
        FoundDevice::Waiting(device) => return Ok(Ok((user_code, *device))),
        FoundDevice::Settled | FoundDevice::Expired => DeviceTrouble::Expired,
        FoundDevice::Unknown => DeviceTrouble::Wrong,
    };
    Ok(Err(match guesses.count().await? {
        Some(retry_after) => DeviceTrouble::Throttled { retry_after },
        None => trouble,
    }))
}

/// What somebody typed, to be shown again: as much of it as a code may be long.
pub(super) fn shown(typed: &str) -> String {
    const LONGEST: usize = 20;
    typed.trim().to_uppercase().chars().take(LONGEST).collect()
}
