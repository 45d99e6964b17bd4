use insula_model::{Claim, ClaimSet, Client, ConnectorId, IdentityClaims, PersonDetails};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// What tokens say of a person, in dex's order; what is empty is left out.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub(crate) struct PersonClaims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    federated_claims: Option<FederatedClaims<'a>>,
    #[serde(flatten)]
    details: Details<'a>,
}

/// Those of a person's details that may be released.
#[derive(Debug, Clone, PartialEq, Default)]
struct Details<'a> {
    released: ClaimSet,
    of: Option<&'a PersonDetails>,
}

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let has = |claim| self.released.contains(claim);
        if let Some(of) = self.of {
            for claim in self.released.iter() {
                if let Some(text) = of.text(claim) {
                    map.serialize_entry(claim.name(), text)?;
                }
            }
            if let Some(at) = of.updated_at.filter(|_| has(Claim::UpdatedAt)) {
                map.serialize_entry(Claim::UpdatedAt.name(), &at)?;
            }
            if let Some(phone) = &of.phone {
                if has(Claim::PhoneNumber) {
                    map.serialize_entry(Claim::PhoneNumber.name(), &phone.number)?;
                }
                if has(Claim::PhoneNumber) || has(Claim::PhoneNumberVerified) {
                    map.serialize_entry(Claim::PhoneNumberVerified.name(), &phone.verified)?;
                }
            }
            if has(Claim::Address) && !of.address.is_empty() {
                map.serialize_entry(Claim::Address.name(), &of.address)?;
            }
        }
        map.end()
    }
}

/// Where a person comes from, unencoded.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
struct FederatedClaims<'a> {
    connector_id: &'a str,
    user_id: &'a str,
}

impl<'a> PersonClaims<'a> {
    /// What may be released of the person.
    ///
    /// `email_verified` is there wherever `email` may be, and `phone_number_verified` beside a
    /// number, so that nobody takes one for verified because nothing was said of it; empty groups
    /// are absent, not `[]`.
    pub(crate) fn released(
        released: ClaimSet,
        connector: &'a ConnectorId,
        claims: &'a IdentityClaims,
    ) -> Self {
        let has = |claim| released.contains(claim);
        let all = Self::all(connector, claims);
        Self {
            email: all.email.filter(|_| has(Claim::Email)),
            email_verified: all
                .email_verified
                .filter(|_| has(Claim::Email) || has(Claim::EmailVerified)),
            groups: if has(Claim::Groups) { all.groups } else { &[] },
            name: all.name.filter(|_| has(Claim::Name)),
            preferred_username: all
                .preferred_username
                .filter(|_| has(Claim::PreferredUsername)),
            federated_claims: all.federated_claims.filter(|_| has(Claim::FederatedClaims)),
            details: Details {
                released,
                of: claims.details.as_deref(),
            },
        }
    }

    /// What may be released of a client that is its own subject: what it is called and the groups it
    /// is in. As dex has it, an address that it does not have is not verified.
    pub(crate) fn of_client(released: ClaimSet, client: &'a Client) -> Self {
        let has = |claim| released.contains(claim);
        let name = Some(client.name.as_str()).filter(|name| !name.is_empty());
        Self {
            email_verified: has(Claim::Email).then_some(false),
            groups: if has(Claim::Groups) {
                &client.own_groups
            } else {
                &[]
            },
            name: name.filter(|_| has(Claim::Name)),
            preferred_username: name.filter(|_| has(Claim::PreferredUsername)),
            ..Self::default()
        }
    }

    /// All that dex knows of.
    pub(crate) fn all(connector: &'a ConnectorId, claims: &'a IdentityClaims) -> Self {
        let filled = |text: &'a String| Some(text.as_str()).filter(|t| !t.is_empty());
        Self {
            email: filled(&claims.email),
            email_verified: Some(claims.email_verified),
            groups: &claims.groups,
            name: filled(&claims.username),
            preferred_username: filled(&claims.preferred_username),
            federated_claims: Some(FederatedClaims {
                connector_id: connector.as_str(),
                user_id: claims.user_id.as_str(),
            }),
            details: Details::default(),
        }
    }
}
