//! Devices without a browser (RFC 8628): they ask, a person types a code and logs in, they are
//! answered when they poll.

mod authorization;
mod confirm;
mod entry;
mod through_callback;

use insula_model::{AuthRequest, Client, CodeGrant, DeviceOrigin};

use crate::under_way::give_up;
use crate::{FlowError, Outcome, Screen, TenantView, Turn};

pub use authorization::authorize;
pub use confirm::answer;
pub(crate) use confirm::ask;
pub use entry::{enter, show, show_form};
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
