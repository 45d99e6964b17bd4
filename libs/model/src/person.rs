use serde::{Deserialize, Serialize};

use crate::Claim;
use crate::auth_request::is_nothing;

/// What few people have: the claims of the scopes `profile`, `phone` and `address` beyond the names
/// of a person
/// ([OpenID Connect Core §5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)).
/// An empty text is none.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the claim of its name")]
pub struct PersonDetails {
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub given_name: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub family_name: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub middle_name: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub nickname: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub profile: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub picture: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub website: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub gender: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub birthdate: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub zoneinfo: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub locale: String,
    /// Seconds since the epoch.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub updated_at: Option<i64>,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub phone: Option<Phone>,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub address: Address,
}

/// A number, and whether it is known to be the person's: the two travel together.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// Becomes `phone_number`.
    pub number: String,
    /// Becomes `phone_number_verified`.
    pub verified: bool,
}

/// A postal address: one claim
/// ([OpenID Connect Core §5.1.1](https://openid.net/specs/openid-connect-core-1_0.html#AddressClaim)).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the member of its name")]
pub struct Address {
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub formatted: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub street_address: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub locality: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub region: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub postal_code: String,
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub country: String,
}

impl Address {
    /// Whether nothing of it is known.
    pub fn is_empty(&self) -> bool {
        is_nothing(self)
    }

    /// A member by its name; `None` if an address has none of that name.
    pub fn member_mut(&mut self, name: &str) -> Option<&mut String> {
        match name {
            "formatted" => Some(&mut self.formatted),
            "street_address" => Some(&mut self.street_address),
            "locality" => Some(&mut self.locality),
            "region" => Some(&mut self.region),
            "postal_code" => Some(&mut self.postal_code),
            "country" => Some(&mut self.country),
            _ => None,
        }
    }

    /// The names of its members.
    pub const MEMBERS: [&str; 6] = [
        "formatted",
        "street_address",
        "locality",
        "region",
        "postal_code",
        "country",
    ];
}

impl PersonDetails {
    /// The longest a single text may be, in bytes.
    pub const LONGEST: usize = 512;
    /// The longest all of it may be, in bytes. It goes into tokens, which go into headers.
    pub const LONGEST_OF_ALL: usize = 2_048;

    /// The claims that are one text, those first that are asked for most.
    pub const TEXTS: [Claim; 11] = [
        Claim::GivenName,
        Claim::FamilyName,
        Claim::MiddleName,
        Claim::Nickname,
        Claim::Locale,
        Claim::Zoneinfo,
        Claim::Birthdate,
        Claim::Gender,
        Claim::Picture,
        Claim::Profile,
        Claim::Website,
    ];

    /// A claim that is one text, unless it is empty.
    pub fn text(&self, claim: Claim) -> Option<&str> {
        let text = match claim {
            Claim::GivenName => &self.given_name,
            Claim::FamilyName => &self.family_name,
            Claim::MiddleName => &self.middle_name,
            Claim::Nickname => &self.nickname,
            Claim::Profile => &self.profile,
            Claim::Picture => &self.picture,
            Claim::Website => &self.website,
            Claim::Gender => &self.gender,
            Claim::Birthdate => &self.birthdate,
            Claim::Zoneinfo => &self.zoneinfo,
            Claim::Locale => &self.locale,
            _ => return None,
        };
        Some(text.as_str()).filter(|text| !text.is_empty())
    }

    /// The same, to be written; `None` for a claim of another kind.
    pub fn text_mut(&mut self, claim: Claim) -> Option<&mut String> {
        match claim {
            Claim::GivenName => Some(&mut self.given_name),
            Claim::FamilyName => Some(&mut self.family_name),
            Claim::MiddleName => Some(&mut self.middle_name),
            Claim::Nickname => Some(&mut self.nickname),
            Claim::Profile => Some(&mut self.profile),
            Claim::Picture => Some(&mut self.picture),
            Claim::Website => Some(&mut self.website),
            Claim::Gender => Some(&mut self.gender),
            Claim::Birthdate => Some(&mut self.birthdate),
            Claim::Zoneinfo => Some(&mut self.zoneinfo),
            Claim::Locale => Some(&mut self.locale),
            _ => None,
        }
    }

    /// How long all its texts are together, in bytes.
    pub fn length(&self) -> usize {
        let texts = Self::TEXTS.iter().filter_map(|claim| self.text(*claim));
        let address = &self.address;
        let of_address = [
            &address.formatted,
            &address.street_address,
            &address.locality,
            &address.region,
            &address.postal_code,
            &address.country,
        ];
        let phone = self.phone.as_ref().map_or(0, |phone| phone.number.len());
        let address: usize = of_address.iter().map(|text| text.len()).sum();
        texts.map(str::len).sum::<usize>() + phone + address
    }

    /// The details in a box, or none where nothing is known: most people then cost nothing.
    pub fn into_box(self) -> Option<Box<Self>> {
        (!is_nothing(&self)).then(|| Box::new(self))
    }
}

macro_rules! print_nothing_of {
    ($($name:ident),*) => {$(
        /// Nothing of it: it is about a person.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

print_nothing_of!(PersonDetails, Phone, Address);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_written_and_read_under_its_own_claim() {
        let mut person = PersonDetails::default();
        for claim in PersonDetails::TEXTS {
            assert_eq!(person.text(claim), None);
            claim.name().clone_into(person.text_mut(claim).unwrap());
        }
        for claim in PersonDetails::TEXTS {
            assert_eq!(person.text(claim), Some(claim.name()));
        }
        for name in Address::MEMBERS {
            name.clone_into(person.address.member_mut(name).unwrap());
        }
        let json = serde_json::to_value(&person).unwrap();
        for claim in PersonDetails::TEXTS {
            assert_eq!(json[claim.name()], claim.name());
        }
        for name in Address::MEMBERS {
            assert_eq!(json["address"][name], name);
        }
        let names = PersonDetails::TEXTS.map(Claim::name);
        let all = names.iter().chain(&Address::MEMBERS).map(|n| n.len());
        assert_eq!(person.length(), all.sum::<usize>());
        assert_eq!(
            serde_json::from_value::<PersonDetails>(json).unwrap(),
            person
        );
        assert_eq!(person.text_mut(Claim::Email), None);
        assert_eq!(person.address.member_mut("planet"), None);
    }

    #[test]
    fn who_has_no_details_has_no_box_and_nobodys_are_printed() {
        assert_eq!(PersonDetails::default().into_box(), None);
        assert_eq!(
            serde_json::to_string(&PersonDetails::default()).unwrap(),
            "{}"
        );
        let person = PersonDetails {
            nickname: "hunter2".to_owned(),
            ..PersonDetails::default()
        };
        let boxed = person.into_box().unwrap();
        assert!(!format!("{boxed:?}").contains("hunter2"));
    }
}
