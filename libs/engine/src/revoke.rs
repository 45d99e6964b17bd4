//! The revocation endpoint: may this client end this token?

use insula_jose::KeyRing;
use insula_model::{Client, GrantId, RefreshGrant};

use crate::Refusal;
use crate::access_token::VerifiedToken;
use crate::grants::RefreshToken;

/// The family that goes with a refresh token; `None` if the token is garbage, which RFC 7009 §2.2
/// has us answer like a success.
///
/// [RFC 7009 §2.1](https://www.rfc-editor.org/rfc/rfc7009#section-2.1): with a refresh token the
/// access tokens of its grant go too, and a token of another client is refused without effect. A
/// replaced secret is as good as the current one: whoever wants a family ended may have it.
pub fn refresh_token(
    presented: &RefreshToken,
    client: &Client,
    grant: &RefreshGrant,
    keys: &KeyRing,
) -> Result<Option<GrantId>, Refusal> {
    if !presented.is_of(grant, keys) {
        return Ok(None);
    }
    if grant.client_id != client.id {
        return Err(Refusal::TokenOfAnotherClient);
    }
    Ok(Some(grant.grant_id.clone()))
}

/// The family that goes with an access token.
///
/// RFC 7009 §2.1 lets us end the refresh tokens of the grant along with it, and we do: the token
/// carries its family's name only, and a client that gives up its access means the login.
pub fn access_token(token: &VerifiedToken, client: &Client) -> Result<Option<GrantId>, Refusal> {
    if token.client_id() != Some(client.id.as_str()) {
        return Err(Refusal::TokenOfAnotherClient);
    }
    Ok(token.grant())
}
