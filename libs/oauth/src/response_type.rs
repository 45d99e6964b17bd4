use serde::{Deserialize, Serialize};

use crate::GrantType;

/// One word of a `response_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the registered word")]
pub enum ResponseWord {
    Code,
    IdToken,
    Token,
}

impl ResponseWord {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::IdToken => "id_token",
            Self::Token => "token",
        }
    }

    /// Reads one word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Code, Self::IdToken, Self::Token]
            .into_iter()
            .find(|w| w.as_str() == word)
    }
}

/// A `response_type`: a set of words whose order does not matter
/// ([OAuth 2.0 Multiple Response Types §3](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#Combinations)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ResponseType {
    /// An authorization code is asked for.
    pub code: bool,
    /// An ID token is asked for at the authorization endpoint.
    pub id_token: bool,
    /// An access token is asked for at the authorization endpoint.
    pub token: bool,
}

impl ResponseType {
    /// The code flow.
    pub const CODE: Self = Self {
        code: true,
        id_token: false,
        token: false,
    };

    /// Reads words parted by blanks. The first unknown word is the error.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut set = Self::default();
        for word in text.split_whitespace() {
            match ResponseWord::parse(word) {
                Some(ResponseWord::Code) => set.code = true,
                Some(ResponseWord::IdToken) => set.id_token = true,
                Some(ResponseWord::Token) => set.token = true,
                None => return Err(word.to_owned()),
            }
        }
        Ok(set)
    }

    /// The words that are in the set, in alphabetical order.
    pub fn words(self) -> impl Iterator<Item = ResponseWord> {
        [
            (self.code, ResponseWord::Code),
            (self.id_token, ResponseWord::IdToken),
            (self.token, ResponseWord::Token),
        ]
        .into_iter()
        .filter_map(|(is_in, word)| is_in.then_some(word))
    }

    /// Whether no word is in the set.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether tokens travel through the browser (implicit and hybrid flows).
    pub fn has_front_channel_tokens(self) -> bool {
        self.id_token || self.token
    }

    /// The grants a client must be registered for to ask for it
    /// ([RFC 7591 §2.1](https://www.rfc-editor.org/rfc/rfc7591#section-2.1)): hybrid types need two.
    pub fn grants(self) -> impl Iterator<Item = GrantType> {
        let code = self.code.then_some(GrantType::AuthorizationCode);
        let implicit = self.has_front_channel_tokens();
        code.into_iter()
            .chain(implicit.then_some(GrantType::Implicit))
    }

    /// The one grant that a connector must serve for it: as in dex, `implicit` wherever tokens
    /// travel through the browser.
    pub fn grant_at_connector(self) -> GrantType {
        if self.has_front_channel_tokens() {
            GrantType::Implicit
        } else {
            GrantType::AuthorizationCode
        }
    }
}

impl std::fmt::Display for ResponseType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<_> = self.words().map(ResponseWord::as_str).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseType;
    use crate::GrantType;

    #[test]
    fn order_and_repetition_do_not_matter() {
        let one = ResponseType::parse("code id_token").unwrap();
        assert_eq!(one, ResponseType::parse("id_token code code").unwrap());
        assert_eq!(one.to_string(), "code id_token");
    }

    #[test]
    fn rfc_7591_2_1_each_response_type_has_its_grants() {
        let (code, implicit) = (GrantType::AuthorizationCode, GrantType::Implicit);
        for (text, grants, at_connector) in [
            ("code", &[code][..], code),
            ("id_token", &[implicit], implicit),
            ("token", &[implicit], implicit),
            ("id_token token", &[implicit], implicit),
            ("code id_token", &[code, implicit], implicit),
            ("code token", &[code, implicit], implicit),
            ("code id_token token", &[code, implicit], implicit),
        ] {
            let read = ResponseType::parse(text).unwrap();
            assert_eq!(read.grants().collect::<Vec<_>>(), grants, "{text}");
            assert_eq!(read.grant_at_connector(), at_connector, "{text}");
            assert_eq!(read.to_string(), text, "as dex's files write it");
        }
    }

    #[test]
    fn an_unknown_word_is_named() {
        assert_eq!(ResponseType::parse("code magic"), Err("magic".to_owned()));
    }
}
