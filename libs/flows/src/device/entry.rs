use insula_engine::authorize::Choice;
use insula_engine::device::{self, PAGE};
use insula_model::{DeviceOrigin, DeviceRequest, Origin, UserCode};
use insula_store::FoundDevice;

use crate::advance::{Arrival, advance};
use crate::conversation::Conversation;
use crate::guesses::Guesses;
use crate::under_way::client;
use crate::{
    Browser, DeviceAsked, DeviceTrouble, FlowError, Outcome, Screen, TenantView, Turn, login_log,
};

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

/// dex's form, as its address fills it in. What follows it is the login and no question, so that it says
/// itself who asks with this code, from where and when: somebody may have sent the person the code of
/// another device ([RFC 8628 §5.4](https://www.rfc-editor.org/rfc/rfc8628#section-5.4)). A code that no
/// device waits with looks as it does in dex, and is counted.
pub async fn show_filled(
    view: &TenantView,
    user_code: String,
    trouble: Option<DeviceTrouble>,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    let asked = match trouble {
        None => asked_with(view, &user_code, browser).await?,
        Some(_) => None,
    };
    Ok(form(view, user_code, trouble, asked))
}

async fn asked_with(
    view: &TenantView,
    typed: &str,
    browser: &Browser,
) -> Result<Option<DeviceAsked>, FlowError> {
    let Ok((_, device)) = found(view, typed, browser).await? else {
        return Ok(None);
    };
    let client = view.clients().find(device.client_id.as_str()).await?;
    Ok(client.map(|client| DeviceAsked {
        client_name: client.name.clone(),
        asked_from: device.asked_from.map(|address| address.to_string()),
        minutes_ago: view.now().since(device.asked_at).as_secs() / 60,
    }))
}

/// The form alone.
pub(super) fn show_form(
    view: &TenantView,
    user_code: String,
    trouble: Option<DeviceTrouble>,
) -> Turn {
    form(view, user_code, trouble, None)
}

fn form(
    view: &TenantView,
    user_code: String,
    trouble: Option<DeviceTrouble>,
    asked: Option<DeviceAsked>,
) -> Turn {
    let action = match view.rules().devices {
        insula_model::DeviceForm::Rfc8628 => PAGE,
        insula_model::DeviceForm::Dex => "/device/auth/verify_code",
    };
    Outcome::Show(Screen::DeviceCode {
        user_code,
        action: action.to_owned(),
        trouble,
        asked,
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
        FoundDevice::Waiting(device) => {
            // Guesses sent at once are all let in above; those beyond the limit must not be told apart.
            return Ok(match guesses.exceeded().await? {
                Some(retry_after) => Err(DeviceTrouble::Throttled { retry_after }),
                None => Ok((user_code, *device)),
            });
        }
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
