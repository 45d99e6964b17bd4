use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use insula_ambient::{Clock, Entropy};
use insula_connector_kit::{ConnectorError, LoginName, PasswordBook};
use insula_model::{Event, EventId, EventKind, PasswordRecord, TenantSpec, TokenHash};
use insula_store::{StoreError, TenantStore};

/// The people of a tenant's configuration, whom connectors look up, with the better hashes that were
/// made of their passwords since. A hash that is changed in the file counts again.
pub struct ConfiguredPeople {
    spec: ArcSwap<TenantSpec>,
    store: Arc<dyn TenantStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl ConfiguredPeople {
    /// The people of `spec`, whose better hashes are kept in `store`.
    pub fn new(
        spec: Arc<TenantSpec>,
        store: Arc<dyn TenantStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            spec: ArcSwap::new(spec),
            store,
            clock,
            entropy,
        }
    }

    /// Goes by another configuration from now on; connectors need not be opened anew for that.
    pub fn go_by(&self, spec: Arc<TenantSpec>) {
        self.spec.store(spec);
    }
}

impl ConfiguredPeople {
    async fn current(
        &self,
        email: &str,
        configured: &PasswordRecord,
    ) -> Result<PasswordRecord, ConnectorError> {
        let upgraded = self.store.find_upgraded_password(email).await;
        let upgraded = upgraded.map_err(|error| unreachable_store(&error))?;
        let mut record = configured.clone();
        if let Some(upgraded) = upgraded.filter(|up| up.replaces.matches(&configured.hash)) {
            record.hash = upgraded.hash;
        }
        Ok(record)
    }
}

/// Who stands in for a name that nobody has: anybody, but the same one each time. Names of nobody
/// then cost what names of people cost, also where some have a bcrypt hash yet and some have not.
fn stand_in<'p>(
    people: &'p BTreeMap<String, PasswordRecord>,
    email: &str,
) -> Option<(&'p String, &'p PasswordRecord)> {
    let spread = TokenHash::of(email).to_text();
    let spread = spread.bytes().fold(0_usize, |sum, byte| {
        sum.wrapping_mul(31) + usize::from(byte)
    });
    people.iter().nth(spread.checked_rem(people.len())?)
}

#[async_trait]
impl PasswordBook for ConfiguredPeople {
    async fn find(&self, email: &str) -> Result<Option<PasswordRecord>, ConnectorError> {
        let spec = self.spec.load_full();
        match spec.passwords.get(email) {
            Some(configured) => self.current(email, configured).await.map(Some),
            None => Ok(None),
        }
    }

    /// One read for nobody as for somebody: that of who stands in.
    async fn look_up(&self, email: &str) -> Result<LoginName, ConnectorError> {
        let spec = self.spec.load_full();
        if let Some(configured) = spec.passwords.get(email) {
            return self.current(email, configured).await.map(LoginName::Of);
        }
        let like = match stand_in(&spec.passwords, email) {
            Some((email, configured)) => Some(self.current(email, configured).await?.hash),
            None => None,
        };
        Ok(LoginName::Nobodys { like })
    }

    async fn upgrade(&self, was: &PasswordRecord, hash: String) -> Result<(), ConnectorError> {
        let login_name = was.email.to_lowercase();
        let Some(current) = self.find(&login_name).await? else {
            return Ok(());
        };
        // The file changed, or another login upgraded first: what was checked is not current.
        if current.hash != was.hash {
            return Ok(());
        }
        let spec = self.spec.load_full();
        let Some(configured) = spec.passwords.get(&login_name) else {
            return Ok(());
        };
        let upgraded = insula_store::UpgradedPassword {
            email: login_name,
            replaces: TokenHash::of(&configured.hash),
            hash,
        };
        let event = Event {
            id: EventId::generate(&*self.entropy),
            at: self.clock.now(),
            kind: EventKind::PasswordUpgraded {
                user: configured.user_id.clone(),
            },
        };
        let stored = self.store.upgrade_password(&upgraded, Some(event)).await;
        stored.map_err(|error| unreachable_store(&error))
    }
}

/// What cannot be read stays so; the rest may be well again at the next try.
fn unreachable_store(error: &StoreError) -> ConnectorError {
    let said = format!("the password store failed: {error}");
    match error {
        StoreError::Corrupt { .. } | StoreError::Full(_) => ConnectorError::Upstream(said),
        StoreError::Unavailable { .. } | StoreError::Failed { .. } => ConnectorError::Storage(said),
    }
}

#[cfg(test)]
mod tests {
    use insula_ambient::{ManualClock, SeededEntropy};
    use insula_store::{Durable as _, MemoryStore};
    use insula_testkit::{NOW, a_tenant};

