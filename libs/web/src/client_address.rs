//! Which address a request comes from.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::http::header::{self, HeaderMap, HeaderName};
use insula_model::ClientAddressHeader;
use ipnet::IpNet;

/// The address of whoever asks: the peer, or, where trusted proxies pass requests on, the nearest
/// hop that is none of them.
///
/// Hops are read from the right, where the nearest proxy wrote: what stands left of the first
/// untrusted hop was told by a stranger. `X-Forwarded-For` comes before `Forwarded` (RFC 7239),
/// because proxies that write the one pass on a stranger's other. A hop that is no address
/// (`unknown`, a name that hides one) ends the walk at the proxy that told it. `None` where there
/// is no peer, as on a Unix socket.
///
/// A tenant may name proxies of its own and the one header they write; then no other counts.
pub(crate) fn client_address(
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    trusted: &[IpNet],
    tenants: Option<&ClientAddressHeader>,
) -> Option<IpAddr> {
    let peer = peer?.to_canonical();
    let x_forwarded_for = HeaderName::from_static("x-forwarded-for");
    let name = match tenants.map(|tenants| HeaderName::from_bytes(tenants.header.as_bytes())) {
        Some(named) => named.ok()?,
        None if headers.contains_key(&x_forwarded_for) => x_forwarded_for,
        None => header::FORWARDED,
    };
    let read = if name == header::FORWARDED {
        forwarded_for
    } else {
        address
    };
    let hops = elements(headers, &name).map(|hop| hop.and_then(read));
    let is_proxy = |ip| is_proxy(ip, trusted, tenants);
    Some(nearest_untrusted(peer, hops, is_proxy))
}

/// Whether an address is that of a proxy the process or the tenant trusts.
pub(crate) fn is_proxy(
    address: IpAddr,
    trusted: &[IpNet],
    tenants: Option<&ClientAddressHeader>,
) -> bool {
    let own = tenants.map_or(&[][..], |tenants| &tenants.trusted_proxies);
    is_trusted(address, trusted) || is_trusted(address, own)
}

/// Whether an address is a trusted proxy's. A dual-stack socket tells IPv4 peers as
/// `::ffff:a.b.c.d`, which is the same address.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|net| net.contains(&address))
}

/// Whether an address tells nobody apart: that of a proxy of ours which nobody named as trusted, so
/// that everybody who comes through it comes from there. Only an inner address is believed to be one:
/// a stranger could say so of itself.
pub(crate) fn is_shared(headers: &HeaderMap, peer: Option<IpAddr>, resolved: IpAddr) -> bool {
    let is_forwarded =
        headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED);
    let is_inner = match resolved {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    is_forwarded && is_inner && peer.map(|peer| peer.to_canonical()) == Some(resolved)
}

fn nearest_untrusted(
    peer: IpAddr,
    hops: impl Iterator<Item = Option<IpAddr>>,
    is_proxy: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let mut nearest = peer;
    for hop in hops {
        if !is_proxy(nearest) {
            break;
        }
        let Some(hop) = hop else { break };
        nearest = hop;
    }
    nearest
}

/// The elements of a list header over all its lines, the last first. `None` for a line that is no
/// text. Cut at every comma: a quote that a stranger leaves open must not swallow what a proxy
/// appended. Parsers of `Forwarded` that begin on the left let it (ADR 0047).
fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Option<&'a str>> + use<'a> {
    let lines: Vec<_> = headers.get_all(name).collect();
    lines.into_iter().rev().flat_map(|line| {
        let text = line.to_str().ok();
        let unreadable = text.is_none().then_some(None);
        let read = text.into_iter().flat_map(|text| text.rsplit(',').map(Some));
        unreadable.into_iter().chain(read)
    })
}

/// The `for` of an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element
        .split(';')
        .find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            name.eq_ignore_ascii_case("for").then_some(value)
        })
        .and_then(address)
}

