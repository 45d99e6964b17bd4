use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use thiserror::Error;
use url::{Host, Url};

use super::address::{effective, not_public};

/// Where connectors may connect to, beyond the public internet.
///
/// A tenant names its upstreams, so without this guard a tenant could have the server speak to
/// whatever the server can reach: a metadata service, a database, itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboundPolicy {
    /// Addresses that are allowed although they are not public: `10.1.0.0/16`, `127.0.0.0/8`.
    pub allow: Vec<IpNet>,
    /// Host names (and literal addresses) that are allowed whatever they resolve to.
    pub allow_hosts: Vec<String>,
    /// The proxy that all other addresses are asked through: it resolves their names, and judges what
    /// they lead to.
    pub proxy: Option<Url>,
}

/// Why a connection is not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Refused {
    /// The address is not public.
    #[error(
        "{host} leads to {address}, which is a {why} address; allow it for outbound calls if it \
         is meant"
    )]
    Address {
        host: String,
        address: IpAddr,
        why: &'static str,
    },
    /// Not an address of the web.
    #[error("an upstream's address must begin with https:// or http:// and name a host")]
    NotHttp,
    /// A user name or password in the URL.
    #[error("an upstream's address must not carry a user name or password")]
    UserInfo,
}

impl OutboundPolicy {
    /// Judges a URL before anything is sent. Literal addresses are judged here, because they never
    /// reach the resolver; names are judged by what they resolve to, when they are.
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInfo);
        }
        match url.host() {
            None => Err(Refused::NotHttp),
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(v4)) => self.check_address(&v4.to_string(), v4.into()),
            Some(Host::Ipv6(v6)) => self.check_address(&v6.to_string(), v6.into()),
        }
    }

    /// Why a URL would not be asked, as far as its text tells: `localhost` and the names below it are
    /// the machine itself (RFC 6761 §6.3), whatever a resolver says.
    pub(crate) fn out_of_reach(&self, url: &Url) -> Option<Refused> {
        let refused = match url.host()? {
            Host::Domain(name) if is_localhost(name) => {
                self.check_address(name, Ipv4Addr::LOCALHOST.into())
            }
            _ => self.check_url(url),
        };
        refused
            .err()
            .filter(|refused| matches!(refused, Refused::Address { .. }))
    }

    /// Judges an address that a host name or literal leads to.
    pub(crate) fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let Some(why) = not_public(address) else {
            return Ok(());
        };
        let reached = effective(address);
        let allowed = self.allows_host(host)
            || self
                .allow
                .iter()
                .any(|net| net.contains(&address) || net.contains(&reached));
        if allowed {
            return Ok(());
        }
        Err(Refused::Address {
            host: host.to_owned(),
            address,
            why,
        })
    }

    /// The proxy that a URL is asked through: where there is one, all but what is allowed here although
    /// it is not public. A name is asked directly only where it is allowed itself, or is this machine's.
    pub(crate) fn proxy_of(&self, url: &Url) -> Option<&Url> {
        let proxy = self.proxy.as_ref()?;
        let is_inside = match url.host()? {
            Host::Domain(name) => is_localhost(name) || self.allows_host(name),
            Host::Ipv4(v4) => not_public(v4.into()).is_some(),
            Host::Ipv6(v6) => not_public(v6.into()).is_some(),
        };
        (!is_inside).then_some(proxy)
    }

    /// Whether a name is that of the proxy. Whoever names it as an upstream is sent through the proxy,
    /// so that only connections to the proxy itself are made by it.
    pub(crate) fn is_proxy(&self, name: &str) -> bool {
        let host = self.proxy.as_ref().and_then(Url::host_str);
        host.is_some_and(|host| host.eq_ignore_ascii_case(name))
    }

    fn allows_host(&self, host: &str) -> bool {
        let name = |text: &str| {
            text.trim_matches(['[', ']'])
                .trim_end_matches('.')
                .to_ascii_lowercase()
        };
        self.allow_hosts
            .iter()
            .any(|allowed| name(allowed) == name(host))
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: &OutboundPolicy, url: &str) -> Result<(), Refused> {
        policy.check_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn literal_addresses_are_judged_however_they_are_written() {
        let strict = OutboundPolicy::default();
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://[::1]:8080/",
            "http://[::ffff:10.0.0.1]/",
            "http://[::ffff:a00:1]/",
            "http://169.254.169.254/latest/meta-data",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://0/",
        ] {
            assert!(
                matches!(judge(&strict, url), Err(Refused::Address { .. })),
                "{url}"
            );
        }
        assert_eq!(judge(&strict, "https://93.184.215.14/"), Ok(()));
        assert_eq!(judge(&strict, "https://idp.example/"), Ok(()));
    }

    #[test]
    fn what_is_allowed_by_net_or_by_name_passes() {
        let policy = OutboundPolicy {
            allow: vec!["10.1.0.0/16".parse().unwrap()],
            allow_hosts: vec!["Idp.Internal.".to_owned(), "[fd00::1]".to_owned()],
            proxy: None,
        };
        let check =
            |host: &str, address: &str| policy.check_address(host, address.parse().unwrap());
        assert!(check("any.example", "10.1.2.3").is_ok());
        assert!(check("any.example", "::ffff:10.1.2.3").is_ok());
        assert!(check("any.example", "10.2.2.3").is_err());
        assert!(check("idp.internal", "192.168.0.9").is_ok());
        assert!(check("idp.internal.example", "192.168.0.9").is_err());
        assert!(check("fd00::1", "fd00::1").is_ok());
    }

    #[test]
    fn other_schemes_and_credentials_are_refused() {
        let strict = OutboundPolicy::default();
        assert_eq!(judge(&strict, "ftp://idp.example/"), Err(Refused::NotHttp));
        assert_eq!(judge(&strict, "file:///etc/passwd"), Err(Refused::NotHttp));
        assert_eq!(
            judge(&strict, "https://u:p@idp.example/"),
            Err(Refused::UserInfo)
        );
    }

    #[test]
    fn what_is_within_is_out_of_reach_by_its_text_unless_it_is_allowed() {
        let nobody = OutboundPolicy::default();
        let own = OutboundPolicy {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            allow_hosts: vec!["10.0.0.5".to_owned()],
            proxy: None,
        };
        let rows = [
            ("http://localhost:5556/dex", false),
            ("http://idp.localhost./", false),
            ("http://127.0.0.1:8080", false),
            ("https://10.0.0.5/", false),
            ("https://idp.example/", true),
        ];
        for (url, expected) in rows {
            let url = Url::parse(url).unwrap();
            assert_eq!(nobody.out_of_reach(&url).is_none(), expected, "{url}");
            assert_eq!(own.out_of_reach(&url), None, "{url}");
        }
    }
}
