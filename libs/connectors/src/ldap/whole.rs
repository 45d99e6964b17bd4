//! What a first search does not tell of an entry.

use ldap3::Scope;

use super::entry::{Entry, is_constructed};
use super::groups::GroupRules;
use super::trouble::Trouble;
use super::{Search, Searches};

/// Parts of an attribute that are fetched at most; Active Directory gives 1500 values at once.
const MOST_PARTS: usize = 64;

/// Fetches what Active Directory makes up when an entry is asked for by its name, and refuses to any
/// other search.
pub(super) async fn constructed(
    rules: &GroupRules,
    entry: &mut Entry,
    directory: &mut dyn Searches,
) -> Result<(), Trouble> {
    let names = rules.of_person().filter(|name| is_constructed(name));
    let attributes: Vec<_> = names.map(str::to_owned).collect();
    if attributes.is_empty() {
        return Ok(());
    }
    let search = Search {
        base: entry.dn.clone(),
        scope: Scope::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes,
        is_of_one: true,
    };
    for more in directory.search(&search).await? {
        entry.add(more);
    }
    Ok(())
}

/// Fetches the rest of attributes with so many values that the directory gave some.
pub(super) async fn whole(entry: &mut Entry, directory: &mut dyn Searches) -> Result<(), Trouble> {
    for _ in 0..MOST_PARTS {
        let Some((base, next)) = entry.unfinished() else {
            return Ok(());
        };
        let search = Search {
            base: entry.dn.clone(),
            scope: Scope::Base,
            filter: "(objectClass=*)".to_owned(),
            attributes: vec![next],
            is_of_one: true,
        };
        let part = directory.search(&search).await?.pop();
        let Some(part) = part else {
            return Ok(());
        };
        entry.take_more(&base, part);
    }
    Err(Trouble::TooMany)
}
