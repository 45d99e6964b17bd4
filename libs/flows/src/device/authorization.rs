use std::net::IpAddr;
use std::sync::Arc;

use insula_engine::device::{self, INTERVAL, REMEMBERED_FOR};
use insula_engine::{Evidence, Peers, Refusal, client_auth};
use insula_model::{
    Client, ClientId, DeviceCode, DeviceForm, DeviceRequest, UserCode, written_length,
};
use insula_oauth::{DeviceAuthorizationRequest, DeviceAuthorizationResponse, encode_pairs};
use insula_store::{DeviceLife, LoginRoom};

use crate::client_authentication::authenticated;
use crate::{Fault, FlowError, TenantView, login_log};

/// How often another user code is drawn where somebody has the first.
const TRIES: usize = 5;

/// What is stored of a device is no longer. Its key, its place in the list and its user code take the
/// rest of what a login may.
const LONGEST: usize = 1_100;

const _: () = assert!((LONGEST as u64) < LoginRoom::BYTES_EACH);

/// Answers a device authorization request
/// ([RFC 8628 §3.1 and §3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.1)) that came from
/// `asked_from`.
///
/// The client proves itself as at the token endpoint. dex takes everybody's request, and lets nothing
/// come of one that was not proven.
pub async fn authorize(
    view: &TenantView,
    evidence: &Evidence<'_>,
    asked_from: Option<IpAddr>,
) -> Result<DeviceAuthorizationResponse, FlowError> {
    let request = DeviceAuthorizationRequest::from_params(&evidence.form);
    let asking = match view.rules().devices {
        DeviceForm::Rfc8628 => Asking::proven(view, evidence).await?,
        DeviceForm::Dex => Asking::anybody(view, evidence).await?,
    };
    let peers = match (&asking.client, &request.scope) {
        (Some(_), Some(scope)) => view.clients().peers(scope).await?,
        _ => Peers::default(),
    };
    let asks = device::judge(&request, asking.client.as_deref(), &peers, &view.spec)?;
    let stored = DeviceRequest {
        client_id: asking.client_id,
        is_proven: asking.is_proven,
        scopes: asks.scopes,
        resources: asks.resources,
        code_challenge: asks.code_challenge,
        asked_from,
        asked_at: view.now(),
    };
    if written_length(&stored) > LONGEST {
        let (parameter, most) = ("the request", LONGEST);
        return Err(Refusal::TooLong { parameter, most }.into());
    }
    let (device_code, user_code) = put(view, &stored).await?;
    Ok(response(view, &device_code, &user_code))
}

/// Who asks.
struct Asking {
    client_id: ClientId,
    client: Option<Arc<Client>>,
    is_proven: bool,
}

impl Asking {
    async fn proven(view: &TenantView, evidence: &Evidence<'_>) -> Result<Self, FlowError> {
        let client = authenticated(view, evidence).await?.into_client();
        device::may_ask(&client, &view.spec)?;
        Ok(Self {
            client_id: client.id.clone(),
            client: Some(client),
            is_proven: true,
        })
    }

    async fn anybody(view: &TenantView, evidence: &Evidence<'_>) -> Result<Self, FlowError> {
        let presented = client_auth::read(evidence, view.rules())?;
        login_log::about_client(view, &presented.id);
        let client_id = ClientId::parse(&presented.id).map_err(|_| Refusal::ClientCredentials)?;
        let client = view.clients().find(&presented.id).await?;
        let proven = client_auth::prove(client.clone(), &presented, view.now());
        Ok(Self {
            client_id,
            client,
            is_proven: proven.is_ok(),
        })
    }
}

/// Stores the request under two new codes.
async fn put(
    view: &TenantView,
    request: &DeviceRequest,
) -> Result<(DeviceCode, UserCode), FlowError> {
    let entropy = view.effects.entropy.as_ref();
    let life = DeviceLife {
        good_for: view.spec.expiry.device_requests,
        remembered_for: REMEMBERED_FOR,
    };
    let room = view.spec.limits.logins_under_way;
    let proven = match view.rules().devices {
        DeviceForm::Rfc8628 => Some(&request.client_id),
        DeviceForm::Dex => None,
    };
    for _ in 0..TRIES {
        let (device, user) = (DeviceCode::generate(entropy), UserCode::generate(entropy));
        let (device_hash, user_hash) = (device.hash_for(proven), user.hash());
        let put = view
            .effects
            .cache
            .put_device(&device_hash, &user_hash, request, room, life)
            .await?;
        if put {
            return Ok((device, user));
        }
    }
    Err(Fault::NoUserCode.into())
}

fn response(
    view: &TenantView,
    device_code: &DeviceCode,
    user_code: &UserCode,
) -> DeviceAuthorizationResponse {
    let verification_uri = view.spec.issuer.url(device::PAGE);
    let user_code = user_code.to_string();
    let query = encode_pairs([("user_code", user_code.as_str())]);
    DeviceAuthorizationResponse {
        device_code: device_code.reveal().to_owned(),
        verification_uri_complete: format!("{verification_uri}?{query}"),
        user_code,
        verification_uri,
        expires_in: view.spec.expiry.device_requests.as_secs(),
        interval: INTERVAL.as_secs(),
    }
}
