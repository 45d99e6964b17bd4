use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::socket_address;
use crate::reading::Reading;
use crate::section::Section;

/// Where the process listens; `None` where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Tenants, unencrypted.
    pub http: Option<SocketAddr>,
    /// Tenants, over TLS.
    pub https: Option<SocketAddr>,
    /// Metrics and health.
    pub telemetry: Option<SocketAddr>,
    /// The admin API.
    pub admin: Option<SocketAddr>,
}

/// Which private addresses connectors may call; to all others of that kind they may not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbound {
    /// Networks that may be called.
    pub networks: Vec<IpNet>,
    /// Host names that may be called wherever they lead; `*.example` stands for every name below.
    pub hosts: Vec<String>,
}

impl Outbound {
    /// Whether an address may be called although it is private.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|net| net.contains(&address))
    }

    /// Whether a host may be called wherever it leads.
    pub fn allows_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.hosts
            .iter()
            .any(|allowed| match allowed.strip_prefix('*') {
                Some(suffix) => host.ends_with(suffix),
                None => &host == allowed,
            })
    }
}

pub(super) fn addresses(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Listen {
    let loopback = |port: u16| Some(SocketAddr::from(([127, 0, 0, 1], port)));
    let mut section = top.section("listen", reading);
    let listen = Listen {
        http: address(&mut section, "http", loopback(5556), reading),
        https: address(&mut section, "https", None, reading),
        telemetry: address(&mut section, "telemetry", loopback(5558), reading),
        admin: address(&mut section, "admin", None, reading),
    };
    if listen.http.is_none() && listen.https.is_none() {
        let next = "write listen.http or listen.https";
        reading.error(section.at(), "listen", "nobody could reach a tenant", next);
    }
    section.finish(reading);
    listen
}

/// Left out, the default holds; null, nobody listens.
fn address(
    section: &mut Section<'_>,
    key: &'static str,
    default: Option<SocketAddr>,
    reading: &mut Reading<'_>,
) -> Option<SocketAddr> {
    let Some(entry) = section.entry(key) else {
        return default;
    };
    let text = reading.text(&entry.value, &section.key(key))?;
    let address = socket_address(&text.value);
    if address.is_none() {
        let cause = format!("{} is not an address to listen on", text.shown);
        let next = "write an IP address and a port, such as 127.0.0.1:5556 or [::]:5556";
        reading.error(text.at, &text.key, cause, next);
        return default;
    }
    address
}

pub(super) fn networks(
    section: &mut Section<'_>,
    key: &'static str,
    reading: &mut Reading<'_>,
) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in section.texts(key, reading) {
        match network(&text.value) {
            Some(network) => networks.push(network),
            None => {
                let cause = format!("{} is not a network", text.shown);
                let next = "write such as 10.0.0.0/8 or one IP address";
                reading.error(text.at, &text.key, cause, next);
            }
        }
    }
    networks
}

fn network(text: &str) -> Option<IpNet> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(one)
}

pub(super) fn outbound(mut section: Section<'_>, reading: &mut Reading<'_>) -> Outbound {
    let mut allowed = Outbound::default();
    for text in section.texts("allowPrivate", reading) {
        let host = text.value.to_ascii_lowercase();
        let bare = host.strip_prefix("*.").unwrap_or(&host);
        let is_host = !bare.is_empty()
            && bare
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'_');
        // `10.0.0` is no network, and nobody's host name either.
        let looks_like_address = bare.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match network(&text.value) {
            Some(network) => allowed.networks.push(network),
            None if is_host && !looks_like_address => allowed.hosts.push(host),
            None => {
                let cause = format!("{} is neither a network nor a host", text.shown);
                let next = "write such as 10.0.0.0/8, idp.internal or *.internal";
                reading.error(text.at, &text.key, cause, next);
            }
        }
    }
    section.finish(reading);
    allowed
}