    use super::*;

    fn with_hash(hash: &str) -> Arc<TenantSpec> {
        Arc::new(a_tenant().with_password("jane@acme.test", hash).build())
    }

    fn people_of(spec: Arc<TenantSpec>, store: Arc<dyn TenantStore>) -> ConfiguredPeople {
        let clock = Arc::new(ManualClock::at(NOW));
        ConfiguredPeople::new(spec, store, clock, Arc::new(SeededEntropy::new(1)))
    }

    async fn hash_of(people: &ConfiguredPeople) -> String {
        people.find("jane@acme.test").await.unwrap().unwrap().hash
    }

    #[tokio::test]
    async fn a_better_hash_stands_for_the_configured_one_until_the_file_changes() {
        let spec = with_hash("bcrypt-1");
        let store = MemoryStore::new().tenant(&spec.id);
        let user = spec.passwords["jane@acme.test"].user_id.clone();
        let people = people_of(spec, Arc::clone(&store));
        let was = people.find("jane@acme.test").await.unwrap().unwrap();
        people.upgrade(&was, "argon2-1".into()).await.unwrap();
        assert_eq!(hash_of(&people).await, "argon2-1");
        let told = store.events_after(0, 10).await.unwrap();
        let kinds: Vec<_> = told.into_iter().map(|placed| placed.event.kind).collect();
        assert_eq!(kinds, [EventKind::PasswordUpgraded { user }]);

        let was = people.find("jane@acme.test").await.unwrap().unwrap();
        people.upgrade(&was, "argon2-2".into()).await.unwrap();
        assert_eq!(hash_of(&people).await, "argon2-2");

        people.go_by(with_hash("bcrypt-2"));
        assert_eq!(hash_of(&people).await, "bcrypt-2");
        people.upgrade(&was, "argon2-3".into()).await.unwrap();
        assert_eq!(
            hash_of(&people).await,
            "bcrypt-2",
            "checked against an old hash"
        );
    }

    #[tokio::test]
    async fn a_mail_address_with_capitals_gets_its_better_hash_under_the_login_name() {
        let mut spec = a_tenant()
            .with_password("jane@acme.test", "bcrypt-1")
            .build();
        let mut records = BTreeMap::clone(&spec.passwords);
        records.get_mut("jane@acme.test").unwrap().email = "Jane@Acme.test".to_owned();
        spec.passwords = records.into();
        let store = MemoryStore::new().tenant(&spec.id);
        let people = people_of(Arc::new(spec), store);
        let was = people.find("jane@acme.test").await.unwrap().unwrap();
        assert_eq!(was.email, "Jane@Acme.test");
        people.upgrade(&was, "argon2-1".into()).await.unwrap();
        assert_eq!(hash_of(&people).await, "argon2-1");
    }

    #[tokio::test]
    async fn somebody_stands_in_for_nobody_with_the_hash_that_is_current() {
        let spec = with_hash("bcrypt-1");
        let store = MemoryStore::new().tenant(&spec.id);
        let people = people_of(spec, store.clone());
        let like = async |people: &ConfiguredPeople| match people.look_up("joe@acme.test").await {
            Ok(LoginName::Nobodys { like }) => like,
            _ => panic!("nobody"),
        };
        assert_eq!(like(&people).await.as_deref(), Some("bcrypt-1"));
        let was = people.find("jane@acme.test").await.unwrap().unwrap();
        people.upgrade(&was, "argon2-1".into()).await.unwrap();
        assert_eq!(like(&people).await.as_deref(), Some("argon2-1"));
        let found = people.look_up("jane@acme.test").await.unwrap();
        assert!(matches!(found, LoginName::Of(jane) if jane.hash == "argon2-1"));
        let empty = people_of(Arc::new(a_tenant().build()), store);
        assert_eq!(like(&empty).await, None);
    }

    #[tokio::test]
    async fn nobody_is_found_under_a_name_that_is_not_configured() {
        let spec = with_hash("h");
        let store = MemoryStore::new().tenant(&spec.id);
        let people = people_of(spec, store);
        assert!(people.find("joe@acme.test").await.unwrap().is_none());
    }

    #[test]
    fn a_database_that_is_away_is_no_upstreams_failing_and_a_spoilt_row_is_not_passing() {
        let (backend, cause) = ("postgres", "no answer".to_owned());
        let away = unreachable_store(&StoreError::Unavailable { backend, cause });
        assert!(matches!(away, ConnectorError::Storage(_)));
        let (what, cause) = ("password", "not a hash".to_owned());
        let spoilt = unreachable_store(&StoreError::Corrupt { what, cause });
        assert!(matches!(spoilt, ConnectorError::Upstream(_)));
    }
}
