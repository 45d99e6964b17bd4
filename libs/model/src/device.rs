use std::fmt;
use std::net::IpAddr;

use insula_ambient::{Entropy, Timestamp};
use insula_oauth::{CodeChallenge, Scopes};
use serde::{Deserialize, Serialize};

use crate::auth_request::is_nothing;
use crate::{ClientId, DeviceCode, TokenHash};

/// What a person types to say which device they hold (RFC 8628 §3.2, §6.1).
///
/// Eight letters of twenty: no vowels, so that no words come of it, and none that look like another.
/// That is 34.5 bits. [RFC 8628 §5.1](https://www.rfc-editor.org/rfc/rfc8628#section-5.1) has them
/// suffice where tries are counted.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    const LETTERS: usize = 8;
    /// Bytes from here on are drawn again, so that each letter is as likely as any other.
    const UNEVEN_FROM: u8 = 240;

    /// A new one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut letters = String::with_capacity(Self::LETTERS);
        while letters.len() < Self::LETTERS {
            let mut bytes = [0; Self::LETTERS];
            entropy.fill(&mut bytes);
            let even = bytes.into_iter().filter(|byte| *byte < Self::UNEVEN_FROM);
            let drawn = even.filter_map(|byte| Self::ALPHABET.get(usize::from(byte) % 20));
            let missing = Self::LETTERS - letters.len();
            letters.extend(drawn.take(missing).map(|letter| char::from(*letter)));
        }
        Self(letters)
    }

    /// Reads what somebody typed: case, spaces and punctuation do not matter (RFC 8628 §6.1).
    pub fn read(typed: &str) -> Option<Self> {
        const LONGEST: usize = 64;
        if typed.len() > LONGEST {
            return None;
        }
        let letters = typed.chars().filter(|c| c.is_alphanumeric());
        let letters: String = letters.map(|c| c.to_ascii_uppercase()).collect();
        let is_code =
            letters.len() == Self::LETTERS && letters.bytes().all(|b| Self::ALPHABET.contains(&b));
        is_code.then_some(Self(letters))
    }

    /// What is stored in its stead.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&format!("user code {}", self.0))
    }
}

/// As it is shown: two groups with a dash.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(Self::LETTERS / 2);
        write!(f, "{first}-{second}")
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode")
    }
}

impl DeviceCode {
    /// A new one, in dex's form: 248 random bits.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::new(entropy.word(31))
    }

    /// What it is stored under. With `client` it is found for that client alone: to every other
    /// it is unknown.
    pub fn hash_for(&self, client: Option<&ClientId>) -> TokenHash {
        let client = client.map(ClientId::as_str);
        TokenHash::of(&format!("device code {:?}", (client, self.reveal())))
    }
}

/// What a device asked for (RFC 8628 §3.1). Stored under the hashes of its two codes, for minutes
/// that the cache counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRequest {
    /// The client on the device.
    pub client_id: ClientId,
    /// Whether it proved that it is that client, as far as it can. Without, nothing comes of it.
    pub is_proven: bool,
    /// What it asks for.
    pub scopes: Scopes,
    /// The resources it wants access tokens for (RFC 8707); none where it names none.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub resources: Vec<String>,
    /// PKCE, where the client uses it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub code_challenge: Option<CodeChallenge>,
    /// Where it asked from; for the person who is asked to confirm, never a proof.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub asked_from: Option<IpAddr>,
    /// When it asked.
    pub asked_at: Timestamp,
}

/// The device that a login is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceOrigin {
    /// The hash of its user code.
    pub user_code: TokenHash,
    /// The user code as it is shown, until the person confirmed that their device shows it too.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub unconfirmed: Option<String>,
    /// Where the device asked from.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub asked_from: Option<IpAddr>,
    /// When it asked.
    pub asked_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use insula_ambient::SeededEntropy;

    use super::*;

    #[test]
    fn a_user_code_is_two_groups_of_four_letters_without_vowels() {
        let entropy = SeededEntropy::new(1);
        for _ in 0..1_000 {
            let shown = UserCode::generate(&entropy).to_string();
            let (first, second) = shown.split_once('-').unwrap();
            assert_eq!((first.len(), second.len()), (4, 4), "{shown}");
            let mut letters = shown.bytes().filter(|b| *b != b'-');
            assert!(letters.all(|b| UserCode::ALPHABET.contains(&b)), "{shown}");
        }
    }

    #[test]
    fn every_letter_of_a_user_code_is_as_likely_as_any_other() {
        let entropy = SeededEntropy::new(2);
        let mut counts = std::collections::BTreeMap::<char, u32>::new();
        for _ in 0..5_000 {
            for letter in UserCode::generate(&entropy).0.chars() {
                *counts.entry(letter).or_default() += 1;
            }
        }
        assert_eq!(counts.len(), 20);
        assert!(
            counts.values().all(|n| (1_800..2_200).contains(n)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_user_code_is_read_whatever_its_case_and_punctuation() {
        let code = UserCode::read("WDJB-MJHT").unwrap();
        assert_eq!(code.to_string(), "WDJB-MJHT");
        for typed in ["wdjbmjht", " wdjb mjht ", "WD.JB_MJ/HT", "wdjb\u{2013}mjht"] {
            assert_eq!(UserCode::read(typed), Some(code.clone()), "{typed}");
        }
        let long = "W".repeat(65);
        for typed in [
            "",
            "WDJB-MJH",
            "WDJB-MJHTX",
            "ADJB-MJHT",
            "1DJB-MJHT",
            "ẞDJB-MJHT",
            &long,
        ] {
            assert_eq!(UserCode::read(typed), None, "{typed}");
        }
        assert_eq!(format!("{code:?}"), "UserCode");
    }

    #[test]
    fn a_device_code_is_found_for_its_client_alone() {
        let code = DeviceCode::generate(&SeededEntropy::new(3));
        assert_eq!(code.reveal().len(), 51);
        let [app, other] = ["app", "other"].map(|id| ClientId::parse(id).unwrap());
        let hash = code.hash_for(Some(&app));
        assert_ne!(hash, code.hash_for(Some(&other)));
        assert_ne!(hash, code.hash_for(None));
        assert_ne!(hash, code.hash());
    }
}
