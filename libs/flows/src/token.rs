//! The token endpoint.

mod client_credentials;
mod code;
mod device;
mod password;
mod refresh;
mod token_exchange;
mod upstream_refresh;

use insula_engine::{Evidence, Refusal, grants};
use insula_model::DeviceForm;
use insula_oauth::{
    ClientAuthMethod, DeviceCodeRequest, GrantType, Params, TokenRequest, TokenRequestError,
    TokenResponse,
};

pub(crate) use self::code::gets_refresh;
use crate::client_authentication::authenticated;
use crate::family::{refused, revoke_family};
use crate::signing::{Signers, signers};
use crate::{Browser, FlowError, TenantView};

/// Exchanges a grant for tokens ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).
pub async fn exchange(
    view: &TenantView,
    evidence: &Evidence<'_>,
) -> Result<TokenResponse, FlowError> {
    let request = token_request(view, &evidence.form)?;
    let grant_type = request.grant_type();
    grants::served(grant_type, &view.spec)?;
    if let TokenRequest::DeviceCode(request) = &request
        && view.rules().devices == DeviceForm::Dex
    {
        return device::poll_by_anybody(view, request).await;
    }
    let proven = authenticated(view, evidence).await?;
    let client = proven.client();
    grants::allowed(grant_type, client, view.rules())?;
    match request {
        TokenRequest::AuthorizationCode(request) => code::redeem(view, client, &request).await,
        TokenRequest::RefreshToken(request) => refresh::refresh(view, client, &request).await,
        TokenRequest::ClientCredentials(request) => {
            client_credentials::issue_to(view, client, &request).await
        }
        TokenRequest::DeviceCode(request) => device::poll(view, client, &request).await,
        TokenRequest::Password(request) => {
            // A client that proves who it is asks from a server of its own, whoever typed the password there: by
            // address one of its people would hold up all others.
            let is_a_server = proven.method() != ClientAuthMethod::None;
            let from = Browser {
                address: evidence.address,
                address_is_shared: evidence.address_is_shared || is_a_server,
                ..Browser::default()
            };
            password::log_in(view, client, request, &from).await
        }
        TokenRequest::TokenExchange(request) => {
            token_exchange::exchange(view, &proven, &request).await
        }
    }
}

/// dex's older endpoint for devices that poll. It is there whatever grants the tenant serves.
pub async fn poll_for_device(view: &TenantView, form: &Params) -> Result<TokenResponse, FlowError> {
    let form = first_of_each(form);
    if form.get("grant_type") != Some(GrantType::DeviceCode.as_str()) {
        return Err(Refusal::NoDeviceGrant.into());
    }
    device::poll_by_anybody(view, &DeviceCodeRequest::from_params(&form)).await
}

fn token_request(view: &TenantView, form: &Params) -> Result<TokenRequest, Refusal> {
    let read = if view.rules().refuses_repeated_parameters {
        TokenRequest::from_params(form)
    } else {
        TokenRequest::from_params(&first_of_each(form))
    };
    read.map_err(|why| match why {
        TokenRequestError::NoGrantType => Refusal::MissingGrantType,
        TokenRequestError::UnsupportedGrantType(word) => Refusal::UnsupportedGrantType(word),
        TokenRequestError::Duplicate(name) => Refusal::DuplicateParameter(name),
    })
}

fn first_of_each(form: &Params) -> Params {
    let mut first: Vec<(&str, &str)> = Vec::new();
    for (name, value) in form.pairs() {
        if !first.iter().any(|(known, _)| *known == name) {
            first.push((name, value));
        }
    }
    Params::from_pairs(first)
}

/// The resources a request names; none where the tenant knows no resources.
fn resources<'r>(view: &TenantView, named: &'r [String]) -> &'r [String] {
    if view.rules().obeys_resource_indicators {
        named
    } else {
        &[]
    }
}

#[cfg(test)]
mod tests;
