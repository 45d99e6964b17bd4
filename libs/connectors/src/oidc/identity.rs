use insula_connector_kit::{ConnectorError, Qualified, UpstreamClaims};
use insula_model::{IdentityClaims, UserId};

use super::details;
use super::groups::GroupRules;

/// How the claims of an upstream become an identity of ours.
#[derive(Debug, Clone)]
pub(super) struct ClaimRules {
    /// The claim that is the person's id, instead of `sub`.
    pub(super) user_id_key: Option<String>,
    /// The claim that becomes `name`.
    pub(super) user_name_key: String,
    /// The claim that becomes `preferred_username` where that is absent.
    pub(super) preferred_username_key: Option<String>,
    /// The claim that becomes `email` where that is absent.
    pub(super) email_key: Option<String>,
    /// Whether the two above are used even if the standard claim is there.
    pub(super) mapping_wins: bool,
    /// Whether the scope `email` is asked for, so that the claims must be there.
    pub(super) email_scope: bool,
    /// Whether an address nothing is said about counts as verified. A `false` stays false.
    pub(super) missing_email_verified_is_true: bool,
    pub(super) groups: GroupRules,
}

impl ClaimRules {
    pub(super) fn identity(
        &self,
        claims: &UpstreamClaims,
    ) -> Result<IdentityClaims, ConnectorError> {
        let sub = required(claims, "sub", "an upstream must tell who it is")?;
        let user_id = match &self.user_id_key {
            None => sub,
            Some(key) => required(claims, key, "userIDKey asks for it")?,
        };
        let user_id = UserId::parse(&user_id).map_err(|_| {
            ConnectorError::BadReply("the person's id is longer than 255 or not printable".into())
        })?;
        let email = self.mapped(claims, "email", self.email_key.as_deref())?;
        if email.is_none() && self.email_scope {
            let key = self.email_key.as_deref().unwrap_or("email");
            return Err(ConnectorError::BadReply(format!(
                "the claim {key:?} is missing; map another one with claimMapping.email, or do not \
                 ask for the scope email"
            )));
        }
        let preferred = self.preferred_username_key.as_deref();
        Ok(IdentityClaims {
            user_id,
            username: required(claims, &self.user_name_key, "userNameKey can name another")?,
            preferred_username: self
                .mapped(claims, "preferred_username", preferred)?
                .unwrap_or_default(),
            email_verified: match &email {
                Some(email) => self.is_verified(claims, email)?,
                None => false,
            },
            email: email.unwrap_or_default(),
            groups: self.groups.groups(claims)?,
            details: details::of(claims).into_box(),
        })
    }

    /// The standard claim, or the one that is mapped to it.
    fn mapped(
        &self,
        claims: &UpstreamClaims,
        standard: &str,
        key: Option<&str>,
    ) -> Result<Option<String>, ConnectorError> {
        match key {
            None => claims.text(standard),
            Some(key) if self.mapping_wins => claims.text(key),
            Some(key) => match claims.text(standard)? {
                Some(told) => Ok(Some(told)),
                None => claims.text(key),
            },
        }
    }

    /// Whether the upstream says that this very address is the person's.
    fn is_verified(&self, claims: &UpstreamClaims, email: &str) -> Result<bool, ConnectorError> {
        let mut subjects = vec!["email"];
        subjects.extend(self.email_key.as_deref());
        match claims.flag_about("email_verified", &subjects, email)? {
            Qualified::Told(told) => Ok(told),
            _ if self.missing_email_verified_is_true => Ok(true),
            Qualified::Untold if self.email_scope => Err(ConnectorError::BadReply(
                "the claim \"email_verified\" is missing; insecureSkipEmailVerified believes the \
                 address without it"
                    .to_owned(),
            )),
            Qualified::Untold | Qualified::OfAnother => Ok(false),
        }
    }
}

