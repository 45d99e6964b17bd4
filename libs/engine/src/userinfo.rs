//! The userinfo endpoint: what an access token lets its bearer know.

use insula_model::{Claim, Rules};
use serde_json::{Map, Value};

use crate::Refusal;
use crate::access_token::VerifiedToken;

/// The claims a verified token is worth
/// ([OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)).
///
/// Ours: `sub`, and of the person what was released when the token was issued. dex's: all
/// the token says, `iss` and `exp` included.
pub fn claims(token: VerifiedToken, rules: &Rules) -> Result<Map<String, Value>, Refusal> {
    if rules.userinfo_is_whole_token {
        return Ok(token.claims.into_map());
    }
    if !token.scopes().openid() {
        return Err(Refusal::BearerLacksOpenId);
    }
    let shown = |name: &str| name == "sub" || Claim::parse(name).is_some();
    let all = token.claims.into_map().into_iter();
    Ok(all.filter(|(name, _)| shown(name)).collect())
}
