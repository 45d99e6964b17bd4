use std::time::Duration;

use insula_connector_kit::{
    Connector, ConnectorError, LoginContext, Memory, Reply, UpstreamIdentity,
};
use insula_model::{ConnectorSpec, Password};
use serde_json::{Value, json};

use super::super::Ldap;
use super::slapd::Slapd;
use crate::testing::{a_clock, a_login, a_spec, an_open_context, local_http};

/// Long enough for a machine that is busy.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// A way to the test company's directory, in the clear.
pub(super) fn config(slapd: &Slapd) -> Value {
    json!({
        "host": format!("127.0.0.1:{}", slapd.plain),
        "insecureNoSSL": true,
        "bindDN": "cn=reader,dc=acme,dc=test",
        "bindPW": "reader-secret",
        "userSearch": {
            "baseDN": "ou=people,dc=acme,dc=test",
            "username": "uid",
            "nameAttr": "cn",
        },
        "groupSearch": {
            "baseDN": "ou=groups,dc=acme,dc=test",
            "userMatchers": [{"userAttr": "DN", "groupAttr": "member"}],
            "nameAttr": "cn",
        },
    })
}

/// Settings with others in their place; `null` takes one away.
pub(super) fn with(config: &Value, more: &Value) -> Value {
    let (Some(config), Some(more)) = (config.as_object(), more.as_object()) else {
        return more.clone();
    };
    let mut all = config.clone();
    for (name, value) in more {
        let before = all.get(name).cloned().unwrap_or_else(|| json!({}));
        all.insert(name.clone(), with(&before, value));
    }
    all.retain(|_, value| !value.is_null());
    all.into()
}

pub(super) fn spec(config: &Value) -> ConnectorSpec {
    ConnectorSpec {
        timeout: PATIENCE,
        ..a_spec("ldap", config.clone())
    }
}

pub(super) fn open(config: &Value) -> Ldap {
    try_open(&spec(config)).unwrap_or_else(|why| panic!("{why}"))
}

pub(super) fn try_open(spec: &ConnectorSpec) -> Result<Ldap, ConnectorError> {
    Ldap::open(&local_http(), spec, &an_open_context(&a_clock()))
}

/// A login whose client asks for groups.
pub(super) fn with_groups() -> LoginContext {
    LoginContext {
        groups: true,
        ..a_login()
    }
}

pub(super) fn typed(username: &str, password: &str) -> Reply {
    Reply::Password {
        username: username.to_owned(),
        password: Password::new(password),
    }
}

pub(super) async fn log_in(
    ldap: &Ldap,
    username: &str,
    password: &str,
) -> Result<UpstreamIdentity, ConnectorError> {
    let reply = typed(username, password);
    ldap.complete(&with_groups(), &Memory::Null, reply).await
}
