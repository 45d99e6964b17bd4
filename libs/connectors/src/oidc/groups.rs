use insula_connector_kit::{ConnectorError, UpstreamClaims};
use regex::Regex;
use serde::Deserialize;

/// How groups are made of claims.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupRules {
    /// Without it the groups claim is not looked at.
    pub(super) enabled: bool,
    /// The claim that holds groups where `groups` does not.
    pub(super) key: Option<String>,
    /// Whether that claim is looked at even if `groups` is there.
    pub(super) mapping_wins: bool,
    /// Names that count.
    pub(super) filter: Option<Regex>,
    /// If any: one of them is required, and no others are passed on.
    pub(super) allowed: Vec<String>,
    /// Put before every name the upstream told.
    pub(super) prefix: String,
    /// Put behind every name the upstream told.
    pub(super) suffix: String,
    /// Groups made of other claims.
    pub(super) new_groups: Vec<NewGroup>,
}

/// A group made of claims that are texts: `prefix<d>first<d>second`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NewGroup {
    claims: Vec<String>,
    delimiter: String,
    clear_delimiter: bool,
    prefix: String,
}

impl GroupRules {
    /// The person's groups. `NotInGroup` if none of them is allowed.
    pub(super) fn groups(&self, claims: &UpstreamClaims) -> Result<Vec<String>, ConnectorError> {
        let mut groups = Vec::new();
        if self.enabled {
            groups = self.told(claims)?;
            if !self.allowed.is_empty() {
                groups.retain(|group| self.allowed.contains(group));
                if groups.is_empty() {
                    return Err(ConnectorError::NotInGroup);
                }
            }
            for group in &mut groups {
                *group = format!("{}{group}{}", self.prefix, self.suffix);
            }
        }
        for new in &self.new_groups {
            groups.extend(new.of(claims)?);
        }
        Ok(groups)
    }

    /// What the upstream says, filtered, in whatever shape it says it.
    fn told(&self, claims: &UpstreamClaims) -> Result<Vec<String>, ConnectorError> {
        let told = match &self.key {
            None => claims.names("groups")?,
            Some(key) if self.mapping_wins => claims.names(key)?,
            Some(key) => match claims.names("groups")? {
                Some(told) => Some(told),
                None => claims.names(key)?,
            },
        };
        let mut groups = told.unwrap_or_default();
        if let Some(filter) = &self.filter {
            groups.retain(|name| filter.is_match(name));
        }
        Ok(groups)
    }
}

