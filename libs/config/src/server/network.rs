use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::Url;

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

/// Which addresses connectors may call although they are not of the public internet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbound {
    /// Networks that may be called; none where the file names none.
    pub allow_private: Vec<IpNet>,
    /// The proxy that all other addresses are asked through.
    pub proxy: Option<Url>,
}

pub(super) fn addresses(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Listen {
    let loopback = |port: u16| Some(SocketAddr::from(([127, 0, 0, 1], port)));
    let mut section = top.section("listen", reading);
    let https = address(&mut section, "https", None, reading);
    // Whoever sets up TLS and says nothing of clear text wants none.
    let usual_http = if https.is_none() {
        loopback(5556)
    } else {
        None
    };
    let listen = Listen {
        http: address(&mut section, "http", usual_http, reading),
        https,
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

/// Left out, the default holds; null or empty, nobody listens.
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
    if text.value.trim().is_empty() {
        return None;
    }
    let address = socket_address(&text.value);
    if address.is_none() {
        let cause = format!("{} is not an address to listen on", text.shown);
        let next = "write an IP address and a port, such as 127.0.0.1:5556 or [::]:5556";
        reading.error(text.at, &text.key, cause, next);
        return default;
    }
    address
}

pub(crate) fn networks(
    section: &mut Section<'_>,
    key: &'static str,
    reading: &mut Reading<'_>,
) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in section.texts(key, reading) {
        if let Some(network) = network(&text.value) {
            networks.push(network);
        } else {
            let cause = format!("{} is not a network", text.shown);
            let next = "write such as 10.0.0.0/8 or one IP address";
            reading.error(text.at, &text.key, cause, next);
        }
    }
    networks
}

fn network(text: &str) -> Option<IpNet> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(one)
}

pub(super) fn outbound(mut section: Section<'_>, reading: &mut Reading<'_>) -> Outbound {
    let allow_private = networks(&mut section, "allowPrivate", reading);
    let proxy = proxy(&mut section, reading);
    section.finish(reading);
    Outbound {
        allow_private,
        proxy,
    }
}

/// Left out, null or empty, there is none. What the environment says of proxies to other programs does
/// not count: whoever may be called is judged here.
fn proxy(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Url> {
    let entry = section.entry("proxy")?;
    let text = reading.text(&entry.value, &section.key("proxy"))?;
    if text.value.trim().is_empty() {
        return None;
    }
    let is_proxy = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    let url = Url::parse(&text.value).ok().filter(is_proxy);
    if url.is_none() {
        let cause = format!("{} is not the address of a proxy", text.shown);
        let next = "write such as http://proxy.example:3128, without a path and without a password";
        reading.error(text.at, &text.key, cause, next);
    }
    url
}
