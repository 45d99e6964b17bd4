use std::collections::BTreeMap;

use crate::reading::Reading;
use crate::section::suggestion;
use crate::tree::{Kind, Node, Position};

/// A setting of `insula.yaml` that a flag and an environment variable override.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its path in the file, such as `listen.http`.
    pub path: &'static str,
    /// What it says, in one line.
    pub meaning: &'static str,
    /// Whether it is a list; flag and variable part its items by commas.
    pub is_list: bool,
}

impl Setting {
    /// The flag without its dashes: `listen.http`, `master-key`.
    pub fn flag(&self) -> String {
        self.words('-', false)
    }

    /// The environment variable: `INSULA_LISTEN_HTTP`, `INSULA_MASTER_KEY`.
    pub fn variable(&self) -> String {
        format!("INSULA_{}", self.words('_', true))
    }

    fn words(&self, between: char, is_variable: bool) -> String {
        let mut text = String::new();
        for letter in self.path.chars() {
            if letter.is_ascii_uppercase() {
                text.push(between);
            }
            text.push(match letter {
                '.' if is_variable => '_',
                _ if is_variable => letter.to_ascii_uppercase(),
                _ => letter.to_ascii_lowercase(),
            });
        }
        text
    }
}

const fn one(path: &'static str, meaning: &'static str) -> Setting {
    Setting {
        path,
        meaning,
        is_list: false,
    }
}

const fn list(path: &'static str, meaning: &'static str) -> Setting {
    Setting {
        path,
        meaning,
        is_list: true,
    }
}

pub(super) const SETTINGS: [Setting; 36] = [
    one(
        "listen.http",
        "address of the tenants, unencrypted; empty for none, as if left out beside listen.https",
    ),
    one(
        "listen.https",
        "address of the tenants over TLS; empty for none",
    ),
    one(
        "listen.telemetry",
        "address of metrics and health; empty for none",
    ),
    one("listen.admin", "address of the admin API; empty for none"),
    one(
        "adminSocket",
        "socket file of `insula tenants` and `insula tenant`; empty for none",
    ),
    one("tls.cert", "certificate chain of listen.https, PEM"),
    one("tls.key", "private key of listen.https, PEM"),
    one("tenants", "folder of tenants"),
    list(
        "allowedFolders",
        "folders beside its own that a tenant's files may lie in",
    ),
    one("themes", "folder of themes"),
    one("database", "sqlite://, postgres:// or mysql:// URL"),
    one("databasePool.maxConnections", "most database connections"),
    one(
        "databasePool.acquireTimeout",
        "how long a request waits for a connection",
    ),
    one("cache", "memory, or a redis:// URL"),
    one(
        "masterKey",
        "file of the master key (flag); the key, env:NAME or file:PATH (variable)",
    ),
    list("trustedProxies", "networks whose X-Forwarded-* is believed"),
    one(
        "limits.requests",
        "quota of requests of a tenant that names none, such as 200/s",
    ),
    one(
        "limits.memory",
        "memory of all awake tenants, such as 512MiB; half of the process's if not set",
    ),
    one(
        "limits.maxAwake",
        "most tenants awake at once; as many as fit into limits.memory if not set",
    ),
    one("log.format", "pretty or json"),
    one(
        "log.level",
        "trace, debug, info, warn, error, or directives",
    ),
    list("log.exclude", "fields left out of the log"),
    one("workers", "threads that serve; one per core if not set"),
    one(
        "connections.handshakeTimeout",
        "how long a TLS handshake may take",
    ),
    one(
        "connections.headTimeout",
        "how long the head of a request may take",
    ),
    one(
        "connections.bodyTimeout",
        "how long the body of a request may take",
    ),
    one(
        "connections.writeTimeout",
        "how long an answer waits for a client that does not read",
    ),
    one(
        "connections.idleTimeout",
        "how long a connection rests between requests",
    ),
    one(
        "connections.perPeer",
        "most connections of one address; trustedProxies have no such limit",
    ),
    one(
        "connections.max",
        "most connections; by the limit of open files if not set",
    ),
    one(
        "shutdown.delay",
        "how long all is still served when told to end; 5s under an orchestrator",
    ),
    one(
        "shutdown.grace",
        "how long requests under way may take at the end",
    ),
    one(
        "startup.wait",
        "how long the database and the cache are waited for at start",
    ),
    one(
        "metrics.tenantLabelLimit",
        "tenants with a label of their own in metrics",
    ),
    list(
        "outbound.allowPrivate",
        "private networks connectors may call",
    ),
    one(
        "outbound.proxy",
        "the proxy connectors call all other addresses through",
    ),
];

/// Lays environment and flags over what the file says.
pub(super) fn override_with(
    root: &mut Node,
    flags: &BTreeMap<String, String>,
    reading: &mut Reading<'_>,
) {
    for setting in &SETTINGS {
        let name = setting.variable();
        if let Some(text) = reading.setting(&name) {
            lay(
                root,
                setting,
                &text,
                format!("environment variable {name}"),
                reading,
            );
        }
    }
    for (flag, text) in flags {
        let setting = SETTINGS.iter().find(|s| folded(s.path) == folded(flag));
        if let Some(setting) = setting {
            lay(
                root,
                setting,
                text,
                format!("--{}", setting.flag()),
                reading,
            );
        } else {
            let known = SETTINGS.map(|setting| setting.flag());
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let cause = "no setting goes by this flag";
            let next = suggestion(flag, &known);
            reading.error_at_flag(flag, cause, &next);
        }
    }
}

/// `--master-key`, `--masterKey` and `--masterkey` are one flag.
fn folded(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '-' | '_'));
    letters.collect::<String>().to_ascii_lowercase()
}

fn lay(root: &mut Node, setting: &Setting, text: &str, origin: String, reading: &mut Reading<'_>) {
    let value = if setting.is_list {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let items: Vec<Node> = items.map(Node::plain).collect();
        for index in 0..items.len() {
            let key = format!("{}[{index}]", setting.path).to_ascii_lowercase();
            reading.origins.insert(key, origin.clone());
        }
        Node {
            at: Position::default(),
            kind: Kind::Seq(items),
        }
    } else {
        Node::plain(text)
    };
    let path: Vec<&str> = setting.path.split('.').collect();
    root.set(&path, value);
    reading
        .origins
        .insert(setting.path.to_ascii_lowercase(), origin);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_flag_and_a_variable_of_its_name() {
        let named = |path: &str| {
            let setting = SETTINGS.iter().find(|s| s.path == path).unwrap();
            (setting.flag(), setting.variable())
        };
        let pair = |flag: &str, variable: &str| (flag.to_owned(), variable.to_owned());
        assert_eq!(
            named("listen.http"),
            pair("listen.http", "INSULA_LISTEN_HTTP")
        );
        assert_eq!(named("masterKey"), pair("master-key", "INSULA_MASTER_KEY"));
        assert_eq!(
            named("databasePool.maxConnections"),
            pair(
                "database-pool.max-connections",
                "INSULA_DATABASE_POOL_MAX_CONNECTIONS"
            )
        );
    }
}
