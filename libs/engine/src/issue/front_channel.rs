use std::time::Duration;

use insula_ambient::{Entropy, Timestamp};
use insula_jose::JoseError;
use insula_model::{AccessToken, TenantSpec};
use insula_oauth::ResponseType;

use super::{Keys, Maker};
use crate::token_plan::TokenPlan;

/// Signed tokens, on their way to the client through the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontChannelTokens {
    /// The access token, where one is asked for.
    pub access_token: Option<AccessToken>,
    /// The ID token, where one is asked for.
    pub id_token: Option<AccessToken>,
    token_type: &'static str,
    expires_in: Option<Duration>,
    scope: Option<String>,
}

impl FrontChannelTokens {
    /// The parameters of the authorization response
    /// ([RFC 6749 §4.2.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.2.2), OpenID Connect Core
    /// §3.2.2.5).
    pub fn into_params(self) -> Vec<(&'static str, String)> {
        let mut params = Vec::new();
        if let Some(token) = self.access_token {
            params.push(("access_token", token.reveal().to_owned()));
            params.push(("token_type", self.token_type.to_owned()));
            let expires_in = self.expires_in.map(|life| life.as_secs().to_string());
            params.extend(expires_in.map(|seconds| ("expires_in", seconds)));
            params.extend(self.scope.map(|scope| ("scope", scope)));
        }
        params.extend(
            self.id_token
                .map(|token| ("id_token", token.reveal().to_owned())),
        );
        params
    }
}

/// Signs what of a plan travels through the browser: the tokens that the response type names. The ID
/// token is bound to the access token by `at_hash` and to the code by `c_hash`, to each where it is
/// there (OpenID Connect Core §3.2.2.10, §3.3.2.11).
pub fn issue_in_front_channel(
    response_type: ResponseType,
    plan: &TokenPlan<'_>,
    spec: &TenantSpec,
    keys: Keys<'_>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<FrontChannelTokens, JoseError> {
    let maker = Maker::new(plan, spec, keys, now, entropy);
    let access_token = response_type.token.then(|| maker.access_token());
    let access_token = access_token.transpose()?;
    let planned = plan.id_token.as_ref().filter(|_| response_type.id_token);
    let id_token =
        planned.map(|planned| maker.id_token(keys.id_token, access_token.as_deref(), planned));
    let rules = &spec.rules;
    let tells_lifetime = !response_type.code || rules.tells_lifetime_beside_code;
    Ok(FrontChannelTokens {
        id_token: id_token.transpose()?.map(AccessToken::new),
        access_token: access_token.map(AccessToken::new),
        token_type: rules.token_type,
        expires_in: tells_lifetime.then_some(plan.lifetime),
        scope: Some(plan.access_scopes.to_string())
            .filter(|scope| rules.tells_granted_scope && !scope.is_empty()),
    })
}
