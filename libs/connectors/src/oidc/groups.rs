use insula_connector_kit::ConnectorError;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

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
    pub(super) fn groups(
        &self,
        claims: &Map<String, Value>,
    ) -> Result<Vec<String>, ConnectorError> {
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
        groups.extend(self.new_groups.iter().filter_map(|new| new.of(claims)));
        Ok(groups)
    }

    /// What the upstream says, filtered.
    fn told(&self, claims: &Map<String, Value>) -> Result<Vec<String>, ConnectorError> {
        let standard = claims.get("groups");
        let mapped = match &self.key {
            Some(key) if self.mapping_wins || !standard.is_some_and(Value::is_array) => {
                claims.get(key)
            }
            _ => standard,
        };
        match mapped {
            // One name, not a list: the filter does not apply to it, as in dex.
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(Value::Array(many)) => {
                let mut groups = Vec::with_capacity(many.len());
                for element in many {
                    if let Some(name) = group_name(element)?
                        && self
                            .filter
                            .as_ref()
                            .is_none_or(|filter| filter.is_match(name))
                    {
                        groups.push(name.to_owned());
                    }
                }
                Ok(groups)
            }
            _ => Ok(Vec::new()),
        }
    }
}

fn group_name(element: &Value) -> Result<Option<&str>, ConnectorError> {
    match element {
        Value::String(name) => Ok(Some(name)),
        Value::Object(group) => Ok(group.get("name").and_then(Value::as_str)),
        _ => Err(ConnectorError::BadReply(
            "the groups claim holds something that is neither a name nor has one".to_owned(),
        )),
    }
}

impl NewGroup {
    fn of(&self, claims: &Map<String, Value>) -> Option<String> {
        let mut parts = vec![self.prefix.clone()];
        for name in &self.claims {
            if let Some(value) = claims.get(name).and_then(Value::as_str) {
                // Else a person who may write a claim could write more of the group's name.
                let clear = self.clear_delimiter && !self.delimiter.is_empty();
                parts.push(if clear {
                    value.replace(&self.delimiter, "")
                } else {
                    value.to_owned()
                });
            }
        }
        (parts.len() > 1).then(|| parts.join(&self.delimiter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules() -> GroupRules {
        GroupRules {
            enabled: true,
            ..GroupRules::default()
        }
    }

    fn groups(rules: &GroupRules, claims: &Value) -> Result<Vec<String>, ConnectorError> {
        rules.groups(claims.as_object().unwrap())
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
        let malformed = groups(&rules(), &json!({"groups": ["a", 7]}));
        assert!(matches!(malformed, Err(ConnectorError::BadReply(_))));
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
    fn a_filter_applies_to_lists_but_not_to_one_name() {
        let filtered = GroupRules {
            filter: Some(Regex::new("^ins-").unwrap()),
            ..rules()
        };
        let list = json!({"groups": ["ins-a", "other", {"name": "ins-b"}, {"name": "c"}]});
        assert_eq!(groups(&filtered, &list).unwrap(), ["ins-a", "ins-b"]);
        assert_eq!(
            groups(&filtered, &json!({"groups": "other"})).unwrap(),
            ["other"]
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
    fn new_groups_are_made_of_texts_only_and_without_the_switch() {
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
        assert_eq!(
            groups(&new(true), &json!({"team": "c", "org": 1})).unwrap(),
            ["p-c"]
        );
        assert_eq!(groups(&new(true), &json!({"org": ["a"]})), Ok(vec![]));
    }
}
