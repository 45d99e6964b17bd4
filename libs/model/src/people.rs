use std::collections::{BTreeMap, HashSet};
use std::ops::Deref;

use crate::{PasswordRecord, UserId};

/// The people of a password DB, by lower-cased mail address. Whose ids they are is asked at every
/// request that shows a session or a token, so the ids are kept beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct People {
    records: BTreeMap<String, PasswordRecord>,
    ids: HashSet<UserId>,
}

impl People {
    /// Whether one of them has this id.
    pub fn has(&self, id: &UserId) -> bool {
        self.ids.contains(id)
    }
}

impl From<BTreeMap<String, PasswordRecord>> for People {
    fn from(records: BTreeMap<String, PasswordRecord>) -> Self {
        let ids = records.values().map(|person| person.user_id.clone());
        Self {
            ids: ids.collect(),
            records,
        }
    }
}

impl Deref for People {
    type Target = BTreeMap<String, PasswordRecord>;

    fn deref(&self) -> &Self::Target {
        &self.records
    }
}
