use insula_ambient::Timestamp;
use insula_jose::{Expected, KeyRing};
use insula_model::{AuthorizationRequest, ClaimsRequest, Client, ConnectorId, Rules, TenantSpec};
use insula_oauth::{
    AuthorizeRequest, CodeChallenge, CodeChallengeMethod, Prompts, ResponseMode, ResponseType,
};

use super::reply_to::Proven;
use super::request_object::ReturnAddress;
use super::{ReplyTo, claims_parameter, length, redirect_uri, response_type, scope};
use crate::{Peers, Refusal};

/// A request that is refused, and where that may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub refusal: Refusal,
    /// The proven redirect URI; without one, only a page may tell (RFC 6749 §4.1.2.1).
    pub reply_to: Option<Box<ReplyTo>>,
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            reply_to: None,
        }
    }
}

/// Checks an authorization request, clause by clause, in dex's order.
///
/// [RFC 6749 §4.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1),
/// [OpenID Connect Core §3.1.2.2](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequestValidation).
/// First the redirect URI is proven; until then no error may leave this server. Then every other
/// check answers to that URI, in the mode and with the state that the parameters or, where they do
/// not say, a refused request object names. `peers` are the clients that its scopes name.
pub fn validate(
    request: &AuthorizeRequest<'_>,
    client: Option<&Client>,
    peers: &Peers,
    spec: &TenantSpec,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<AuthorizationRequest, Rejection> {
    if let Some(name @ ("client_id" | "redirect_uri")) = request.duplicate {
        return Err(Refusal::DuplicateParameter(name.to_owned()).into());
    }
    if request.client_id.is_none() {
        return Err(Refusal::MissingClientId.into());
    }
    let client = client.ok_or(Refusal::UnknownClient)?;
    let proven = proven(request, client, spec)?;
    checked(request, peers, spec, keys, now, &proven).map_err(|refusal| Rejection {
        refusal,
        reply_to: Some(Box::new(proven.into_reply_to())),
    })
}

/// Where a request may be answered.
pub(super) fn proven<'a>(
    request: &AuthorizeRequest<'a>,
    client: &'a Client,
    spec: &TenantSpec,
) -> Result<Proven<'a>, Refusal> {
    let address = ReturnAddress::of(request, &spec.rules);
    let response_mode = asked_mode(&address, &spec.rules);
    let redirect_uri = address.redirect_uri.ok_or(Refusal::MissingRedirectUri)?;
    if !redirect_uri::is_registered(&redirect_uri, client, spec) {
        return Err(Refusal::RedirectUriMismatch);
    }
    Ok(Proven {
        client,
        redirect_uri,
        response_mode,
        state: address.state,
    })
}

fn checked(
    request: &AuthorizeRequest<'_>,
    peers: &Peers,
    spec: &TenantSpec,
    keys: &KeyRing,
    now: Timestamp,
    reply_to: &Proven<'_>,
) -> Result<AuthorizationRequest, Refusal> {
    let (client, rules) = (reply_to.client, &spec.rules);
    if let (true, Some(name)) = (rules.refuses_repeated_parameters, request.duplicate) {
        return Err(Refusal::DuplicateParameter(name.to_owned()));
    }
    length::check(request)?;
    let connector_id = connector(request, client, spec)?;
    if request.request.is_some() {
        return Err(Refusal::RequestObjectNotSupported);
    }
    if rules.refuses_request_uri_and_registration && request.request_uri.is_some() {
        return Err(Refusal::RequestUriNotSupported);
    }
    if rules.refuses_request_uri_and_registration && request.registration.is_some() {
        return Err(Refusal::RegistrationNotSupported);
    }
    let code_challenge = pkce(request, client, spec)?;
    let resources = request.resources.iter();
    let resources = resources.filter(|_| rules.obeys_resource_indicators);
    let resources: Vec<String> = resources.map(|&one| one.to_owned()).collect();
    let scopes = scope::allowed(request.scope, &resources, client, peers, spec)?;
    let response_type = response_type::allowed(request, &scopes, reply_to, client, spec)?;
    let scopes = scope::that_count(scopes, response_type, rules);
    let response_mode = response_mode(request, response_type, reply_to, rules)?;
    let mut prompts =
        Prompts::parse(request.prompt.unwrap_or_default()).map_err(Refusal::BadPrompt)?;
    // Without browser sessions dex does not know the parameter: whoever comes is asked.
    prompts.none &= rules.obeys_prompt_none_without_sessions || spec.sessions.enabled;
    let max_age = request
        .max_age
        .map(|text| seconds(text).ok_or(Refusal::BadMaxAge))
        .transpose()?;
    let claims = match request.claims {
        // It belongs to OpenID Connect; dex does not know it.
        Some(text) if rules.obeys_claims_parameter && scopes.openid() => {
            claims_parameter::read(text)?
        }
        _ => ClaimsRequest::default(),
    };
    let hinted_sub = hinted_sub(request, spec, keys, now)?;
    Ok(AuthorizationRequest {
        client_id: client.id.clone(),
        redirect_uri: reply_to.redirect_uri.clone().into_owned(),
        response_type,
        response_mode,
        scopes,
        resources,
        state: request.state.map(str::to_owned),
        nonce: request.nonce.map(str::to_owned),
        code_challenge,
        prompts,
        max_age,
        login_hint: request.login_hint.map(str::to_owned),
        ui_locales: words(request.ui_locales),
        acr_values: words(request.acr_values),
        claims,
        hinted_sub,
        connector_id,
        force_approval: request.approval_prompt == Some("force"),
    })
}

