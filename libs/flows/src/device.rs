//! Devices without a browser (RFC 8628): they ask, a person types a code and logs in, they are
//! answered when they poll.

mod authorization;
mod confirm;
mod entry;
mod through_callback;

use insula_engine::Refusal;
use insula_model::{AuthRequest, Client, CodeGrant, DeviceOrigin, Origin};
use tracing::warn;

use crate::under_way::give_up;
use crate::{FlowError, Outcome, Screen, TenantView, Turn};

pub use authorization::authorize;
pub use confirm::answer;
pub(crate) use confirm::ask;
pub use entry::{enter, show, show_filled};
pub use through_callback::{complete, enter_and_return};

/// Has a device that still waits get what `grant` stands for; whether it waited.
pub(crate) async fn approve(
    view: &TenantView,
    device: &DeviceOrigin,
    grant: &CodeGrant,
) -> Result<bool, FlowError> {
    let (cache, at_least) = (&view.effects.cache, view.spec.expiry.codes);
    let approved = cache.approve_device(&device.user_code, grant, at_least);
    Ok(approved.await?)
}

/// The person said no: the device is told (`access_denied`, RFC 8628 §3.5), and so are they.
pub(crate) async fn deny(
    view: &TenantView,
    client: &Client,
    auth: &AuthRequest,
    device: &DeviceOrigin,
) -> Result<Turn, FlowError> {
    let denied = view.effects.cache.deny_device(&device.user_code).await?;
    give_up(view, &auth.id).await;
    Ok(Outcome::Show(answered(client, denied.then_some(false))).into())
}

/// A login ended in `refusal`. Where a client would hear of it in the browser, a device that its person
/// confirmed hears of it when it polls (`access_denied`, RFC 8628 §3.5); what the person can mend by
/// another try it waits for. A cache that fails leaves it to its end.
pub(crate) async fn fail(view: &TenantView, origin: &Origin, refusal: &Refusal) {
    let Origin::Device(device) = origin else {
        return;
    };
    if device.unconfirmed.is_some() || !refusal.is_for_client(view.rules()) {
        return;
    }
    if let Err(error) = view.effects.cache.deny_device(&device.user_code).await {
        warn!(%error, "a device could not be told that its login failed");
    }
}

/// What a person sees whose device may go on.
pub(crate) fn approved(client: &Client) -> Screen {
    answered(client, Some(true))
}

/// What a person sees whose device does not wait any more.
pub(crate) fn over(client: &Client) -> Screen {
    answered(client, None)
}

fn answered(client: &Client, approved: Option<bool>) -> Screen {
    Screen::DeviceAnswered {
        client_name: client.name.clone(),
        approved,
    }
}

#[cfg(test)]
mod tests;
