//! Whether somebody who logged in earlier is still one of the tenant's people.

use insula_model::{ConnectorId, TenantSpec, UserId};

/// The connector whose people stand in the tenant's own configuration.
const LOCAL: &str = "local";

/// Whether a tenant still knows a person, as far as its configuration tells. Whose entry was taken
/// out is not known any more, whatever they hold: session, code or token. People of other connectors
/// are for their upstreams to vouch for, at the next login or refresh.
pub fn is_still_known(spec: &TenantSpec, connector: &ConnectorId, user: &UserId) -> bool {
    let connector = spec.connector(connector.as_str());
    if connector.is_none_or(|connector| connector.kind != LOCAL) {
        return true;
    }
    spec.passwords.has(user)
}

/// Who of the tenant's configuration logs in by this name at this connector.
pub fn user_of_name<'s>(
    spec: &'s TenantSpec,
    connector: &ConnectorId,
    name: &str,
) -> Option<&'s UserId> {
    let connector = spec.connector(connector.as_str())?;
    if connector.kind != LOCAL {
        return None;
    }
    let record = spec.passwords.get(&name.trim().to_lowercase());
    record.map(|record| &record.user_id)
}

#[cfg(test)]
mod tests {
    use insula_testkit::{a_connector, a_tenant};

    use super::*;

    #[test]
    fn who_was_taken_out_of_the_configuration_is_known_no_more() {
        let mut local = a_connector("local");
        LOCAL.clone_into(&mut local.kind);
        let tenant = a_tenant().with_connector(local);
        let spec = tenant.with_password("jane@acme.test", "hash").build();
        let jane = spec.passwords["jane@acme.test"].user_id.clone();
        let gone = UserId::parse("gone").unwrap();
        let id = |id: &str| ConnectorId::parse(id).unwrap();
        assert!(is_still_known(&spec, &id("local"), &jane));
        assert!(!is_still_known(&spec, &id("local"), &gone));
        assert!(is_still_known(&spec, &id("mock"), &gone), "an upstream's");
        assert!(is_still_known(&spec, &id("removed"), &gone));
    }

    #[test]
    fn a_name_is_somebodys_only_where_the_people_of_the_configuration_log_in() {
        let mut local = a_connector("local");
        LOCAL.clone_into(&mut local.kind);
        let tenant = a_tenant().with_connector(local);
        let spec = tenant.with_password("jane@acme.test", "hash").build();
        let jane = &spec.passwords["jane@acme.test"].user_id;
        let id = |id: &str| ConnectorId::parse(id).unwrap();
        let user = |at: &str, name: &str| user_of_name(&spec, &id(at), name);
        assert_eq!(user("local", " Jane@acme.test "), Some(jane));
        assert_eq!(user("local", "joe@acme.test"), None);
        assert_eq!(user("mock", "jane@acme.test"), None, "an upstream's");
    }
}
