//! Samba as a domain controller of Active Directory, which the test command starts once for all tests:
//! each makes the people it changes. Those it finds there stand in `tests/active-directory`.

use std::collections::HashSet;

use ldap3::{Ldap as Conversation, Mod};
use serde_json::{Value, json};

use super::super::server::Server;
use super::super::settings::Settings;
use super::super::tls;
use super::lab::{PATIENCE, with};
use crate::testing::local_http;

pub(super) const BASE: &str = "DC=ad,DC=acme,DC=test";
/// Everybody's.
pub(super) const PASSWORD: &str = "Secret-Pass-1";
/// `NORMAL_ACCOUNT`, `DONT_EXPIRE_PASSWORD`; with `ACCOUNTDISABLE`.
const OPEN: &str = "66048";
const DISABLED: &str = "66050";

pub(super) struct Domain {
    pub(super) address: String,
    pub(super) authority: String,
}

impl Domain {
    /// The one that was started; `None` where there is none, after saying so.
    pub(super) fn find() -> Option<Self> {
        let address = variable("INSULA_TEST_ACTIVE_DIRECTORY");
        let authority = variable("INSULA_TEST_ACTIVE_DIRECTORY_CA");
        let (Some(address), Some(authority)) = (address, authority) else {
            let required = variable("INSULA_REQUIRE_SERVICES").as_deref() == Some("1");
            assert!(
                !required,
                "INSULA_REQUIRE_SERVICES is 1, but there is no Active Directory"
            );
            eprintln!("SKIPPED: there is no Active Directory; `cargo xtask test` starts one");
            return None;
        };
        let authority = std::fs::read_to_string(authority).unwrap();
        Some(Self { address, authority })
    }

    /// A way to it over LDAPS, as the guide has it.
    pub(super) fn config(&self) -> Value {
        json!({
            "host": self.address,
            "rootCA": self.authority,
            "bindDN": "reader@ad.acme.test",
            "bindPW": PASSWORD,
            "userSearch": {
                "baseDN": BASE,
                "filter": "(objectCategory=person)",
                "username": ["sAMAccountName", "userPrincipalName"],
                "idAttr": "objectGUID",
                "emailAttr": "mail",
                "nameAttr": "displayName",
                "preferredUsernameAttr": "sAMAccountName",
            },
            "groupSearch": {
                "baseDN": format!("OU=groups,{BASE}"),
                "filter": "(objectCategory=group)",
                "userMatchers": [{"userAttr": "DN", "groupAttr": "member"}],
                "nameAttr": "cn",
            },
        })
    }

    /// The same with groups found in another way.
    pub(super) fn with_matcher(&self, matcher: &Value) -> Value {
        let search = json!({"groupSearch": {"userMatchers": [matcher]}});
        with(&self.config(), &search)
    }

    /// Lets the administrator do something.
    async fn as_administrator(&self) -> Conversation {
        let settings = Settings::read(&self.config()).settings;
        let server = Server {
            place: settings.places().unwrap().remove(0),
            name: self.address.clone(),
            aliases: ldap3::DerefAliases::Never,
            tls: Some(tls::client_config(&settings).unwrap()),
            policy: std::sync::Arc::clone(local_http().policy()),
            patience: PATIENCE,
        };
        let mut ldap = server.connect().await.unwrap();
        let administrator = "Administrator@ad.acme.test";
        let bound = ldap.simple_bind(administrator, "Admin-Secret-1").await;
        bound.unwrap().success().unwrap();
        ldap
    }

    /// Makes a person of this login name, anew if there was one.
    pub(super) async fn make(&self, name: &str) {
        let dn = person(name);
        let mut administrator = self.as_administrator().await;
        drop(administrator.delete(&dn).await.unwrap());
        let quoted = format!("\"{PASSWORD}\"");
        let password: Vec<u8> = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let text = |text: &str| HashSet::from([text.as_bytes().to_vec()]);
        let attributes = vec![
            (b"objectClass".to_vec(), text("user")),
            (b"sAMAccountName".to_vec(), text(name)),
            (b"displayName".to_vec(), text(name)),
            (b"mail".to_vec(), text(&format!("{name}@acme.test"))),
            (b"userAccountControl".to_vec(), text(OPEN)),
            (b"unicodePwd".to_vec(), HashSet::from([password])),
        ];
        let added = administrator.add(&dn, attributes).await.unwrap();
        added.success().unwrap();
    }

    pub(super) async fn disable(&self, name: &str) {
        self.replace(&person(name), "userAccountControl", DISABLED)
            .await;
    }

    pub(super) async fn replace(&self, dn: &str, attribute: &str, value: &str) {
        self.change(dn, Mod::Replace(attribute, [value].into()))
            .await;
    }

    pub(super) async fn join(&self, name: &str, group: &str) {
        let member = person(name);
        self.change(
            &group_of(group),
            Mod::Add("member", [member.as_str()].into()),
        )
        .await;
    }

    pub(super) async fn leave(&self, name: &str, group: &str) {
        let member = person(name);
        let gone = Mod::Delete("member", [member.as_str()].into());
        self.change(&group_of(group), gone).await;
    }

    /// Gives an entry another name and another place.
    pub(super) async fn rename(&self, name: &str, rdn: &str) {
        let crowd = format!("OU=crowd,{BASE}");
        let mut administrator = self.as_administrator().await;
        let moved = administrator
            .modifydn(&person(name), rdn, true, Some(&crowd))
            .await;
        moved.unwrap().success().unwrap();
    }

    pub(super) async fn delete(&self, dn: &str) {
        let mut administrator = self.as_administrator().await;
        let deleted = administrator.delete(dn).await;
        deleted.unwrap().success().unwrap();
    }

    async fn change(&self, dn: &str, change: Mod<&str>) {
        let mut administrator = self.as_administrator().await;
        let changed = administrator.modify(dn, vec![change]).await.unwrap();
        changed.success().unwrap();
    }
}

pub(super) fn person(name: &str) -> String {
    format!("CN={name},OU=people,{BASE}")
}

fn group_of(name: &str) -> String {
    format!("CN={name},OU=groups,{BASE}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told their servers by the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
