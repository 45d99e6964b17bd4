use insula_engine::device::PAGE;
use insula_engine::{Refusal, Step, proof_of, proves};
use insula_model::{AuthRequest, Client, DeviceOrigin, Origin};

use super::deny;
use crate::advance::{Arrival, advance};
use crate::conversation::Conversation;
use crate::under_way::{client, under_way};
use crate::{Browser, FlowError, Outcome, Screen, TenantView, Turn};

/// Asks whether the device is the person's own, and tells who asked, from where and when: somebody
/// may have sent them the code of another device
/// ([RFC 8628 §5.4](https://www.rfc-editor.org/rfc/rfc8628#section-5.4)). The login is bound to this
/// browser, so that nobody else can answer for it.
pub(crate) async fn ask(
    view: &TenantView,
    browser: &Browser,
    client: &Client,
    mut conversation: Conversation<'_>,
) -> Result<Turn, FlowError> {
    let cookies = match conversation.stored {
        Some(_) => Vec::new(),
        None => {
            let stored = conversation.store(view, browser).await?;
            stored.ok_or(Refusal::LoginUnknown)?
        }
    };
    let auth = &conversation.auth;
    let Origin::Device(device) = &auth.origin else {
        return Err(Refusal::WrongStage.into());
    };
    let shown = screen(view, client, auth, device);
    Ok(Turn::new(Outcome::Show(shown), cookies))
}

fn screen(view: &TenantView, client: &Client, auth: &AuthRequest, device: &DeviceOrigin) -> Screen {
    let hmac = proof_of(&view.keys, auth.id.as_str(), Step::Device);
    Screen::ConfirmDevice {
        client_name: client.name.clone(),
        user_code: device.unconfirmed.clone().unwrap_or_default(),
        asked_from: device.asked_from.map(|address| address.to_string()),
        asked_minutes_ago: view.now().since(device.asked_at).as_secs() / 60,
        action: PAGE.to_owned(),
        fields: vec![
            ("req".to_owned(), auth.id.to_string()),
            ("hmac".to_owned(), hmac),
        ],
        ui_locales: auth.request.ui_locales.clone(),
    }
}

/// Hears the answer. With a yes the login goes on as any other; a no is told to the device.
pub async fn answer(
    view: &TenantView,
    req: &str,
    hmac: Option<&str>,
    is_theirs: bool,
    browser: &Browser,
) -> Result<Turn, FlowError> {
    if !hmac.is_some_and(|hmac| proves(&view.keys, req, Step::Device, hmac)) {
        return Err(Refusal::BadProof.into());
    }
    let auth = under_way(view, req, browser).await?;
    let client = client(view, &auth.request).await?;
    let Origin::Device(device) = auth.origin.clone() else {
        return Err(Refusal::WrongStage.into());
    };
    if !is_theirs {
        return deny(view, &client, &auth, &device).await;
    }
    let mut conversation = Conversation::returning(auth);
    conversation.client = Some(client);
    if device.unconfirmed.is_some() {
        conversation.auth.origin = Origin::Device(DeviceOrigin {
            unconfirmed: None,
            ..device
        });
        // The steps that follow need not store anything, and must find this.
        let stored = conversation.store(view, browser).await?;
        stored.ok_or(Refusal::LoginUnknown)?;
    }
    advance(view, browser, conversation, Arrival::Post).await
}