impl NewGroup {
    fn of(&self, claims: &UpstreamClaims) -> Result<Option<String>, ConnectorError> {
        let mut parts = vec![self.prefix.clone()];
        for name in &self.claims {
            if let Some(value) = claims.text(name)? {
                // Else a person who may write a claim could write more of the group's name.
                let clear = self.clear_delimiter && !self.delimiter.is_empty();
                parts.push(if clear {
                    value.replace(&self.delimiter, "")
                } else {
                    value
                });
            }
        }
        Ok((parts.len() > 1).then(|| parts.join(&self.delimiter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_connector_kit::Document;
    use serde_json::{Value, json};

    fn rules() -> GroupRules {
        GroupRules {
            enabled: true,
            ..GroupRules::default()
        }
    }

    fn groups(rules: &GroupRules, claims: &Value) -> Result<Vec<String>, ConnectorError> {
        let token = Document::of("ID token", claims.as_object().unwrap().clone());
        rules.groups(&UpstreamClaims::of(token))
    }

    #[test]
    fn groups_come_in_three_forms() {
        for (claim, expected) in [
            (json!({}), vec![]),
            (json!({"groups": null}), vec![]),
            (json!({"groups": "staff"}), vec!["staff"]),
            (json!({"groups": ["a", "b"]}), vec!["a", "b"]),
            (
                json!({"groups": [{"name": "a", "id": 1}, "b", {"id": 2}]}),
                vec!["a", "b"],
            ),
        ] {
            assert_eq!(groups(&rules(), &claim).unwrap(), expected, "{claim}");
        }
        assert_eq!(
            groups(&rules(), &json!({"groups": ["a", 7]})).unwrap(),
            ["a", "7"]
        );
        for odd in [
            json!(["a", true]),
            json!(["a", ["b"]]),
            json!(true),
            json!({"a": 1}),
        ] {
            let refused = groups(&rules(), &json!({"groups": odd}));
            let Err(ConnectorError::BadReply(said)) = refused else {
                panic!("{odd}: {refused:?}");
            };
            assert!(said.contains("\"groups\""), "{said}");
        }
    }

    #[test]
    fn without_the_switch_there_are_no_groups() {
        let off = GroupRules {
            allowed: vec!["b".to_owned()],
            ..GroupRules::default()
        };
        assert_eq!(groups(&off, &json!({"groups": ["a"]})), Ok(vec![]));
    }

    #[test]
    fn another_claim_is_used_if_groups_is_absent_or_if_it_must_win() {
        let mut mapped = GroupRules {
            key: Some("roles".to_owned()),
            ..rules()
        };
        let both = json!({"groups": ["g"], "roles": ["r"]});
        assert_eq!(groups(&mapped, &both).unwrap(), ["g"]);
        assert_eq!(groups(&mapped, &json!({"roles": ["r"]})).unwrap(), ["r"]);
        assert_eq!(groups(&mapped, &json!({"roles": "r"})).unwrap(), ["r"]);
        mapped.mapping_wins = true;
        assert_eq!(groups(&mapped, &both).unwrap(), ["r"]);
    }

    #[test]
    fn a_filter_applies_to_lists_and_to_one_name() {
        let filtered = GroupRules {
            filter: Some(Regex::new("^ins-").unwrap()),
            ..rules()
        };
        let list = json!({"groups": ["ins-a", "other", {"name": "ins-b"}, {"name": "c"}]});
        assert_eq!(groups(&filtered, &list).unwrap(), ["ins-a", "ins-b"]);
        assert_eq!(groups(&filtered, &json!({"groups": "other"})), Ok(vec![]));
        assert_eq!(
            groups(&filtered, &json!({"groups": "ins-a"})).unwrap(),
            ["ins-a"]
        );
    }

    #[test]
    fn who_is_in_no_allowed_group_is_refused_and_the_others_keep_the_allowed_ones() {
        let strict = GroupRules {
            allowed: vec!["a".to_owned(), "b".to_owned()],
            prefix: "up:".to_owned(),
            suffix: "!".to_owned(),
            ..rules()
        };
        assert_eq!(
            groups(&strict, &json!({"groups": ["z", "b"]})).unwrap(),
            ["up:b!"]
        );
        for none in [
            json!({}),
            json!({"groups": ["z"]}),
            json!({"groups": "up:b!"}),
        ] {
            assert_eq!(groups(&strict, &none), Err(ConnectorError::NotInGroup));
        }
    }

    #[test]
    fn new_groups_are_made_without_the_switch_and_not_of_what_is_not_understood() {
        let new = |clear_delimiter| GroupRules {
            new_groups: vec![NewGroup {
                claims: vec!["org".to_owned(), "team".to_owned()],
                delimiter: "-".to_owned(),
                clear_delimiter,
                prefix: "p".to_owned(),
            }],
            ..GroupRules::default()
        };
        let claims = json!({"org": "a-b", "team": "c"});
        assert_eq!(groups(&new(false), &claims).unwrap(), ["p-a-b-c"]);
        assert_eq!(groups(&new(true), &claims).unwrap(), ["p-ab-c"]);
        for absent in [json!({"team": "c"}), json!({"team": "c", "org": null})] {
            assert_eq!(groups(&new(true), &absent).unwrap(), ["p-c"]);
        }
        assert_eq!(
            groups(&new(true), &json!({"team": "c", "org": 1})).unwrap(),
            ["p-1-c"]
        );
        assert_eq!(groups(&new(true), &json!({"name": "x"})), Ok(vec![]));
        let odd = json!({"team": "c", "org": ["a", "b"]});
        let refused = groups(&new(true), &odd);
        assert!(
            matches!(refused, Err(ConnectorError::BadReply(_))),
            "a group of fewer parts could be another group"
        );
    }
}
