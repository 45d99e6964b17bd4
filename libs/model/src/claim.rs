use std::ops::{BitAnd, BitOr};

use insula_oauth::Scopes;
use serde::{Deserialize, Serialize};

use crate::auth_request::is_nothing;

/// A claim about a person that tokens and userinfo may carry
/// ([OpenID Connect Core §5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims),
/// and dex's own).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the claim of its name")]
pub enum Claim {
    Email,
    EmailVerified,
    Groups,
    Name,
    PreferredUsername,
    FederatedClaims,
    GivenName,
    FamilyName,
    MiddleName,
    Nickname,
    Profile,
    Picture,
    Website,
    Gender,
    Birthdate,
    Zoneinfo,
    Locale,
    UpdatedAt,
    PhoneNumber,
    PhoneNumberVerified,
    Address,
}

impl Claim {
    /// All of them, in the order tokens have them.
    pub const ALL: [Self; 21] = [
        Self::Email,
        Self::EmailVerified,
        Self::Groups,
        Self::Name,
        Self::PreferredUsername,
        Self::FederatedClaims,
        Self::GivenName,
        Self::FamilyName,
        Self::MiddleName,
        Self::Nickname,
        Self::Profile,
        Self::Picture,
        Self::Website,
        Self::Gender,
        Self::Birthdate,
        Self::Zoneinfo,
        Self::Locale,
        Self::UpdatedAt,
        Self::PhoneNumber,
        Self::PhoneNumberVerified,
        Self::Address,
    ];

    /// Those that dex knows.
    pub const OF_DEX: [Self; 6] = [
        Self::Email,
        Self::EmailVerified,
        Self::Groups,
        Self::Name,
        Self::PreferredUsername,
        Self::FederatedClaims,
    ];

    /// The claim of a name, if it is one of these.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.name() == name)
    }

    /// Its name in tokens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::EmailVerified => "email_verified",
            Self::Groups => "groups",
            Self::Name => "name",
            Self::PreferredUsername => "preferred_username",
            Self::FederatedClaims => "federated_claims",
            Self::GivenName => "given_name",
            Self::FamilyName => "family_name",
            Self::MiddleName => "middle_name",
            Self::Nickname => "nickname",
            Self::Profile => "profile",
            Self::Picture => "picture",
            Self::Website => "website",
            Self::Gender => "gender",
            Self::Birthdate => "birthdate",
            Self::Zoneinfo => "zoneinfo",
            Self::Locale => "locale",
            Self::UpdatedAt => "updated_at",
            Self::PhoneNumber => "phone_number",
            Self::PhoneNumberVerified => "phone_number_verified",
            Self::Address => "address",
        }
    }

    /// The scope that releases it
    /// ([OpenID Connect Core §5.4](https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims)).
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Email | Self::EmailVerified => "email",
            Self::Groups => "groups",
            Self::Name
            | Self::PreferredUsername
            | Self::GivenName
            | Self::FamilyName
            | Self::MiddleName
            | Self::Nickname
            | Self::Profile
            | Self::Picture
            | Self::Website
            | Self::Gender
            | Self::Birthdate
            | Self::Zoneinfo
            | Self::Locale
            | Self::UpdatedAt => "profile",
            Self::PhoneNumber | Self::PhoneNumberVerified => "phone",
            Self::Address => "address",
            Self::FederatedClaims => "federated:id",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Some claims. Stored as their names, so that another version may know more of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ClaimSet(u32);

impl ClaimSet {
    /// All there are.
    pub fn all() -> Self {
        Claim::ALL.into_iter().collect()
    }

    /// What scopes release.
    pub fn of_scopes(scopes: &Scopes) -> Self {
        let released = |claim: &Claim| scopes.contains(claim.scope());
        Claim::ALL.into_iter().filter(released).collect()
    }

    /// Those that dex knows.
    pub fn of_dex() -> Self {
        Claim::OF_DEX.into_iter().collect()
    }

