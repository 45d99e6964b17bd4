use ldap3::Scope;
use serde::Deserialize;

use super::entry::is_dn;
use super::groups::{GroupRules, Matcher};
use super::person::{Email, PersonRules};
use crate::settings::{Kind, Setting};

/// Whom to look for, and what to read of them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UserSearch {
    #[serde(rename = "baseDN")]
    base_dn: String,
    filter: String,
    username: Vec<String>,
    scope: String,
    id_attr: String,
    email_attr: String,
    name_attr: String,
    preferred_username_attr: String,
    email_suffix: String,
}

/// Which groups to look for. One matcher may stand beside the list, as older files of dex have it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GroupSearch {
    #[serde(rename = "baseDN")]
    base_dn: String,
    filter: String,
    scope: String,
    user_matchers: Vec<UserMatcher>,
    #[serde(flatten)]
    single: UserMatcher,
    name_attr: String,
    prefix: String,
}

#[derive(Default, Clone, Deserialize)]
#[serde(default)]
struct UserMatcher {
    #[serde(rename = "userAttr")]
    user: String,
    #[serde(rename = "groupAttr")]
    group: String,
    #[serde(rename = "recursionGroupAttr")]
    recursion: String,
}

pub(super) const USER_SEARCH: &[Setting] = &[
    Setting("baseDN", Kind::Text),
    Setting("filter", Kind::Text),
    Setting("username", Kind::Texts),
    Setting("scope", Kind::Text),
    Setting("idAttr", Kind::Text),
    Setting("emailAttr", Kind::Text),
    Setting("nameAttr", Kind::Text),
    Setting("preferredUsernameAttr", Kind::Text),
    Setting("emailSuffix", Kind::Text),
];
const USER_MATCHER: &[Setting] = &[
    Setting("userAttr", Kind::Text),
    Setting("groupAttr", Kind::Text),
    Setting("recursionGroupAttr", Kind::Text),
];
pub(super) const GROUP_SEARCH: &[Setting] = &[
    Setting("baseDN", Kind::Text),
    Setting("filter", Kind::Text),
    Setting("scope", Kind::Text),
    Setting("userMatchers", Kind::Groups(USER_MATCHER)),
    Setting("userAttr", Kind::Text),
    Setting("groupAttr", Kind::Text),
    Setting("recursionGroupAttr", Kind::Text),
    Setting("nameAttr", Kind::Text),
    Setting("prefix", Kind::Text),
];

impl UserSearch {
    /// How people are found, and what is read of them.
    pub(super) fn rules(&self) -> PersonRules {
        PersonRules {
            base: self.base_dn.clone(),
            scope: scope(&self.scope).unwrap_or(Scope::Subtree),
            filter: self.filter.clone(),
            usernames: self.username.clone(),
            // What dex's documentation promises; dex itself fails where they are left out.
            id_attr: or(&self.id_attr, "uid"),
            email: if self.email_suffix.is_empty() {
                Email::Of(or(&self.email_attr, "mail"))
            } else {
                Email::At(self.email_suffix.clone())
            },
            name_attr: non_empty(&self.name_attr),
            preferred_username_attr: non_empty(&self.preferred_username_attr),
        }
    }

    /// Adds what is wrong with it.
    pub(super) fn judge(&self, problems: &mut Vec<String>) {
        if self.base_dn.is_empty() {
            problems.push("userSearch.baseDN is missing".to_owned());
        }
        if self.username.is_empty() {
            problems.push(
                "userSearch.username is missing: the attribute that holds what people type"
                    .to_owned(),
            );
        }
        for (at, name) in self.username.iter().enumerate() {
            let path = format!("userSearch.username[{at}]");
            if name.is_empty() || is_dn(name) {
                problems.push(format!("{path} must be the name of an attribute"));
            } else {
                judge_attribute(&path, name, problems);
            }
        }
        judge_filter("userSearch.filter", &self.filter, problems);
        judge_scope("userSearch.scope", &self.scope, problems);
        for (name, attribute) in [
            ("idAttr", &self.id_attr),
            ("emailAttr", &self.email_attr),
            ("nameAttr", &self.name_attr),
            ("preferredUsernameAttr", &self.preferred_username_attr),
        ] {
            judge_attribute(&format!("userSearch.{name}"), attribute, problems);
        }
    }
}

