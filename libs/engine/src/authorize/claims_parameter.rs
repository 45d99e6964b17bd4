//! The `claims` parameter ([OpenID Connect Core
//! §5.5](https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter)).

use std::fmt;

use insula_model::{Claim, ClaimSet, ClaimsRequest, RequestedClaims};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::Refusal;

/// Reads the parameter.
///
/// Claims and members nobody here knows are ignored, as the specification has it; what is known must
/// be of its form. A claim is asked for by being there: whether it is essential, and which value it
/// should have, changes nothing for those about a person, which are told as they are or not at all.
/// `acr` binds where it is essential, asked for the ID token and has values (§5.5.1.1); `sub` binds
/// wherever it has values. `auth_time` is in every ID token.
pub(super) fn read(text: &str) -> Result<ClaimsRequest, Refusal> {
    let asked: Asked =
        serde_json::from_str(text).map_err(|error| Refusal::BadClaims { at: error.column() })?;
    let (userinfo, id_token) = (
        asked.userinfo.unwrap_or_default(),
        asked.id_token.unwrap_or_default(),
    );
    let acr = match &id_token.acr {
        Some(acr) if acr.essential == Some(true) => acr.all_values(),
        _ => Vec::new(),
    };
    Ok(ClaimsRequest {
        subs: subs(&userinfo, &id_token)?,
        released: RequestedClaims {
            userinfo: userinfo.claims,
            id_token: id_token.claims,
        },
        acr,
    })
}

/// Whom both lists allow.
fn subs(userinfo: &Members, id_token: &Members) -> Result<Vec<String>, Refusal> {
    let of = |members: &Members| members.sub.as_ref().map(Wanted::all_values);
    let (here, there) = (of(userinfo), of(id_token));
    let (mut here, there) = (here.unwrap_or_default(), there.unwrap_or_default());
    if here.is_empty() || there.is_empty() {
        here.extend(there);
        return Ok(here);
    }
    here.retain(|sub| there.contains(sub));
    if here.is_empty() {
        return Err(Refusal::ClaimsOfTwoPeople);
    }
    Ok(here)
}

// In the structs below `_others` is what nobody here knows. Being flattened it also keeps a JSON
// array from being read as the struct.

#[derive(serde::Deserialize)]
struct Asked {
    userinfo: Option<Members>,
    id_token: Option<Members>,
    #[serde(flatten)]
    _others: IgnoredAny,
}

/// What is said of a claim that may bind.
#[derive(serde::Deserialize)]
struct Wanted {
    essential: Option<bool>,
    value: Option<String>,
    values: Option<Vec<String>>,
    #[serde(flatten)]
    _others: IgnoredAny,
}

impl Wanted {
    fn all_values(&self) -> Vec<String> {
        let (one, several) = (self.value.iter(), self.values.iter().flatten());
        one.chain(several).cloned().collect()
    }
}

/// What is said of a claim about the person: well-formed, and without effect.
#[derive(serde::Deserialize)]
struct Voluntary {
    #[serde(rename = "essential")]
    _essential: Option<bool>,
    #[serde(rename = "values")]
    _values: Option<Vec<IgnoredAny>>,
    #[serde(flatten)]
    _others: IgnoredAny,
}

/// The claims asked for in one place.
#[derive(Default)]
struct Members {
    claims: ClaimSet,
    acr: Option<Wanted>,
    sub: Option<Wanted>,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom("a claim is asked for twice"));
            }
            match (name.as_str(), Claim::parse(&name)) {
                ("acr", _) => members.acr = map.next_value()?,
                ("sub", _) => members.sub = map.next_value()?,
                (_, Some(claim)) => {
                    map.next_value::<Option<Voluntary>>()?;
                    members.claims = members.claims | [claim].into_iter().collect();
                }
                (_, None) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            seen.push(name);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests;
