//! Whether a server knows the rule for groups within groups.

use ldap3::Scope;

use super::trouble::Trouble;
use super::{Search, Searches};

/// Of Active Directory, `LDAP_MATCHING_RULE_IN_CHAIN`, as it stands in a filter.
pub(super) const IN_CHAIN: &str = ":1.2.840.113556.1.4.1941:";
/// By which a server says that it is Active Directory, or its lightweight form.
const CAPABILITIES: [&str; 2] = ["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1851"];

/// Whether a server says that it has the rule. Others answer mostly that nobody is in a group.
pub(super) async fn knows_in_chain(directory: &mut dyn Searches) -> Result<bool, Trouble> {
    let of_itself = Search {
        base: String::new(),
        scope: Scope::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes: vec!["supportedCapabilities".to_owned()],
        is_of_one: true,
    };
    let root = directory.search(&of_itself).await?.pop();
    Ok(root.is_some_and(|root| {
        let mut named = root.texts("supportedCapabilities");
        named.any(|one| CAPABILITIES.contains(&one))
    }))
}
