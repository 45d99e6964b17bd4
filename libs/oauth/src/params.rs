use std::fmt;
use std::ops::Range;

use insula_secret::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

/// Why a query or form body could not be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ParamsError {
    /// More parameters than any honest request carries.
    #[error("the request carries more than {0} parameters")]
    TooMany(usize),
    /// A percent-encoded name or value is not UTF-8.
    #[error("a parameter is not valid UTF-8")]
    NotUtf8,
}

/// The parameters of a request, read from a query or an `application/x-www-form-urlencoded` body.
///
/// [RFC 6749 §3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1): a parameter without a value
/// is treated as omitted, and none may be included more than once. The second rule is only noted
/// here ([`Params::duplicate`]), because where its refusal may be delivered is the engine's to say.
///
/// Any value may be a password, a code or a token: none is printed, and all are wiped. All of them
/// stand in one text, and whoever reads a parameter borrows its part of it.
#[derive(Clone, Default)]
pub struct Params {
    text: Secret<str>,
    pairs: Vec<Pair>,
}

/// Where a name and its value stand.
#[derive(Clone)]
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
}

impl Params {
    /// More pairs than this are refused.
    pub const MAX: usize = 128;

    /// Reads `name=value` pairs joined by `&`; `+` is a blank.
    pub fn parse(encoded: &str) -> Result<Self, ParamsError> {
        // What is decoded is never longer, so that the bytes stay in one place, which is wiped.
        let mut decoded = Vec::with_capacity(encoded.len());
        let read = decode_pairs(encoded, &mut decoded);
        let pairs = match read {
            Ok(pairs) => pairs,
            Err(why) => {
                drop(Secret::<[u8]>::from(decoded));
                return Err(why);
            }
        };
        let text = String::from_utf8(decoded).map_err(|_| ParamsError::NotUtf8)?;
        Ok(Self {
            text: Secret::new(text),
            pairs,
        })
    }

    /// From pairs that are already decoded.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let given: Vec<(N, V)> = pairs.into_iter().collect();
        let lengths = given.iter();
        let lengths = lengths.map(|(n, v)| n.as_ref().len() + v.as_ref().len());
        let mut text = String::with_capacity(lengths.sum());
        let mut append = |part: &str| {
            let start = text.len();
            text.push_str(part);
            start..text.len()
        };
        let pairs = given.iter().map(|(name, value)| Pair {
            name: append(name.as_ref()),
            value: append(value.as_ref()),
        });
        let pairs = pairs.collect();
        Self {
            text: Secret::new(text),
            pairs,
        }
    }

    /// All but those of one name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        let text = self.text.reveal();
        self.pairs.retain(|pair| part(text, &pair.name) != name);
        self
    }

    /// The first value of `name`; an empty one counts as omitted.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v)
            .filter(|v| !v.is_empty())
    }

    /// The first value of `name`, kept secret.
    pub fn secret(&self, name: &str) -> Option<Secret<str>> {
        self.get(name).map(Secret::new)
    }

    /// The first value of `name`, owned.
    pub fn take(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// Every non-empty value of `name`, for the parameters that may repeat (RFC 8707 `resource`).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs()
            .filter(move |(n, _)| *n == name)
            .map(|(_, v)| v)
            .filter(|v| !v.is_empty())
    }

    /// The first name that is included more than once, but for those that may repeat.
    pub fn duplicate(&self) -> Option<&str> {
        self.pairs().enumerate().find_map(|(at, (name, _))| {
            let repeats = self.pairs().skip(at + 1).any(|(n, _)| n == name);
            (repeats && !matches!(name, "resource" | "audience")).then_some(name)
        })
    }

    /// Whether no parameter came at all.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// All pairs in the order they came.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = self.text.reveal();
        let pairs = self.pairs.iter();
        pairs.map(|pair| (part(text, &pair.name), part(text, &pair.value)))
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.pairs().map(|(name, _)| name))
            .finish()
    }
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        self.pairs().eq(other.pairs())
    }
}

impl Eq for Params {}

fn part<'a>(text: &'a str, at: &Range<usize>) -> &'a str {
    text.get(at.clone()).unwrap_or_default()
}

