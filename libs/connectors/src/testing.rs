//! What the tests of connectors share.

mod fake_upstream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use insula_ambient::{ManualClock, SeededEntropy, Timestamp};
use insula_connector_kit::{
    ConnectorError, LoginContext, LoginName, OpenContext, PasswordBook, PasswordCheck,
    PasswordVerdict,
};
use insula_model::{
    AuthRequestId, ClockSkew, ConnectorId, ConnectorSpec, Issuer, Password, PasswordRecord, Rules,
    UserId,
};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::http::{OutboundPolicy, UpstreamHttp};

pub(crate) use fake_upstream::{FakeUpstream, asked, form, log_in};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(crate) const CALLBACK: &str = "https://acme.test/callback";

pub(crate) fn a_login() -> LoginContext {
    LoginContext {
        state: AuthRequestId::parse("state1").unwrap(),
        callback_url: CALLBACK.to_owned(),
        offline_access: false,
        groups: false,
        force_login: false,
        login_hint: None,
        acr_values: Vec::new(),
        moved_entry_is_gone: false,
        now: NOW,
    }
}

pub(crate) fn a_clock() -> ManualClock {
    ManualClock::at(NOW)
}

pub(crate) fn a_spec(kind: &str, config: Value) -> ConnectorSpec {
    ConnectorSpec {
        id: ConnectorId::parse("up").unwrap(),
        kind: kind.to_owned(),
        name: "Up".to_owned(),
        config,
        grant_types: Vec::new(),
        domains: Vec::new(),
        domains_only: true,
        timeout: Duration::from_secs(5),
        clock_skew: ClockSkew::of(Duration::from_mins(1)),
        acr_mapping: std::collections::BTreeMap::new(),
        subject_tokens: insula_model::SubjectTokens::default(),
    }
}

pub(crate) fn an_issuer() -> Issuer {
    Issuer::parse("https://acme.test").unwrap()
}

pub(crate) fn an_open_context(clock: &ManualClock) -> OpenContext {
    OpenContext {
        issuer: an_issuer(),
        rules: Rules::STANDARD,
        passwords: Arc::new(FakeBook::default()),
        hashing: Arc::new(FakeHashing),
        upstream_calls: 4,
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(1)),
    }
}

/// Speaks to this machine.
pub(crate) fn local_http() -> UpstreamHttp {
    let policy = OutboundPolicy {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        allow_hosts: Vec::new(),
        proxy: None,
    };
    UpstreamHttp::new(policy, Handle::current()).unwrap()
}

/// Speaks to the public internet only.
pub(crate) fn strict_http() -> UpstreamHttp {
    UpstreamHttp::new(OutboundPolicy::default(), Handle::current()).unwrap()
}

/// A password DB in a map, which may refuse to store.
#[derive(Default)]
pub(crate) struct FakeBook {
    pub(crate) people: HashMap<String, PasswordRecord>,
    pub(crate) stored: Mutex<Vec<(String, String)>>,
    pub(crate) refuses_upgrades: bool,
}

impl FakeBook {
    pub(crate) fn with(record: PasswordRecord) -> Self {
        Self {
            people: HashMap::from([(record.email.clone(), record)]),
            ..Self::default()
        }
    }
}

#[async_trait]
impl PasswordBook for FakeBook {
    async fn find(&self, email: &str) -> Result<Option<PasswordRecord>, ConnectorError> {
        Ok(self.people.get(email).cloned())
    }

    async fn look_up(&self, email: &str) -> Result<LoginName, ConnectorError> {
        Ok(match self.people.get(email) {
            Some(record) => LoginName::Of(record.clone()),
            None => LoginName::Nobodys {
                like: self.people.values().next().map(|r| r.hash.clone()),
            },
        })
    }

    async fn upgrade(&self, was: &PasswordRecord, hash: String) -> Result<(), ConnectorError> {
        if self.refuses_upgrades {
            return Err(ConnectorError::Busy("the store is read-only"));
        }
        self.stored.lock().unwrap().push((was.email.clone(), hash));
        Ok(())
    }
}

/// `old:x` and `new:x` are hashes of `x`; the old ones are upgraded.
pub(crate) struct FakeHashing;

#[async_trait]
impl PasswordCheck for FakeHashing {
    async fn check(
        &self,
        password: Password,
        hash: Option<String>,
    ) -> Result<PasswordVerdict, ConnectorError> {
        let typed = password.reveal();
        let stored = hash.unwrap_or_default();
        Ok(match stored.split_once(':') {
            Some(("old", right)) if right == typed => PasswordVerdict::Right {
                upgrade: Some(format!("new:{typed}")),
            },
            Some(("new", right)) if right == typed => PasswordVerdict::Right { upgrade: None },
            _ => PasswordVerdict::Wrong,
        })
    }
}

pub(crate) fn jane() -> PasswordRecord {
    PasswordRecord {
        email: "jane@acme.test".to_owned(),
        hash: "new:secret".to_owned(),
        user_id: UserId::parse("u1").unwrap(),
        username: "jane".to_owned(),
        name: None,
        preferred_username: "jj".to_owned(),
        email_verified: true,
        groups: vec!["staff".to_owned()],
        details: None,
    }
}
