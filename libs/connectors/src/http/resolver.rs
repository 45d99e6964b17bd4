use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

use super::policy::{OutboundPolicy, Refused};

/// Resolves names and hands on only addresses that may be connected to. The connection is made to
/// these very addresses, so a name cannot be public when asked and private when used.
pub(super) struct GuardedResolver(pub(super) Arc<OutboundPolicy>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            if policy.is_proxy(name.as_str()) {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
                let addresses: Addrs = Box::new(found.collect::<Vec<_>>().into_iter());
                return Ok(addresses);
            }
            let usable = resolve(&policy, name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(usable.into_iter());
            Ok(addresses)
        })
    }
}

/// Why a host leads nowhere.
#[derive(Debug, Error)]
pub(crate) enum NoAddress {
    /// To no address that may be connected to.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// To none at all, as far as is known.
    #[error(transparent)]
    Unknown(#[from] io::Error),
}

/// The addresses of a host, a name or a literal, that may be connected to: at least one.
pub(crate) async fn resolve(
    policy: &OutboundPolicy,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, NoAddress> {
    let found: Vec<SocketAddr> = if is_localhost(host) {
        vec![(Ipv4Addr::LOCALHOST, port).into()]
    } else {
        tokio::net::lookup_host((host, port)).await?.collect()
    };
    let mut refused = None;
    let mut usable = Vec::with_capacity(found.len());
    for address in found {
        match policy.check_address(host, address.ip()) {
            Ok(()) => usable.push(address),
            Err(why) => refused = Some(why),
        }
    }
    match (usable.is_empty(), refused) {
        (false, _) => Ok(usable),
        (true, Some(why)) => Err(why.into()),
        (true, None) => {
            Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into())
        }
    }
}

/// `localhost` and what ends in it is this machine, whatever the DNS says (RFC 6761 §6.3).
fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(allow: &[&str]) -> GuardedResolver {
        GuardedResolver(Arc::new(OutboundPolicy {
            allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
            allow_hosts: Vec::new(),
            proxy: None,
        }))
    }

    #[tokio::test]
    async fn names_of_this_machine_need_loopback_to_be_allowed() {
        for name in ["localhost", "acme.localhost", "Acme.LocalHost."] {
            let strict = resolver(&[]).resolve(name.parse().unwrap()).await;
            assert!(strict.is_err(), "{name}");
            let open = resolver(&["127.0.0.0/8"])
                .resolve(name.parse().unwrap())
                .await;
            let addresses: Vec<_> = open.unwrap().map(|address| address.ip()).collect();
            assert_eq!(addresses, [Ipv4Addr::LOCALHOST], "{name}");
        }
    }

    #[test]
    fn a_name_that_only_contains_localhost_is_not_this_machine() {
        assert!(!is_localhost("localhost.example") && !is_localhost("notlocalhost"));
    }
}
