//! Discovery: what a tenant serves, so that clients need not guess.

use insula_jose::{Alg, UNSIGNED, VERIFIED_ALGS};
use insula_model::{Claim, Client, RequestObjects, TenantSpec};
use insula_oauth::{GrantType, Prompt, ProviderMetadata, ResponseMode};

use crate::{acr, grants};

/// The provider metadata of a tenant
/// ([OpenID Connect Discovery §3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata),
/// [RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)).
///
/// Only what is served is said. `signing` are the algorithms whose keys sign, the default first;
/// dex names that one alone. In dex's dialect there are dex's members and no more, also where the
/// tenant could do more: clients of dex know none of it. `request_objects` are what
/// [`request_object_algs`] answers for the tenant's clients.
pub fn metadata(
    spec: &TenantSpec,
    signing: &[Alg],
    request_objects: Vec<String>,
) -> ProviderMetadata {
    let dex = dexs(spec, signing);
    if spec.rules.announces_members_of_dex_only {
        dex
    } else {
        ours(spec, signing, request_objects, dex)
    }
}

fn dexs(spec: &TenantSpec, signing: &[Alg]) -> ProviderMetadata {
    let url = |route: &str| spec.issuer.url(route);
    let mut claims = words(&[
        "iss",
        "sub",
        "aud",
        "iat",
        "exp",
        "email",
        "email_verified",
        "locale",
        "name",
        "preferred_username",
        "at_hash",
        "groups",
        "federated_claims",
    ]);
    let has_sessions = spec.sessions.enabled;
    if has_sessions {
        claims.push("sid".to_owned());
    }
    ProviderMetadata {
        issuer: spec.issuer.as_str().to_owned(),
        authorization_endpoint: url("/auth"),
        token_endpoint: url("/token"),
        jwks_uri: url("/keys"),
        userinfo_endpoint: url("/userinfo"),
        device_authorization_endpoint: Some(url("/device/code")),
        introspection_endpoint: url("/token/introspect"),
        end_session_endpoint: has_sessions.then(|| url("/logout")),
        backchannel_logout_supported: has_sessions.then_some(true),
        backchannel_logout_session_supported: has_sessions.then_some(true),
        grant_types_supported: served_grants(spec),
        response_types_supported: served_response_types(spec),
        subject_types_supported: words(&["public"]),
        id_token_signing_alg_values_supported: signing
            .iter()
            .take(1)
            .map(ToString::to_string)
            .collect(),
        code_challenge_methods_supported: spec
            .oauth2
            .pkce_methods
            .iter()
            .map(|method| method.as_str().to_owned())
            .collect(),
        scopes_supported: words(&["openid", "email", "groups", "profile", "offline_access"]),
        token_endpoint_auth_methods_supported: words(&[
            "client_secret_basic",
            "client_secret_post",
        ]),
        claims_supported: claims,
        ..ProviderMetadata::default()
    }
}

fn ours(
    spec: &TenantSpec,
    signing: &[Alg],
    request_objects: Vec<String>,
    dex: ProviderMetadata,
) -> ProviderMetadata {
    let confidential = words(&["client_secret_basic", "client_secret_post"]);
    let all = words(&["client_secret_basic", "client_secret_post", "none"]);
    let mut claims = words(&[
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "jti",
        "azp",
        "nonce",
        "auth_time",
        "amr",
        "acr",
        "at_hash",
        "c_hash",
    ]);
    claims.extend(Claim::ALL.map(|claim| claim.name().to_owned()));
    if spec.sessions.enabled {
        claims.push("sid".to_owned());
    }
    let mut scopes = words(&[
        "openid",
        "email",
        "groups",
        "profile",
        "address",
        "phone",
        "offline_access",
        "federated:id",
    ]);
    let public = spec.resources.iter().filter(|one| one.in_discovery);
    let public = public.flat_map(|resource| &resource.scopes);
    scopes.extend(public.map(|scope| scope.name.clone()));
    let serves_devices = grants::served(GrantType::DeviceCode, spec).is_ok();
    ProviderMetadata {
        device_authorization_endpoint: serves_devices.then(|| spec.issuer.url("/device/code")),
        revocation_endpoint: Some(spec.issuer.url("/revoke")),
        frontchannel_logout_supported: spec.sessions.enabled.then_some(true),
        frontchannel_logout_session_supported: spec.sessions.enabled.then_some(true),
        response_modes_supported: served_response_modes(spec),
        id_token_signing_alg_values_supported: signing.iter().map(ToString::to_string).collect(),
        scopes_supported: scopes,
        token_endpoint_auth_methods_supported: all.clone(),
        introspection_endpoint_auth_methods_supported: confidential,
        // RFC 9701 §7: the default key signs them, whatever a client has its ID tokens signed with.
        introspection_signing_alg_values_supported: signing
            .iter()
            .take(1)
            .map(ToString::to_string)
            .collect(),
        revocation_endpoint_auth_methods_supported: all,
        claims_supported: claims,
        acr_values_supported: acr::announced(spec),
        prompt_values_supported: Prompt::ALL
            .map(|prompt| prompt.as_str().to_owned())
            .to_vec(),
        ui_locales_supported: spec.frontend.languages.clone(),
        authorization_response_iss_parameter_supported: Some(true),
        request_parameter_supported: Some(!request_objects.is_empty()),
        request_object_signing_alg_values_supported: request_objects,
        // Without it, OpenID Connect Discovery §3 has clients believe the opposite.
        request_uri_parameter_supported: Some(false),
        claims_parameter_supported: Some(true),
        ..dex
    }
}

/// What this version and the tenant both serve, sorted as dex sorts it.
fn served_grants(spec: &TenantSpec) -> Vec<String> {
    let grants = spec.oauth2.grant_types.iter();
    let mut served: Vec<_> = grants
        .filter(|grant| grant.is_served())
        .map(|grant| GrantType::as_str(*grant).to_owned())
        .collect();
    served.sort();
    served.dedup();
    served
}

/// Those that are configured, sorted as dex sorts them.
fn served_response_types(spec: &TenantSpec) -> Vec<String> {
    let types = spec.oauth2.response_types.iter();
    let mut types: Vec<_> = types.map(ToString::to_string).collect();
    types.sort();
    types.dedup();
    types
}

/// Those that one of the served response types may use: the query only where tokens stay out of it.
fn served_response_modes(spec: &TenantSpec) -> Vec<String> {
    let mut types = spec.oauth2.response_types.iter();
    let has_query = types.any(|served| !served.has_front_channel_tokens());
    let modes = ResponseMode::ALL.into_iter();
    modes
        .filter(|mode| has_query || *mode != ResponseMode::Query)
        .map(|mode| mode.as_str().to_owned())
        .collect()
}

/// What request objects may be signed with, where one of `clients` is registered to send any:
/// what fits a key of its own, or nothing at all for one that signs none.
pub fn request_object_algs<'a>(clients: impl Iterator<Item = &'a Client>) -> Vec<String> {
    let registered: Vec<_> = clients
        .filter_map(|client| client.request_objects.as_deref())
        .collect();
    let is_unsigned = |objects: &&RequestObjects| objects.alg.as_deref() == Some(UNSIGNED);
    let mut algs = Vec::new();
    if !registered
        .iter()
        .copied()
        .all(|objects| is_unsigned(&objects))
    {
        algs.extend(VERIFIED_ALGS.map(str::to_owned));
    }
    if registered.iter().any(is_unsigned) {
        algs.push(UNSIGNED.to_owned());
    }
    algs
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests;
