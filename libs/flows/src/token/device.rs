use insula_engine::Refusal;
use insula_engine::device::{INTERVAL, SLOWER_BY, TOLERANCE};
use insula_engine::grants::{allowed, device_code};
use insula_model::{Client, CodeGrant, DeviceCode, DeviceForm, TokenHash};
use insula_oauth::{CodeVerifier, DeviceCodeRequest, GrantType, TokenResponse};
use insula_store::{DevicePace, DevicePoll};

use super::code::{Presented, redeemed};
use super::{refused, signers};
use crate::{FlowError, TenantView, login_log};

/// Answers a device that polls ([RFC 8628 §3.4](https://www.rfc-editor.org/rfc/rfc8628#section-3.4)
/// and [§3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)).
///
/// Until a person approved, a poll is one question to the cache. Then a code waits under the hash of
/// the device code, which is redeemed as any other: once, and again for a device that was not
/// answered. A poll that was held up until another one was answered replays nothing: the code was not
/// redeemed yet when it came.
pub(super) async fn poll(
    view: &TenantView,
    client: &Client,
    request: &DeviceCodeRequest,
) -> Result<TokenResponse, FlowError> {
    let code = presented(request)?;
    let hash = code.hash_for(Some(&client.id));
    let waiting = must_be_approved(view, &hash).await?;
    match redeem(view, client, request, (&hash, waiting)).await {
        Err(FlowError::Refused(why)) => Err(refused(view, client, why.refusal).await),
        answer => answer,
    }
}

/// The same as dex has it: no client proves itself, and who presents a code twice is refused and
/// loses nothing.
pub(super) async fn poll_by_anybody(
    view: &TenantView,
    request: &DeviceCodeRequest,
) -> Result<TokenResponse, FlowError> {
    let hash = presented(request)?.hash_for(None);
    let waiting = must_be_approved(view, &hash).await?;
    let grant = view.effects.cache.peek_code(&hash).await?;
    let grant = grant.ok_or(Refusal::DeviceCodeUnknown)?;
    login_log::about_client(view, grant.client_id.as_str());
    let client = view.clients().find(grant.client_id.as_str()).await?;
    let client = client.ok_or(Refusal::ClientCredentials)?;
    allowed(GrantType::DeviceCode, &client, view.rules())?;
    let answer = redeem(view, &client, request, (&hash, waiting)).await;
    answer.map_err(|error| match error {
        FlowError::Refused(why) => match why.refusal {
            Refusal::CodeUnknown | Refusal::CodeReplayed { .. } | Refusal::CodeTakenOver { .. } => {
                Refusal::DeviceCodeUnknown.into()
            }
            other => other.into(),
        },
        fault @ FlowError::Fault { .. } => fault,
    })
}

fn presented(request: &DeviceCodeRequest) -> Result<DeviceCode, Refusal> {
    let code = request.device_code.clone();
    Ok(DeviceCode::from(code.ok_or(Refusal::MissingDeviceCode)?))
}

/// What waits for a device whose person approved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Unredeemed,
    Redeemed,
}

async fn must_be_approved(view: &TenantView, hash: &TokenHash) -> Result<Waiting, FlowError> {
    let pace = DevicePace {
        interval: INTERVAL.saturating_sub(TOLERANCE),
        slower_by: SLOWER_BY,
        is_forgiving: view.rules().devices == DeviceForm::Dex,
    };
    let refusal = match view.effects.cache.poll_device(hash, pace).await? {
        DevicePoll::Approved => return Ok(Waiting::Unredeemed),
        DevicePoll::Redeemed => return Ok(Waiting::Redeemed),
        DevicePoll::Pending => Refusal::DevicePending,
        DevicePoll::SlowDown => Refusal::DevicePolledTooSoon,
        DevicePoll::Denied => Refusal::DeviceDenied,
        DevicePoll::Expired => Refusal::DeviceCodeExpired,
        DevicePoll::Unknown => Refusal::DeviceCodeUnknown,
    };
    Err(refusal.into())
}

async fn redeem(
    view: &TenantView,
    client: &Client,
    request: &DeviceCodeRequest,
    (hash, waiting): (&TokenHash, Waiting),
) -> Result<TokenResponse, FlowError> {
    let signers = signers(view, client).await?;
    let judge = |grant: &CodeGrant| device_code(request, grant, view.rules());
    let verifier = request.code_verifier.as_ref().map(CodeVerifier::reveal);
    let presented = Presented {
        hash: *hash,
        presenter: TokenHash::of(&format!("{:?}", (client.id.as_str(), verifier))),
        bound_to: None,
        was_unredeemed: waiting == Waiting::Unredeemed,
        resources: &request.resources,
        judge: &judge,
    };
    redeemed(view, client, &presented, &signers).await
}
