//! Devices without a browser: what they may ask for, and what login that leads to
//! ([RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)).

use std::time::Duration;

use insula_model::{
    AuthorizationRequest, ClaimsRequest, Client, DeviceForm, DeviceRequest, Rate, TenantSpec,
};
use insula_oauth::{
    CodeChallenge, CodeChallengeMethod, DeviceAuthorizationRequest, GrantType, Prompts,
    ResponseMode, ResponseType, Scopes,
};

use crate::authorize::allowed_scopes;
use crate::{Peers, Refusal, grants};

/// The least time between two polls of a device (RFC 8628 §3.2).
pub const INTERVAL: Duration = Duration::from_secs(5);

/// By how much sooner a poll may arrive: a device that keeps to the interval measures it by its own clock,
/// and one poll may take less time on its way than the one before.
pub const TOLERANCE: Duration = Duration::from_millis(500);

/// By how much more that is after each poll that came too soon (RFC 8628 §3.5).
pub const SLOWER_BY: Duration = Duration::from_secs(5);

/// For how long a device is told that its codes ended, and not that nobody knows them.
pub const REMEMBERED_FOR: Duration = Duration::from_mins(10);

/// How many wrong user codes may come from one address.
pub const WRONG_CODES_OF_ADDRESS: Rate = Rate {
    count: 20,
    per: Duration::from_mins(10),
};

/// How many wrong user codes may be typed at a tenant.
///
/// [RFC 8628 §5.1](https://www.rfc-editor.org/rfc/rfc8628#section-5.1): there are 20^8 codes. While a
/// hundred devices wait, one that guesses as often as it may meets one of them once in about sixteen
/// years, and then its own account is what that device gets.
pub const WRONG_CODES: Rate = Rate {
    count: 300,
    per: Duration::from_mins(10),
};

/// The path of the page where user codes are typed, below the issuer.
pub const PAGE: &str = "/device";

/// The path that dex's logins of devices end at, below the issuer.
pub const CALLBACK: &str = "/device/callback";

/// What a device may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAsks {
    /// Scopes.
    pub scopes: Scopes,
    /// Resources (RFC 8707).
    pub resources: Vec<String>,
    /// PKCE.
    pub code_challenge: Option<CodeChallenge>,
}

/// Whether a client may ask for devices here.
pub fn may_ask(client: &Client, spec: &TenantSpec) -> Result<(), Refusal> {
    grants::served(GrantType::DeviceCode, spec)?;
    grants::allowed(GrantType::DeviceCode, client, &spec.rules)
}

/// Judges a device authorization request
/// ([RFC 8628 §3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.1)) of `client`, which is
/// proven. Without `scope` it asks for `openid`, as dex has it (RFC 6749 §3.3 lets us choose).
///
/// dex looks at the challenge's method alone: scopes are judged when the login begins.
pub fn judge(
    request: &DeviceAuthorizationRequest,
    client: Option<&Client>,
    peers: &Peers,
    spec: &TenantSpec,
) -> Result<DeviceAsks, Refusal> {
    let rules = &spec.rules;
    if let (true, Some(name)) = (rules.refuses_repeated_parameters, &request.duplicate) {
        return Err(Refusal::DuplicateParameter(name.clone()));
    }
    let scope = request.scope.clone();
    let scopes = scope.unwrap_or_else(|| Scopes::parse("openid"));
    let code_challenge = challenge(request, spec)?;
    let resources: &[String] = if rules.obeys_resource_indicators {
        &request.resources
    } else {
        &[]
    };
    let scopes = match client {
        Some(client) if rules.devices == DeviceForm::Rfc8628 => {
            allowed_scopes(Some(&scopes.to_string()), resources, client, peers, spec)?
        }
        _ => scopes,
    };
    Ok(DeviceAsks {
        scopes,
        resources: resources.to_vec(),
        code_challenge,
    })
}

/// RFC 8628 knows no challenge, but clients send one, and whoever sent one must meet it.
fn challenge(
    request: &DeviceAuthorizationRequest,
    spec: &TenantSpec,
) -> Result<Option<CodeChallenge>, Refusal> {
    let is_dex = spec.rules.devices == DeviceForm::Dex;
    let named = request.code_challenge_method.as_deref();
    let word = named.unwrap_or(CodeChallengeMethod::Plain.as_str());
    let method = CodeChallengeMethod::parse(word);
    let method = method.filter(|method| is_dex || spec.oauth2.pkce_methods.contains(method));
    if request.code_challenge.is_none() && !is_dex {
        return Ok(None);
    }
    let method = method.ok_or_else(|| Refusal::PkceMethodNotSupported(word.to_owned()))?;
    let Some(value) = request.code_challenge.clone() else {
        return Ok(None);
    };
    let challenge = CodeChallenge { method, value };
    if spec.rules.checks_form_of_pkce && !challenge.is_well_formed() {
        return Err(Refusal::PkceMalformed);
    }
    Ok(Some(challenge))
}

/// The login that a device leads to. Its answer goes to the device, so that there is no redirect
/// URI.
pub fn login_request(device: &DeviceRequest) -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: device.client_id.clone(),
        redirect_uri: String::new(),
        response_type: ResponseType::CODE,
        response_mode: ResponseMode::Query,
        scopes: device.scopes.clone(),
        resources: device.resources.clone(),
        state: None,
        nonce: None,
        code_challenge: device.code_challenge.clone(),
        prompts: Prompts::default(),
        max_age: None,
        login_hint: None,
        ui_locales: Vec::new(),
        acr_values: Vec::new(),
        claims: ClaimsRequest::default(),
        hinted_sub: None,
        connector_id: None,
        force_approval: false,
    }
}

/// Whether `uri` is where dex's logins of devices end: dex as released writes it without the
/// issuer's path, its head with it.
pub fn is_callback(uri: &str, spec: &TenantSpec) -> bool {
    uri == CALLBACK || Some(CALLBACK) == uri.strip_prefix(spec.issuer.path())
}

#[cfg(test)]
mod tests;
