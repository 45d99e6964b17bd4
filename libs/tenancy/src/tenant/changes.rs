//! What a new configuration changes, in the words of its file.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use insula_model::TenantSpec;

/// The most entries of one kind that are named.
const MOST: usize = 20;

/// Names what differs between two configurations of a tenant. Values are not told: some are secret.
pub(super) fn changes(old: &TenantSpec, new: &TenantSpec) -> Vec<String> {
    let TenantSpec {
        id: _,
        issuer,
        hosts,
        is_default,
        dialect,
        // They follow from the dialect.
        rules: _,
        clients,
        resources,
        connectors,
        password_db,
        passwords,
        oauth2,
        signer,
        expiry,
        sessions,
        frontend,
        http,
        limits,
        log_exclude,
        passivate_after,
    } = old;
    let mut changes = Vec::new();
    let mut note = |is_changed: bool, what: &str| {
        if is_changed {
            changes.push(what.to_owned());
        }
    };
    note(*issuer != new.issuer, "issuer");
    note(*hosts != new.hosts, "hosts");
    note(*is_default != new.is_default, "default");
    note(*dialect != new.dialect, "profile");
    note(*password_db != new.password_db, "enablePasswordDB");
    note(*passwords != new.passwords, "staticPasswords");
    note(*resources != new.resources, "resources");
    note(*oauth2 != new.oauth2, "oauth2");
    note(*signer != new.signer, "signer");
    note(*expiry != new.expiry, "expiry");
    note(*sessions != new.sessions, "sessions");
    note(*frontend != new.frontend, "frontend");
    note(*http != new.http, "cors and headers");
    note(*limits != new.limits, "limits");
    note(*log_exclude != new.log_exclude, "logger.excludeFields");
    note(*passivate_after != new.passivate_after, "passivateAfter");
    differences("client", clients, &new.clients, &mut changes);
    let named = |list: &[Arc<insula_model::ConnectorSpec>]| -> BTreeMap<_, _> {
        let named = list.iter().map(|one| (one.id.clone(), Arc::clone(one)));
        named.collect()
    };
    let (old_ones, new_ones) = (named(connectors), named(&new.connectors));
    differences("connector", &old_ones, &new_ones, &mut changes);
    changes
}

/// Which entries came, went or are others now.
fn differences<K: Ord + Display, V: PartialEq>(
    what: &str,
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
    changes: &mut Vec<String>,
) {
    let gone = old.keys().filter(|key| !new.contains_key(key));
    let gone = gone.map(|key| format!("{what} {key} removed"));
    let others = new.iter().filter_map(|(key, value)| match old.get(key) {
        None => Some(format!("{what} {key} added")),
        Some(before) if before != value => Some(format!("{what} {key}")),
        Some(_) => None,
    });
    changes.extend(gone.chain(others).take(MOST));
}

#[cfg(test)]
mod tests {
    use insula_testkit::{a_client, a_connector, a_tenant};

    use super::*;

    #[test]
    fn a_reload_names_what_changed_and_no_value() {
        let old = a_tenant().build();
        assert_eq!(changes(&old, &old), Vec::<String>::new());
        let mut new = a_tenant().with_connector(a_connector("second")).build();
        new.expiry.id_tokens *= 2;
        new.clients.clear();
        let said = ["expiry", "client app removed", "connector second added"];
        assert_eq!(changes(&old, &new), said);
        let other = a_tenant().with_client(a_client().with_secret("an0ther"));
        assert_eq!(changes(&old, &other.build()), ["client app"]);
    }
}