/// Digits and nothing else: Rust would read a sign too.
fn seconds(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn words(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// How an answer travels: as the client asked, else as its response type has it. Errors travel so
/// even if the response type is not served; what is asked for tokens never travels in the query
/// ([OAuth 2.0 Multiple Response Types §3 and
/// §5](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#id_token)).
fn asked_mode(address: &ReturnAddress<'_>, rules: &Rules) -> ResponseMode {
    if !rules.obeys_response_mode {
        return ResponseMode::Query;
    }
    let asked = address
        .response_mode
        .as_deref()
        .and_then(ResponseMode::parse);
    let response_type = address.response_type.as_deref().unwrap_or_default();
    let by_type = ResponseType::parse(response_type).map(ResponseMode::default_for);
    let by_type = by_type.unwrap_or(ResponseMode::Query);
    match asked {
        Some(ResponseMode::Query) | None => by_type,
        Some(mode) => mode,
    }
}

fn connector(
    request: &AuthorizeRequest<'_>,
    client: &Client,
    spec: &TenantSpec,
) -> Result<Option<ConnectorId>, Refusal> {
    let Some(id) = request.connector_id else {
        return Ok(None);
    };
    let known = spec
        .connector(id)
        .ok_or_else(|| Refusal::UnknownConnector(id.to_owned()))?;
    let response_type = request.response_type.unwrap_or_default();
    let response_type = ResponseType::parse(response_type).unwrap_or_default();
    let grant = response_type.grant_at_connector();
    if !client.allows_connector(&known.id) || !known.serves(grant) {
        return Err(Refusal::ConnectorNotAllowed(id.to_owned()));
    }
    Ok(Some(known.id.clone()))
}

/// PKCE ([RFC 7636 §4.3](https://www.rfc-editor.org/rfc/rfc7636#section-4.3)): an absent method
/// means `plain`. Public clients of our dialect must use it
/// ([RFC 9700 §2.1.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1)); dex's need not. Where
/// no code is asked for, there is nothing that it could protect.
fn pkce(
    request: &AuthorizeRequest<'_>,
    client: &Client,
    spec: &TenantSpec,
) -> Result<Option<CodeChallenge>, Refusal> {
    let rules = &spec.rules;
    let Some(value) = request.code_challenge else {
        if rules.checks_form_of_pkce && request.code_challenge_method.is_some() {
            return Err(Refusal::PkceRequired);
        }
        let is_bound = rules.public_clients_must_use_pkce && client.public;
        let protects = rules.demands_pkce_without_code || response_type::may_bring_code(request);
        let must = protects && (spec.oauth2.pkce_enforce || client.require_pkce || is_bound);
        return if must {
            Err(Refusal::PkceRequired)
        } else {
            Ok(None)
        };
    };
    let named = request.code_challenge_method.unwrap_or("plain");
    let method = CodeChallengeMethod::parse(named)
        .filter(|method| spec.oauth2.pkce_methods.contains(method))
        .ok_or_else(|| Refusal::PkceMethodNotSupported(named.to_owned()))?;
    let value = value.to_owned();
    let challenge = CodeChallenge { method, value };
    if rules.checks_form_of_pkce && !challenge.is_well_formed() {
        return Err(Refusal::PkceMalformed);
    }
    Ok(Some(challenge))
}

/// `response_mode`; dex does not know the parameter.
fn response_mode(
    request: &AuthorizeRequest<'_>,
    response_type: ResponseType,
    reply_to: &Proven<'_>,
    rules: &Rules,
) -> Result<ResponseMode, Refusal> {
    let asked = request.response_mode.filter(|_| rules.obeys_response_mode);
    let Some(word) = asked else {
        return Ok(reply_to.response_mode);
    };
    match ResponseMode::parse(word) {
        None => Err(Refusal::BadResponseMode(word.to_owned())),
        Some(ResponseMode::Query) if response_type.has_front_channel_tokens() => {
            Err(Refusal::QueryForTokens)
        }
        Some(_) => Ok(reply_to.response_mode),
    }
}

/// Who the client says is logged in. Signature and issuer count, age and audience do not
/// (OpenID Connect Core §3.1.2.1).
fn hinted_sub(
    request: &AuthorizeRequest<'_>,
    spec: &TenantSpec,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<Option<String>, Refusal> {
    let Some(hint) = request.id_token_hint else {
        return Ok(None);
    };
    let expected = Expected::from_issuer(spec.issuer.as_str()).even_expired();
    let claims = keys
        .verify(hint, now, &expected)
        .map_err(|_| Refusal::BadIdTokenHint)?;
    claims
        .str("sub")
        .map(|sub| Some(sub.to_owned()))
        .ok_or(Refusal::BadIdTokenHint)
}