fn required(claims: &UpstreamClaims, name: &str, next: &str) -> Result<String, ConnectorError> {
    let missing = || ConnectorError::BadReply(format!("the claim {name:?} is missing; {next}"));
    claims.text(name)?.ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_connector_kit::Document;
    use serde_json::{Value, json};

    fn rules() -> ClaimRules {
        ClaimRules {
            user_id_key: None,
            user_name_key: "name".to_owned(),
            preferred_username_key: None,
            email_key: None,
            mapping_wins: false,
            email_scope: true,
            missing_email_verified_is_true: false,
            groups: GroupRules::default(),
        }
    }

    fn identity(rules: &ClaimRules, claims: &Value) -> Result<IdentityClaims, ConnectorError> {
        let token = Document::of("ID token", claims.as_object().unwrap().clone());
        rules.identity(&UpstreamClaims::of(token))
    }

    fn jane() -> Value {
        json!({"sub": "s1", "name": "Jane", "preferred_username": "jane",
            "email": "jane@idp.example", "email_verified": true})
    }

    fn jane_with(name: &str, value: Value) -> Value {
        let mut claims = jane();
        claims[name] = value;
        claims
    }

    fn jane_without(name: &str) -> Value {
        let mut claims = jane();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    #[test]
    fn standard_claims_become_the_identity() {
        let identity = identity(&rules(), &jane()).unwrap();
        assert_eq!(identity.user_id.as_str(), "s1");
        assert_eq!(identity.username, "Jane");
        assert_eq!(identity.preferred_username, "jane");
        assert_eq!(identity.email, "jane@idp.example");
        assert!(identity.email_verified);
    }

    #[test]
    fn what_is_required_must_be_there_in_a_shape_that_is_understood_and_is_named_if_not() {
        for name in ["sub", "name", "email", "email_verified"] {
            for claims in [
                jane_without(name),
                jane_with(name, Value::Null),
                jane_with(name, json!("")),
                jane_with(name, json!({"a": 7})),
                jane_with(name, json!(["a", "b"])),
            ] {
                let refused = identity(&rules(), &claims);
                let Err(ConnectorError::BadReply(said)) = refused else {
                    panic!("{claims}: {refused:?}");
                };
                assert!(said.contains(&format!("{name:?}")), "{claims}: {said}");
            }
        }
        let odd = identity(&rules(), &jane_with("sub", json!("x".repeat(256))));
        assert!(matches!(odd, Err(ConnectorError::BadReply(_))));
    }

    #[test]
    fn email_verified_may_be_a_text_and_skipping_it_fills_in_an_absent_one_only() {
        let skipping = ClaimRules {
            missing_email_verified_is_true: true,
            ..rules()
        };
        for (flag, told) in [
            (json!(true), Some(true)),
            (json!(false), Some(false)),
            (json!("true"), Some(true)),
            (json!("false"), Some(false)),
            (json!("False"), Some(false)),
            (json!("no"), None),
            (json!(0), None),
            (json!({}), None),
        ] {
            let claims = jane_with("email_verified", flag);
            for rules in [&rules(), &skipping] {
                let read = identity(rules, &claims).ok();
                assert_eq!(read.map(|read| read.email_verified), told, "{claims}");
            }
        }
        for absent in [
            jane_without("email_verified"),
            jane_with("email_verified", json!("")),
        ] {
            assert!(identity(&rules(), &absent).is_err());
            assert!(identity(&skipping, &absent).unwrap().email_verified);
        }
    }

    #[test]
    fn an_address_is_not_verified_by_what_is_said_of_another() {
        let mapped = ClaimRules {
            email_key: Some("mail".to_owned()),
            mapping_wins: true,
            ..rules()
        };
        let two = jane_with("mail", json!("other@idp.example"));
        let read = identity(&mapped, &two).unwrap();
        assert_eq!(
            (read.email.as_str(), read.email_verified),
            ("other@idp.example", false)
        );
        let same = jane_with("mail", json!("jane@idp.example"));
        assert!(identity(&mapped, &same).unwrap().email_verified);
        let mut alone = two.clone();
        alone.as_object_mut().unwrap().remove("email");
        assert!(identity(&mapped, &alone).unwrap().email_verified);

        let document =
            |claims: Value| Document::of("userinfo", claims.as_object().unwrap().clone());
        let userinfo = document(json!({"email": "boss@idp.example"}));
        let both = UpstreamClaims::of(document(jane())).with(userinfo);
        let read = rules().identity(&both).unwrap();
        assert_eq!(
            (read.email.as_str(), read.email_verified),
            ("boss@idp.example", false)
        );
    }

    #[test]
    fn a_number_may_be_a_name_or_an_id() {
        let by_number = ClaimRules {
            user_id_key: Some("number".to_owned()),
            user_name_key: "number".to_owned(),
            ..rules()
        };
        let claims = jane_with("number", json!(9_007_199_254_740_993_u64));
        let read = identity(&by_number, &claims).unwrap();
        assert_eq!(read.user_id.as_str(), "9007199254740993");
        assert_eq!(read.username, "9007199254740993");
    }

    #[test]
    fn without_the_email_scope_no_address_is_needed() {
        let rules = ClaimRules {
            email_scope: false,
            ..rules()
        };
        let identity = identity(&rules, &json!({"sub": "s", "name": "n"})).unwrap();
        assert_eq!(
            (identity.email.as_str(), identity.email_verified),
            ("", false)
        );
    }

    #[test]
    fn other_claims_are_used_where_the_standard_one_is_absent_or_when_they_win() {
        let mut mapped = ClaimRules {
            email_key: Some("mail".to_owned()),
            preferred_username_key: Some("nick".to_owned()),
            ..rules()
        };
        let mut both = jane_with("mail", json!("other@idp.example"));
        both["nick"] = json!("jj");
        let read = |rules: &ClaimRules, claims: &Value| {
            let identity = identity(rules, claims).unwrap();
            (identity.email, identity.preferred_username)
        };
        let standard = ("jane@idp.example".to_owned(), "jane".to_owned());
        let other = ("other@idp.example".to_owned(), "jj".to_owned());
        assert_eq!(read(&mapped, &both), standard);
        let mut only = both.clone();
        only.as_object_mut()
            .unwrap()
            .retain(|name, _| name != "email" && name != "preferred_username");
        assert_eq!(read(&mapped, &only), other);
        mapped.mapping_wins = true;
        assert_eq!(read(&mapped, &both), other);
        assert!(
            identity(&mapped, &jane()).is_err(),
            "the winning claim is absent"
        );
    }

    #[test]
    fn another_claim_may_be_the_id_but_sub_is_still_needed() {
        let by_oid = ClaimRules {
            user_id_key: Some("oid".to_owned()),
            user_name_key: "nick".to_owned(),
            ..rules()
        };
        let mut claims = jane_with("oid", json!("o1"));
        claims["nick"] = json!("jj");
        let read = identity(&by_oid, &claims).unwrap();
        assert_eq!(
            (read.user_id.as_str(), read.username.as_str()),
            ("o1", "jj")
        );
        assert!(identity(&by_oid, &jane()).is_err());
        claims.as_object_mut().unwrap().remove("sub");
        assert!(identity(&by_oid, &claims).is_err());
    }
}
