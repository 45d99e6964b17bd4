use insula_model::{TenantId, TenantSpec};

use super::Folder;
use crate::check_tenants;

fn tenant(id: &str, issuer: &str, hosts: &str) -> TenantSpec {
    let text = format!("issuer: {issuer}\nhosts: [{hosts}]\nenablePasswordDB: true\n");
    let mut spec = Folder::native(&text).spec();
    spec.id = TenantId::parse(id).unwrap();
    spec
}

#[test]
fn tenants_with_hosts_or_paths_of_their_own_do_not_clash() {
    let tenants = [
        tenant("a", "https://login.test/a", ""),
        tenant("b", "https://login.test/b", ""),
        tenant("c", "https://login.test", "c.test"),
    ];
    assert_eq!(check_tenants(&tenants), []);
}

#[test]
fn two_tenants_at_one_address_are_told_whatever_scheme_port_and_slash_say() {
    let tenants = [
        tenant("a", "https://login.test/x", ""),
        tenant("b", "https://LOGIN.test:8443/x/", "localhost"),
        tenant("c", "https://c.test/x", "login.test"),
    ];
    let said: Vec<_> = check_tenants(&tenants)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "b: issuer: login.test/x already leads to tenant \"a\"; \
             give one of the two another host or path",
            "c: hosts: login.test/x already leads to tenant \"a\"; \
             give one of the two another host or path",
        ]
    );
}