/// An address with or without port, quotes and brackets (RFC 7239 §6): `192.0.2.1`,
/// `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `"[2001:db8::1]:_hidden"`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let (found, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (within, port) = rest.split_once(']')?;
            let found = within.parse::<Ipv6Addr>().ok()?;
            (IpAddr::V6(found), port)
        }
        None => match text.parse() {
            Ok(found) => (found, ""),
            Err(_) => {
                let (host, port) = text.split_at_checked(text.find(':')?)?;
                (IpAddr::V4(host.parse().ok()?), port)
            }
        },
    };
    let ends_well = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    ends_well.then(|| found.to_canonical())
}

/// A port, or the name of one that is hidden.
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(hidden) => {
            let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            !hidden.is_empty() && hidden.bytes().all(is_part)
        }
        None => text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn resolved(peer: &str, pairs: &[(&'static str, &'static str)]) -> String {
        resolved_for(None, peer, pairs)
    }

    fn resolved_for(
        tenants: Option<&ClientAddressHeader>,
        peer: &str,
        pairs: &[(&'static str, &'static str)],
    ) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
        let found = client_address(&headers, peer.parse().ok(), &trusted, tenants);
        found.map_or_else(String::new, |address| address.to_string())
    }

    #[test]
    fn a_stranger_cannot_name_another_address_as_its_own() {
        for header in ["x-forwarded-for", "forwarded"] {
            assert_eq!(
                resolved("203.0.113.9", &[(header, "for=192.0.2.1")]),
                "203.0.113.9"
            );
            assert_eq!(
                resolved("203.0.113.9", &[(header, "192.0.2.1")]),
                "203.0.113.9"
            );
        }
    }

    #[test]
    fn what_a_stranger_sent_through_a_proxy_does_not_count() {
        for (name, told) in [
            ("x-forwarded-for", "192.0.2.66, 198.51.100.7"),
            ("x-forwarded-for", "192.0.2.66, 198.51.100.7, 10.9.9.9"),
            ("x-forwarded-for", "10.0.0.1,198.51.100.7,10.9.9.9,10.8.8.8"),
            ("forwarded", "for=192.0.2.66, for=198.51.100.7"),
            (
                "forwarded",
                "for=\"192.0.2.66, For=198.51.100.7;proto=https",
            ),
            (
                "forwarded",
                "for=x;for=y, by=10.1.1.1; for=\"198.51.100.7:80\"",
            ),
        ] {
            assert_eq!(
                resolved("10.1.2.3", &[(name, told)]),
                "198.51.100.7",
                "{told}"
            );
        }
    }

    #[test]
    fn lines_of_a_header_are_one_list() {
        let lines = [
            ("x-forwarded-for", "192.0.2.66"),
            ("x-forwarded-for", "198.51.100.7"),
            ("x-forwarded-for", "10.9.9.9"),
        ];
        assert_eq!(resolved("10.1.2.3", &lines), "198.51.100.7");
    }

    #[test]
    fn a_header_the_proxy_did_not_write_does_not_overrule_the_one_it_did() {
        let pairs = [
            ("forwarded", "for=192.0.2.66"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(resolved("10.1.2.3", &pairs), "198.51.100.7");
    }

    #[test]
    fn addresses_are_read_however_proxies_write_them() {
        for (told, address) in [
            ("198.51.100.7", "198.51.100.7"),
            ("198.51.100.7:4711", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:DB8:0::1]:4711", "2001:db8::1"),
            ("fd00::7, 2001:db8::1, fd00::9", "2001:db8::1"),
        ] {
            assert_eq!(
                resolved("::ffff:10.1.2.3", &[("x-forwarded-for", told)]),
                address
            );
        }
        let quoted = [("forwarded", "for=\"[2001:db8::1]:4711\"")];
        assert_eq!(resolved("fd00::1", &quoted), "2001:db8::1");
    }

    /// Those of §4, §6.3, §7.1 and §7.4, behind proxies of ours.
    #[test]
    fn the_examples_of_rfc_7239_are_read() {
        for (told, address) in [
            ("for=\"_gazonk\"", "10.1.2.3"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            ("for=_hidden, for=_SEVKISEK", "10.1.2.3"),
            (
                "for=192.0.2.43, for=\"[2001:db8:cafe::17]\"",
                "2001:db8:cafe::17",
            ),
            (
                "for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown",
                "10.1.2.3",
            ),
            (
                "for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com",
                "198.51.100.17",
            ),
            ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
            ("for=\"[2001:db8:cafe::17]:47011\"", "2001:db8:cafe::17"),
            ("for=\"192.0.2.43:_p0rt-1.x\"", "192.0.2.43"),
            ("for=\"[2001:db8:cafe::17]:_mDNS\"", "2001:db8:cafe::17"),
            ("for=\"192.0.2.43:_\"", "10.1.2.3"),
            ("for=\"192.0.2.43:+80\"", "10.1.2.3"),
            ("for=\"192.0.2.43:65536\"", "10.1.2.3"),
            ("for=\"[192.0.2.43]:80\"", "10.1.2.3"),
        ] {
            assert_eq!(
                resolved("10.1.2.3", &[("forwarded", told)]),
                address,
                "{told}"
            );
        }
    }

    #[test]
    fn where_the_chain_breaks_off_the_last_known_proxy_is_the_client() {
        for told in [
            "unknown", "_hidden", "", " , ", "1.2.3", "1.2.3.4:", "[::1", "[::1]x", "[::1]:", ":",
            "\"", "\u{e9}",
        ] {
            let pairs = [("x-forwarded-for", told)];
            assert_eq!(resolved("10.1.2.3", &pairs), "10.1.2.3", "{told}");
        }
        let pairs = [("x-forwarded-for", "192.0.2.66, unknown, 10.9.9.9")];
        assert_eq!(resolved("10.1.2.3", &pairs), "10.9.9.9");
        assert_eq!(resolved("10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn a_chain_of_trusted_proxies_alone_begins_at_the_farthest() {
        let pairs = [("x-forwarded-for", "10.7.7.7, 10.8.8.8")];
        assert_eq!(resolved("10.1.2.3", &pairs), "10.7.7.7");
    }

    #[test]
    fn a_tenants_own_proxies_count_for_it_and_no_header_but_the_one_it_names() {
        let tenants = ClientAddressHeader {
            header: "x-real-ip".to_owned(),
            trusted_proxies: vec!["192.0.2.0/24".parse().unwrap()],
        };
        let pairs = [
            ("x-real-ip", "198.51.100.7"),
            ("x-forwarded-for", "6.6.6.6"),
        ];
        for (peer, address) in [
            ("192.0.2.9", "198.51.100.7"),
            ("10.1.2.3", "198.51.100.7"),
            ("203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(resolved_for(Some(&tenants), peer, &pairs), address);
        }
        let forged = [("x-forwarded-for", "6.6.6.6")];
        assert_eq!(
            resolved_for(Some(&tenants), "192.0.2.9", &forged),
            "192.0.2.9"
        );
    }

    #[test]
    fn a_peer_without_an_address_has_none() {
        assert_eq!(resolved("", &[("x-forwarded-for", "198.51.100.7")]), "");
    }

    #[test]
    fn only_an_unnamed_proxy_within_is_an_address_that_many_share() {
        let mut forwarded = HeaderMap::new();
        let name = HeaderName::from_static("x-forwarded-for");
        forwarded.insert(name, header::HeaderValue::from_static("203.0.113.9"));
        let plain = HeaderMap::new();
        let rows = [
            (&forwarded, "10.0.0.7", "10.0.0.7", true),
            (&forwarded, "::ffff:10.0.0.7", "10.0.0.7", true),
            (&forwarded, "fd00::7", "fd00::7", true),
            // Seen through, so it was trusted.
            (&forwarded, "10.0.0.7", "203.0.113.9", false),
            // A stranger who says so of itself.
            (&forwarded, "203.0.113.7", "203.0.113.7", false),
            (&plain, "10.0.0.7", "10.0.0.7", false),
        ];
        for (headers, peer, resolved, expected) in rows {
            let found = is_shared(headers, peer.parse().ok(), resolved.parse().unwrap());
            assert_eq!(found, expected, "{peer} {resolved}");
        }
    }
}