fn decode_pairs(encoded: &str, decoded: &mut Vec<u8>) -> Result<Vec<Pair>, ParamsError> {
    let mut pairs = Vec::new();
    for pair in encoded.split('&').filter(|p| !p.is_empty()) {
        if pairs.len() == Params::MAX {
            return Err(ParamsError::TooMany(Params::MAX));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push(Pair {
            name: decode(name, decoded)?,
            value: decode(value, decoded)?,
        });
    }
    Ok(pairs)
}

/// Appends what is decoded, and tells where it stands.
fn decode(text: &str, decoded: &mut Vec<u8>) -> Result<Range<usize>, ParamsError> {
    let start = decoded.len();
    for (at, word) in text.split('+').enumerate() {
        if at > 0 {
            decoded.push(b' ');
        }
        decoded.extend(percent_decode_str(word));
    }
    // Each by itself: two halves of a letter in two values are none.
    let bytes = decoded.get(start..).unwrap_or_default();
    std::str::from_utf8(bytes).map_err(|_| ParamsError::NotUtf8)?;
    Ok(start..decoded.len())
}

/// Every `resource` of a request ([RFC 8707 §2](https://www.rfc-editor.org/rfc/rfc8707#section-2)),
/// each once, in the order they came.
pub(crate) fn named_resources(params: &Params) -> Vec<&str> {
    let mut named = Vec::new();
    for resource in params.all("resource") {
        if !named.contains(&resource) {
            named.push(resource);
        }
    }
    named
}

/// The same, owned.
pub(crate) fn resources(params: &Params) -> Vec<String> {
    let named = named_resources(params).into_iter();
    named.map(str::to_owned).collect()
}

/// Writes pairs as `application/x-www-form-urlencoded` (WHATWG URL §5.2), the form of queries,
/// fragments and bodies alike.
pub fn encode_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        encode_into(&mut out, name);
        out.push('=');
        encode_into(&mut out, value);
    }
    out
}

/// What is written as `%` and two digits. A blank becomes `+`; `~` stays, as everywhere else in a
/// URL (RFC 3986 §2.3).
const ENCODED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b'~')
    .remove(b' ');

fn encode_into(out: &mut String, text: &str) {
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            out.push('+');
        }
        out.extend(utf8_percent_encode(word, &ENCODED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameters_are_printed_without_their_values() {
        let params = Params::parse("login=jane&password=hunter2").unwrap();
        let printed = format!("{params:?}");
        assert!(printed.contains("password"), "{printed}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn an_empty_value_counts_as_omitted() {
        let params = Params::parse("state=&nonce=n").unwrap();
        assert_eq!(params.get("state"), None);
        assert_eq!(params.get("nonce"), Some("n"));
    }

    #[test]
    fn a_repeated_parameter_is_named() {
        assert_eq!(Params::parse("a=1&b=2&a=1").unwrap().duplicate(), Some("a"));
        assert_eq!(
            Params::parse("resource=1&resource=2").unwrap().duplicate(),
            None
        );
    }

    #[test]
    fn plus_and_percent_are_decoded() {
        let params = Params::parse("scope=openid+email%20groups&x=%C3%A9").unwrap();
        assert_eq!(params.get("scope"), Some("openid email groups"));
        assert_eq!(params.get("x"), Some("é"));
        assert_eq!(Params::parse("x=%ff"), Err(ParamsError::NotUtf8));
        let raw = Params::parse("a=%+41&b=%4+1&c=%zz").unwrap();
        let raw: Vec<_> = raw.pairs().collect();
        assert_eq!(raw, [("a", "% 41"), ("b", "%4 1"), ("c", "%zz")]);
    }

    #[test]
    fn a_letter_is_not_put_together_of_two_parameters() {
        for halves in ["a=%C3&%A9=x", "%C3=%A9", "a=%C3+%A9"] {
            assert_eq!(Params::parse(halves), Err(ParamsError::NotUtf8), "{halves}");
        }
    }

    #[test]
    fn parameters_of_one_name_are_left_out_and_the_others_stay_where_they_are() {
        let params = Params::parse("mark=1&a=x+y&mark=2&b=").unwrap();
        let whole = params.text.reveal().as_ptr();
        let rest = params.without("mark");
        assert_eq!(rest, Params::from_pairs([("a", "x y"), ("b", "")]));
        assert_eq!(rest.text.reveal().as_ptr(), whole);
        assert!(Params::parse("mark").unwrap().without("mark").is_empty());
    }

    #[test]
    fn a_flood_of_parameters_is_refused() {
        let flood = vec!["a=1"; Params::MAX + 1].join("&");
        assert_eq!(
            Params::parse(&flood),
            Err(ParamsError::TooMany(Params::MAX))
        );
    }

    #[test]
    fn pairs_are_encoded_as_a_form_sends_them() {
        let told = encode_pairs([("a b", " -._*~azAZ09"), ("é", "+&=%/?:\n\u{7f}")]);
        assert_eq!(told, "a+b=+-._*~azAZ09&%C3%A9=%2B%26%3D%25%2F%3F%3A%0A%7F");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_again(name in "\\PC{1,9}", value in "\\PC{0,30}") {
            let encoded = encode_pairs([(name.as_str(), value.as_str())]);
            let params = Params::parse(&encoded).unwrap();
            prop_assert_eq!(params.pairs().next(), Some((name.as_str(), value.as_str())));
        }

        #[test]
        fn bytes_of_strangers_never_panic(text in ".*") {
            let _ = Params::parse(&text);
        }
    }
}
