use std::collections::{BTreeSet, HashSet};

use ldap3::Scope;
use tracing::warn;

use super::entry::{Entry, asserted};
use super::person::{narrowed, wanted};
use super::probe::IN_CHAIN;
use super::trouble::Trouble;
use super::{Search, Searches};

/// How many values one question asks about.
const ABREAST: usize = 50;
/// How deep groups lie within groups at most.
const DEEPEST: usize = 32;

/// How the groups of a person are found.
#[derive(Debug, Clone)]
pub(super) struct GroupRules {
    pub(super) base: String,
    pub(super) scope: Scope,
    /// What every group's entry fits; empty for any.
    pub(super) filter: String,
    pub(super) matchers: Vec<Matcher>,
    pub(super) name_attr: String,
    /// What is written before each name.
    pub(super) prefix: String,
}

/// One way in which a group holds its members.
#[derive(Debug, Clone)]
pub(super) struct Matcher {
    /// What of the person is held.
    pub(super) user: String,
    /// The attribute of the group that holds it.
    pub(super) group: String,
    /// The attribute of a group that holds the DN of a group within it.
    pub(super) recursion: Option<String>,
}

impl GroupRules {
    /// The attributes of a person that groups are found by.
    pub(super) fn of_person(&self) -> impl Iterator<Item = &str> {
        self.matchers.iter().map(|matcher| matcher.user.as_str())
    }

    /// Whether one question finds groups within groups.
    pub(super) fn are_in_chain(&self) -> bool {
        let mut attributes = self.matchers.iter().map(|matcher| &matcher.group);
        attributes.any(|attribute| attribute.contains(IN_CHAIN))
    }

    /// The names of the groups a person is in, each once and in order.
    pub(super) async fn groups(
        &self,
        person: &Entry,
        directory: &mut dyn Searches,
    ) -> Result<Vec<String>, Trouble> {
        let mut names = BTreeSet::new();
        for matcher in &self.matchers {
            self.by(matcher, person, directory, &mut names).await?;
        }
        Ok(names.into_iter().collect())
    }

    async fn by(
        &self,
        matcher: &Matcher,
        person: &Entry,
        directory: &mut dyn Searches,
        names: &mut BTreeSet<String>,
    ) -> Result<(), Trouble> {
        let mut seen = HashSet::new();
        let mut attribute = &matcher.group;
        let values = person.values(&matcher.user);
        let mut level: Vec<Vec<u8>> = values.into_iter().map(<[u8]>::to_vec).collect();
        for _ in 0..DEEPEST {
            let mut next = Vec::new();
            for values in level.chunks(ABREAST) {
                for group in self.holding(attribute, values, directory).await? {
                    names.insert(self.name(&group)?);
                    if seen.insert(group.dn.to_lowercase()) {
                        next.push(group.dn.into_bytes());
                    }
                }
            }
            let Some(recursion) = &matcher.recursion else {
                return Ok(());
            };
            if next.is_empty() {
                return Ok(());
            }
            attribute = recursion;
            level = next;
        }
        warn!(
            dn = %person.dn,
            "groups lie within groups more than {DEEPEST} deep; what lies deeper is left out"
        );
        Ok(())
    }

    /// The groups that hold one of these values.
    async fn holding(
        &self,
        attribute: &str,
        values: &[Vec<u8>],
        directory: &mut dyn Searches,
    ) -> Result<Vec<Entry>, Trouble> {
        let each = values.iter();
        let each: Vec<_> = each
            .map(|value| format!("({attribute}={})", asserted(value)))
            .collect();
        let any = match each.as_slice() {
            [one] => one.clone(),
            many => format!("(|{})", many.concat()),
        };
        let search = Search {
            base: self.base.clone(),
            scope: self.scope,
            filter: narrowed(&self.filter, &any),
            attributes: wanted(std::iter::once(self.name_attr.as_str())),
            is_of_one: false,
        };
        match directory.search(&search).await {
            // dex has it so: people of a directory without groups log in.
            Err(Trouble::NoSuchObject) => Ok(Vec::new()),
            found => found,
        }
    }

    fn name(&self, group: &Entry) -> Result<String, Trouble> {
        let name = group.texts(&self.name_attr).next();
        let name = name.map(|name| format!("{}{name}", self.prefix));
        name.ok_or_else(|| {
            let attribute = &self.name_attr;
            warn!(dn = %group.dn, "a group's entry lacks {attribute}, its name");
            Trouble::Unusable(format!(
                "a group's entry lacks {attribute}, which groupSearch.nameAttr asks for"
            ))
        })
    }
}
