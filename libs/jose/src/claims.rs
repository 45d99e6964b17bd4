use insula_ambient::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Expected, VerifyError};

/// Whether a member of a foreign document says nothing: many providers write `null` or an empty text
/// where they mean to leave it out.
pub fn says_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

/// The claims of a token whose signature was verified
/// ([RFC 7519 §4](https://www.rfc-editor.org/rfc/rfc7519#section-4)).
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Wraps claims from elsewhere, for example a userinfo response or a test.
    pub fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// The claim as it is.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is a string.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A claim that is a boolean.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// The strings of a claim that is a string or an array of them.
    pub fn strings(&self, name: &str) -> Vec<&str> {
        match self.get(name) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// `aud`, which may be one string or several (RFC 7519 §4.1.3).
    pub fn audience(&self) -> Vec<&str> {
        self.strings("aud")
    }

    /// A claim that is a `NumericDate`: seconds, which may have a fraction (RFC 7519 §2).
    pub fn timestamp(&self, name: &str) -> Option<Timestamp> {
        let value = self.get(name)?;
        if let Some(secs) = value.as_i64() {
            return Some(Timestamp::from_secs(secs));
        }
        let secs = value.as_f64().filter(|secs| secs.is_finite())?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates, and that is meant"
        )]
        Some(Timestamp::from_millis((secs * 1000.0) as i64))
    }

    /// All of them, to keep.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// Without the members that say nothing.
    pub(crate) fn without_the_empty(mut self) -> Self {
        self.0.retain(|_, value| !says_nothing(value));
        self
    }

    /// All of them, as a type of the caller.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_value(Value::Object(self.0.clone()))
    }

    /// The one place where issuer, audience and times are judged (RFC 7519 §4.1).
    pub(crate) fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), VerifyError> {
        if let Some(expected) = expected.issuer {
            let issuer = self.str("iss").ok_or(VerifyError::MissingClaim("iss"))?;
            if issuer != expected {
                return Err(VerifyError::WrongIssuer);
            }
        }
        if let Some(audience) = expected.audience {
            if self.get("aud").is_none() {
                return Err(VerifyError::MissingClaim("aud"));
            }
            if !self.audience().contains(&audience) {
                return Err(VerifyError::WrongAudience);
            }
        }
        if expected.check_expiry {
            let expiry = self
                .timestamp("exp")
                .ok_or(VerifyError::MissingClaim("exp"))?;
            if now >= expiry + expected.leeway {
                return Err(VerifyError::Expired);
            }
        }
        for (name, leeway) in [
            ("nbf", Some(expected.leeway_not_before)),
            ("iat", expected.leeway_issued_at),
        ] {
            let Some(leeway) = leeway else { continue };
            // Neither must be there; one that is there must be a time, and not one to come.
            if self.get(name).is_some() {
                let time = self.timestamp(name);
                if time.ok_or(VerifyError::MissingClaim(name))? > now + leeway {
                    return Err(VerifyError::NotYetValid);
                }
            }
        }
        Ok(())
    }
}

/// Names only: the values are about a person.
impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        let Value::Object(map) = value else {
            panic!("an object")
        };
        Claims::new(map)
    }

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    #[test]
    fn claims_are_judged_in_one_place() {
        let expected = Expected::from_issuer("https://a.test").for_audience("app");
        let good = json!({"iss": "https://a.test", "aud": ["x", "app"], "exp": 1_000_030});
        for (change, verdict) in [
            (json!({}), Ok(())),
            (json!({"aud": "app"}), Ok(())),
            (json!({"aud": "ap"}), Err(VerifyError::WrongAudience)),
            (json!({"aud": null}), Err(VerifyError::WrongAudience)),
            (json!({"aud": [["app"]]}), Err(VerifyError::WrongAudience)),
            (
                json!({"iss": "https://a.test/"}),
                Err(VerifyError::WrongIssuer),
            ),
            (json!({"iss": 1}), Err(VerifyError::MissingClaim("iss"))),
            (
                json!({"exp": "1000030"}),
                Err(VerifyError::MissingClaim("exp")),
            ),
            (json!({"exp": 999_940}), Err(VerifyError::Expired)),
            (json!({"exp": 999_941}), Ok(())),
            (json!({"exp": -1}), Err(VerifyError::Expired)),
            (json!({"exp": 1e300}), Ok(())),
            (json!({"exp": u64::MAX}), Ok(())),
            (json!({"nbf": 1_000_060.0}), Ok(())),
            (json!({"nbf": 1_000_061}), Err(VerifyError::NotYetValid)),
            (
                json!({"nbf": "soon"}),
                Err(VerifyError::MissingClaim("nbf")),
            ),
            (json!({"iat": 1_000_061}), Err(VerifyError::NotYetValid)),
        ] {
            let mut all = good.clone();
            for (name, value) in change.as_object().unwrap() {
                all[name] = value.clone();
            }
            assert_eq!(claims(all).check(&expected, NOW), verdict, "{change}");
        }
    }

    #[test]
    fn absent_claims_are_named() {
        let expected = Expected::from_issuer("i").for_audience("a");
        let check = |value| claims(value).check(&expected, NOW);
        assert_eq!(check(json!({})), Err(VerifyError::MissingClaim("iss")));
        assert_eq!(
            check(json!({"iss": "i"})),
            Err(VerifyError::MissingClaim("aud"))
        );
        let no_expiry = json!({"iss": "i", "aud": "a"});
        assert_eq!(check(no_expiry), Err(VerifyError::MissingClaim("exp")));
    }

    #[test]
    fn an_expired_hint_is_accepted_when_asked_for() {
        let hint = claims(json!({"iss": "i", "exp": 1}));
        let expected = Expected::from_issuer("i").with_leeway(Duration::ZERO);
        assert_eq!(hint.check(&expected, NOW), Err(VerifyError::Expired));
        assert_eq!(hint.check(&expected.even_expired(), NOW), Ok(()));
    }

    #[test]
    fn each_time_has_a_leeway_of_its_own() {
        let sec = Duration::from_secs;
        let expected = Expected::from_issuer("i").with_leeways(sec(0), sec(300), None);
        for (times, verdict) in [
            (json!({"exp": 1_000_000}), Err(VerifyError::Expired)),
            (json!({"exp": 1_000_001}), Ok(())),
            (json!({"exp": 1_000_001, "nbf": 1_000_300}), Ok(())),
            (
                json!({"exp": 1_000_001, "nbf": 1_000_301}),
                Err(VerifyError::NotYetValid),
            ),
            (json!({"exp": 1_000_001, "iat": 2_000_000}), Ok(())),
        ] {
            let mut all = times.clone();
            all["iss"] = json!("i");
            assert_eq!(claims(all).check(&expected, NOW), verdict, "{times}");
        }
    }

    #[test]
    fn typed_getters_read_what_is_there() {
        let all = claims(json!({
            "name": "Ada", "email_verified": true, "groups": ["a", 1, "b"], "exp": 1.5,
        }));
        assert_eq!(all.str("name"), Some("Ada"));
        assert_eq!(all.bool("email_verified"), Some(true));
        assert_eq!(all.strings("groups"), ["a", "b"]);
        assert_eq!(all.timestamp("exp"), Some(Timestamp::from_millis(1500)));
        assert_eq!(all.timestamp("name"), None);
        assert!(!format!("{all:?}").contains("Ada"));
    }
}
