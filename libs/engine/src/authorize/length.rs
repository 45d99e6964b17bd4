use insula_oauth::AuthorizeRequest;

use crate::Refusal;

/// Checks the length of every parameter that is kept with the login or repeated in an answer.
///
/// No RFC draws these lines. They lie far above what clients send, and keep strangers from filling
/// the cache that all logins under way share.
pub(super) fn check(request: &AuthorizeRequest<'_>) -> Result<(), Refusal> {
    let limits = [
        ("state", request.state, 8192),
        ("scope", request.scope, 4096),
        ("nonce", request.nonce, 1024),
        ("code_challenge", request.code_challenge, 1024),
        ("code_challenge_method", request.code_challenge_method, 64),
        ("response_type", request.response_type, 64),
        ("response_mode", request.response_mode, 64),
        ("prompt", request.prompt, 128),
        ("login_hint", request.login_hint, 1024),
        ("ui_locales", request.ui_locales, 1024),
        ("acr_values", request.acr_values, 1024),
        ("claims", request.claims, 4096),
    ];
    for (parameter, value, most) in limits {
        if value.is_some_and(|value| value.len() > most) {
            return Err(Refusal::TooLong { parameter, most });
        }
    }
    Ok(())
}
