use insula_store::StoreError;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    Client, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisResult, TlsMode,
};

use crate::cause::{failed, of};

/// Where Redis is, read from a URL. `Debug` and `Display` show no password.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// One server.
    Single(ConnectionInfo),
    /// Whichever server the sentinels call the master of a service.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        service: String,
        node: ConnectionInfo,
        tls: bool,
    },
}

const FORMS: &str = "write redis://, rediss:// or unix:// for one server, or \
                     redis+sentinel://host:26379,host:26379/service";

impl Address {
    /// Reads a URL. Errors repeat none of it but its scheme, for it may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(failed(format!("the cache URL has no scheme; {FORMS}")));
        };
        match scheme {
            "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" | "valkey+unix" => {
                Ok(Self::Single(connection(url)?))
            }
            "redis+sentinel" => Self::sentinel(rest, false),
            "rediss+sentinel" => Self::sentinel(rest, true),
            "redis+cluster" | "rediss+cluster" => Err(failed(format!(
                "{scheme}:// is not served: a cluster has no single server to talk to; {FORMS}"
            ))),
            _ => Err(failed(format!(
                "{scheme}:// is no form of a cache URL; {FORMS}"
            ))),
        }
    }

    /// `[user:password@]host[:port],host[:port]…/service[/db]`, the user being the servers'.
    fn sentinel(rest: &str, tls: bool) -> Result<Self, StoreError> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let (service, db) = path.split_once('/').unwrap_or((path, ""));
        if service.is_empty() {
            return Err(failed(
                "the sentinel URL names no service; write redis+sentinel://host:26379/service",
            ));
        }
        let scheme = if tls { "rediss" } else { "redis" };
        let sentinels = hosts
            .split(',')
            .map(|host| {
                let has_port = host
                    .rsplit_once(':')
                    .is_some_and(|(_, port)| !port.is_empty() && !port.ends_with(']'));
                let port = if has_port { "" } else { ":26379" };
                connection(&format!("{scheme}://{host}{port}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self::Sentinel {
            sentinels,
            service: service.to_owned(),
            node: connection(&format!("{scheme}://{user}master.invalid/{db}"))?,
            tls,
        })
    }

    /// A client of the server that takes writes now. `protocol` is what it speaks.
    pub(crate) async fn client(&self, protocol: ProtocolVersion) -> RedisResult<Client> {
        match self {
            Self::Single(info) => Client::open(speaking(info, protocol)),
            Self::Sentinel {
                sentinels,
                service,
                node,
                tls,
            } => {
                let node = speaking(node, protocol);
                let mut terms = SentinelNodeConnectionInfo::default()
                    .set_redis_connection_info(node.redis_settings().clone())
                    .set_tcp_settings(node.tcp_settings().clone());
                if *tls {
                    terms = terms.set_tls_mode(TlsMode::Secure);
                }
                let mut sentinels = SentinelClient::build(
                    sentinels.clone(),
                    service,
                    Some(terms),
                    SentinelServerType::Master,
                )?;
                sentinels.async_get_client().await
            }
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Single(info) => info.addr().fmt(f),
            Self::Sentinel { service, .. } => write!(f, "the master of {service}"),
        }
    }
}

fn speaking(info: &ConnectionInfo, protocol: ProtocolVersion) -> ConnectionInfo {
    let settings = info.redis_settings().clone().set_protocol(protocol);
    info.clone().set_redis_settings(settings)
}

fn connection(url: &str) -> Result<ConnectionInfo, StoreError> {
    let info = url.into_connection_info().map_err(|error| of(&error))?;
    // Without it a small command waits for the acknowledgement of the one before.
    Ok(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_named_by_host_and_port_and_never_by_password() {
        let address = Address::parse("redis://jane:s3cret@cache.test:7000/2").unwrap();
        assert_eq!(address.to_string(), "cache.test:7000");
        assert!(!format!("{address:?}").contains("s3cret"));
        assert!(Address::parse("rediss://cache.test").is_ok());
        assert!(Address::parse("unix:///run/redis.sock").is_ok());
    }

    #[test]
    fn a_sentinel_url_names_sentinels_service_and_database() {
        let url = "redis+sentinel://jane:s3cret@a.test:1,b.test,[::1]:3/main/4";
        let Ok(Address::Sentinel {
            sentinels,
            service,
            node,
            tls: false,
        }) = Address::parse(url)
        else {
            panic!("a sentinel address");
        };
        let named: Vec<String> = sentinels.iter().map(|s| s.addr().to_string()).collect();
        assert_eq!(named, ["a.test:1", "b.test:26379", "::1:3"]);
        assert_eq!(service, "main");
        assert_eq!(node.redis_settings().db(), 4);
        assert_eq!(node.redis_settings().password(), Some("s3cret"));
        assert_eq!(sentinels[0].redis_settings().password(), None);
    }

    #[test]
    fn other_forms_are_told_what_to_write_instead() {
        for url in [
            "redis+cluster://:s3cret@a.test",
            "http://:s3cret@a.test",
            "cache.test",
            "redis+sentinel://:s3cret@a.test",
            "redis://:s3cret@a.test/notadb",
        ] {
            let said = Address::parse(url).unwrap_err().to_string();
            assert!(!said.contains("s3cret"), "{said}");
        }
        let said = Address::parse("redis+cluster://a.test").unwrap_err();
        assert!(said.to_string().contains("redis+sentinel://"), "{said}");
    }
}
