use insula_connector_kit::ConnectorError;
use insula_model::{IdentityClaims, UserId};
use serde_json::{Map, Value};

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
    /// Whether an absent `email_verified` counts as true. A present `false` stays false.
    pub(super) missing_email_verified_is_true: bool,
    pub(super) groups: GroupRules,
}

impl ClaimRules {
    pub(super) fn identity(
        &self,
        claims: &Map<String, Value>,
    ) -> Result<IdentityClaims, ConnectorError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let required = |name: &str| {
            text(name).ok_or_else(|| {
                ConnectorError::BadReply(format!("the claim {name:?} is missing or not a text"))
            })
        };
        required("sub")?;
        let user_id = required(self.user_id_key.as_deref().unwrap_or("sub"))?;
        let user_id = UserId::parse(user_id).map_err(|_| {
            ConnectorError::BadReply("the person's id is longer than 255 or not printable".into())
        })?;
        let mapped = |standard: &str, key: &Option<String>| match (text(standard), key) {
            (Some(value), None) => Some(value.to_owned()),
            (Some(value), Some(_)) if !self.mapping_wins => Some(value.to_owned()),
            (_, Some(key)) => text(key).map(str::to_owned),
            (None, None) => None,
        };
        let email = mapped("email", &self.email_key);
        if email.is_none() && self.email_scope {
            let key = self.email_key.as_deref().unwrap_or("email");
            return Err(ConnectorError::BadReply(format!(
                "the claim {key:?} is missing; map another one with claimMapping.email, or do not \
                 ask for the scope email"
            )));
        }
        let email_verified = match claims.get("email_verified").and_then(Value::as_bool) {
            Some(told) => told,
            None if self.missing_email_verified_is_true => true,
            None if self.email_scope => {
                return Err(ConnectorError::BadReply(
                    "the claim \"email_verified\" is missing; insecureSkipEmailVerified believes \
                     the address without it"
                        .to_owned(),
                ));
            }
            None => false,
        };
        Ok(IdentityClaims {
            user_id,
            username: required(&self.user_name_key)?.to_owned(),
            preferred_username: mapped("preferred_username", &self.preferred_username_key)
                .unwrap_or_default(),
            email: email.unwrap_or_default(),
            email_verified,
            groups: self.groups.groups(claims)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        rules.identity(claims.as_object().unwrap())
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
    fn what_is_required_must_be_there_and_be_a_text() {
        for name in ["sub", "name", "email", "email_verified"] {
            for claims in [jane_without(name), jane_with(name, json!(7))] {
                let refused = identity(&rules(), &claims);
                assert!(
                    matches!(refused, Err(ConnectorError::BadReply(_))),
                    "{claims}"
                );
            }
        }
        let odd = identity(&rules(), &jane_with("sub", json!("x".repeat(256))));
        assert!(matches!(odd, Err(ConnectorError::BadReply(_))));
    }

    #[test]
    fn email_verified_as_a_text_counts_as_missing() {
        let claims = jane_with("email_verified", json!("true"));
        assert!(identity(&rules(), &claims).is_err());
        let trusting = ClaimRules {
            missing_email_verified_is_true: true,
            ..rules()
        };
        assert!(identity(&trusting, &claims).unwrap().email_verified);
        let unverified = jane_with("email_verified", json!(false));
        assert!(!identity(&trusting, &unverified).unwrap().email_verified);
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