    /// Whether it has a claim.
    pub const fn contains(self, claim: Claim) -> bool {
        self.0 & claim.bit() != 0
    }

    /// The claims it has.
    pub fn iter(self) -> impl Iterator<Item = Claim> {
        Claim::ALL
            .into_iter()
            .filter(move |claim| self.contains(*claim))
    }
}

impl FromIterator<Claim> for ClaimSet {
    fn from_iter<I: IntoIterator<Item = Claim>>(claims: I) -> Self {
        Self(claims.into_iter().fold(0, |bits, claim| bits | claim.bit()))
    }
}

impl BitAnd for ClaimSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for ClaimSet {
    type Output = Self;

    fn bitor(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }
}

impl From<String> for ClaimSet {
    fn from(names: String) -> Self {
        names.split(' ').filter_map(Claim::parse).collect()
    }
}

impl From<ClaimSet> for String {
    fn from(claims: ClaimSet) -> Self {
        let names: Vec<_> = claims.iter().map(Claim::name).collect();
        names.join(" ")
    }
}

/// The claims a client asked for one by one
/// ([OpenID Connect Core §5.5](https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter)),
/// beside those its scopes release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestedClaims {
    /// Those for userinfo.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub userinfo: ClaimSet,
    /// Those for the ID token.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub id_token: ClaimSet,
}

impl RequestedClaims {
    /// `scopes`, and those that would release what is asked for one by one.
    #[must_use]
    pub fn with_scopes(self, scopes: &Scopes) -> Scopes {
        let mut all = scopes.clone();
        for claim in (self.userinfo | self.id_token).iter() {
            if !all.contains(claim.scope()) {
                all = all.union(&Scopes::parse(claim.scope()));
            }
        }
        all
    }
}

/// What is kept of a `claims` parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// The claims about the person.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub released: RequestedClaims,
    /// The values of an essential `acr`, of which the login must reach one; none if any will do.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub acr: Vec<String>,
    /// The values of `sub`: nobody else may answer this request; none if anybody may.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub subs: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_claims_is_stored_as_names_and_forgets_those_it_does_not_know() {
        let two: ClaimSet = [Claim::Name, Claim::Email].into_iter().collect();
        let text = serde_json::to_string(&two).unwrap();
        assert_eq!(text, r#""email name""#);
        assert_eq!(serde_json::from_str::<ClaimSet>(&text).unwrap(), two);
        let newer: ClaimSet = serde_json::from_str(r#""email shoe_size name""#).unwrap();
        assert_eq!(newer, two);
        assert_eq!(
            serde_json::from_str::<ClaimSet>(r#""""#).unwrap(),
            ClaimSet::default()
        );
    }

    #[test]
    fn every_claim_is_found_by_its_name_and_has_a_place_of_its_own() {
        for claim in Claim::ALL {
            assert_eq!(Claim::parse(claim.name()), Some(claim));
            let alone: ClaimSet = [claim].into_iter().collect();
            assert!(alone.iter().eq([claim]));
        }
        assert!(ClaimSet::all().iter().eq(Claim::ALL));
        assert_eq!(Claim::parse("sub"), None);
    }

    #[test]
    fn what_is_asked_for_one_by_one_is_allowed_by_the_scopes_that_would_release_it() {
        let requested = RequestedClaims {
            userinfo: [Claim::Email, Claim::Name].into_iter().collect(),
            id_token: [Claim::EmailVerified].into_iter().collect(),
        };
        let scopes = |words: &str| requested.with_scopes(&Scopes::parse(words)).to_string();
        assert_eq!(scopes("openid"), "openid email profile");
        assert_eq!(scopes("openid profile"), "openid profile email");
        let nothing = RequestedClaims::default();
        let twice = Scopes::parse("openid email email");
        assert_eq!(nothing.with_scopes(&twice), twice, "dex keeps duplicates");
    }
}