impl GroupSearch {
    /// How their groups are found, if they are.
    pub(super) fn rules(&self) -> Option<GroupRules> {
        let matchers = self.matchers();
        if self.base_dn.is_empty() || matchers.is_empty() {
            return None;
        }
        Some(GroupRules {
            base: self.base_dn.clone(),
            scope: scope(&self.scope).unwrap_or(Scope::Subtree),
            filter: self.filter.clone(),
            matchers: matchers.into_iter().map(UserMatcher::into_rule).collect(),
            name_attr: self.name_attr.clone(),
            prefix: self.prefix.clone(),
        })
    }

    /// What is written but has no effect, and why.
    pub(super) fn ignored(&self) -> Vec<&'static str> {
        let has_matchers = !self.matchers().is_empty();
        let mut ignored = Vec::new();
        if !self.user_matchers.is_empty() && !self.single.is_empty() {
            ignored.push(
                "groupSearch.userAttr and groupSearch.groupAttr beside groupSearch.userMatchers: \
                 the latter are used",
            );
        }
        match (self.base_dn.is_empty(), has_matchers) {
            (true, true) => ignored.push("groupSearch without baseDN: nobody has groups"),
            (false, false) => ignored.push("groupSearch without userMatchers: nobody has groups"),
            _ => {}
        }
        ignored
    }

    /// Adds what is wrong with it.
    pub(super) fn judge(&self, problems: &mut Vec<String>) {
        judge_filter("groupSearch.filter", &self.filter, problems);
        judge_scope("groupSearch.scope", &self.scope, problems);
        judge_attribute("groupSearch.nameAttr", &self.name_attr, problems);
        let matchers = self.matchers();
        for (at, matcher) in matchers.iter().enumerate() {
            let path = if self.user_matchers.is_empty() {
                "groupSearch".to_owned()
            } else {
                format!("groupSearch.userMatchers[{at}]")
            };
            for (name, attribute, is_needed) in [
                ("userAttr", &matcher.user, true),
                ("groupAttr", &matcher.group, true),
                ("recursionGroupAttr", &matcher.recursion, false),
            ] {
                let path = format!("{path}.{name}");
                if is_needed && attribute.is_empty() {
                    problems.push(format!("{path} is missing"));
                }
                judge_attribute(&path, attribute, problems);
            }
        }
        if !self.base_dn.is_empty() && !matchers.is_empty() && self.name_attr.is_empty() {
            problems.push(
                "groupSearch.nameAttr is missing: the attribute that holds a group's name"
                    .to_owned(),
            );
        }
    }

    fn matchers(&self) -> Vec<UserMatcher> {
        if !self.user_matchers.is_empty() {
            self.user_matchers.clone()
        } else if self.single.is_empty() {
            Vec::new()
        } else {
            vec![self.single.clone()]
        }
    }
}

impl UserMatcher {
    fn is_empty(&self) -> bool {
        self.user.is_empty() && self.group.is_empty() && self.recursion.is_empty()
    }

    fn into_rule(self) -> Matcher {
        Matcher {
            user: self.user,
            group: self.group,
            recursion: non_empty(&self.recursion),
        }
    }
}

/// An attribute description (RFC 4512 §2.5), or one with a matching rule (RFC 4515 §3): it is put into
/// filters as it is.
fn judge_attribute(path: &str, name: &str, problems: &mut Vec<String>) {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || b"-.;:_".contains(&b);
    if !name.bytes().all(is_fine) {
        problems.push(format!(
            "{path} must be the name of an attribute, without blanks and parentheses"
        ));
    }
}

fn judge_filter(path: &str, filter: &str, problems: &mut Vec<String>) {
    if filter.is_empty() {
        return;
    }
    if !filter.starts_with('(') || ldap3::parse_filter(filter).is_err() {
        problems.push(format!(
            "{path} is not a filter (RFC 4515), such as (objectClass=person), in parentheses"
        ));
    }
}

fn judge_scope(path: &str, text: &str, problems: &mut Vec<String>) {
    if scope(text).is_none() {
        problems.push(format!("{path} must be sub or one"));
    }
}

fn scope(text: &str) -> Option<Scope> {
    match text {
        "" | "sub" => Some(Scope::Subtree),
        "one" => Some(Scope::OneLevel),
        _ => None,
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn or(text: &str, default: &str) -> String {
    if text.is_empty() { default } else { text }.to_owned()
}
