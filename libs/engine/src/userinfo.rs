//! The userinfo endpoint: what an access token lets its bearer know.

use insula_model::{Claim, ClaimSet, ConnectorId, GrantId, IdentityClaims, TenantSpec, UserId};
use serde_json::{Map, Value};

use crate::access_token::VerifiedToken;
use crate::claims::PersonClaims;
use crate::{Refusal, subject};

/// What is to be answered about a token.
#[derive(Debug, Clone, PartialEq)]
pub enum Userinfo {
    /// All the token says, as dex does.
    WholeToken(Map<String, Value>),
    /// Claims of a person, to be looked up.
    OfPerson(Disclosure),
}

/// Whose claims a token lets its bearer know, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// The family of the token.
    pub family: GrantId,
    /// The connector the person came through.
    pub connector: ConnectorId,
    /// The person.
    pub user: UserId,
    sub: String,
    released: ClaimSet,
}

/// Judges a verified token
/// ([OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)).
///
/// Ours must be for the issuer: one that is for a resource alone, which may have come from there, is
/// none for here ([RFC 9068 §4](https://www.rfc-editor.org/rfc/rfc9068#section-4)). It must have
/// `openid`, and its scopes and what was asked for one by one say which claims are released.
pub fn judge(token: VerifiedToken, spec: &TenantSpec) -> Result<Userinfo, Refusal> {
    if spec.rules.userinfo_is_whole_token {
        return Ok(Userinfo::WholeToken(token.claims.into_map()));
    }
    if !token.is_for(spec.issuer.as_str()) {
        return Err(Refusal::BearerOfAnotherAudience);
    }
    let scopes = token.scopes();
    if !scopes.openid() {
        return Err(Refusal::BearerLacksOpenId);
    }
    let sub = token.claims.str("sub").unwrap_or_default();
    let (user, connector) = subject::decode(sub).ok_or(Refusal::BearerInvalid)?;
    let asked = token.claims.str("userinfo_claims").unwrap_or_default();
    Ok(Userinfo::OfPerson(Disclosure {
        family: token.grant().ok_or(Refusal::BearerInvalid)?,
        connector,
        user,
        sub: sub.to_owned(),
        released: ClaimSet::of_scopes(&scopes) | ClaimSet::from(asked.to_owned()),
    }))
}

impl Disclosure {
    /// `sub`, and what is released of the person's claims.
    pub fn of(&self, claims: &IdentityClaims) -> Map<String, Value> {
        let person = PersonClaims::released(self.released, &self.connector, claims);
        let mut told = Map::from_iter([("sub".to_owned(), self.sub.clone().into())]);
        if let Ok(Value::Object(claims)) = serde_json::to_value(&person) {
            let known = claims.into_iter();
            told.extend(known.filter(|(name, _)| Claim::parse(name).is_some()));
        }
        told
    }
}
