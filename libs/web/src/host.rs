use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::client_address::is_trusted;

/// A request with two `Host` headers is for nobody (RFC 9112 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TwoHosts;

/// The host name a request is for, without port; `None` where it names none, as HTTP/1.0 may.
///
/// The `Host` header, unless the peer is a trusted proxy that tells another: then the last
/// `Forwarded` element (RFC 7239), else the last `X-Forwarded-Host`. Strangers' headers count for
/// nothing: a forged host would lead to another tenant.
pub(crate) fn requested_host<'a>(
    headers: &'a HeaderMap,
    authority: Option<&'a str>,
    peer: Option<IpAddr>,
    trusted: &[IpNet],
) -> Result<Option<&'a str>, TwoHosts> {
    let is_trusted = peer.is_some_and(|peer| is_trusted(peer, trusted));
    if headers.get_all(header::HOST).count() > 1 {
        return Err(TwoHosts);
    }
    let told = if is_trusted {
        forwarded_host(headers)
    } else {
        None
    };
    let host = told.or(authority).or_else(|| text(headers, &header::HOST));
    Ok(host.map(without_port))
}

fn forwarded_host(headers: &HeaderMap) -> Option<&str> {
    if let Some(forwarded) = headers.get_all(header::FORWARDED).last() {
        let nearest = forwarded.to_str().ok()?.rsplit(',').next()?;
        let host = nearest.split(';').find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            name.eq_ignore_ascii_case("host")
                .then(|| value.trim_matches('"'))
        });
        return host.filter(|host| !host.is_empty());
    }
    let name = HeaderName::from_static("x-forwarded-host");
    let told = headers.get_all(name).last()?.to_str().ok()?;
    told.rsplit(',')
        .next()
        .map(str::trim)
        .filter(|host| !host.is_empty())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(at) if !host.ends_with(']') => host.get(..at).unwrap_or(host),
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        map
    }

    fn host(pairs: &[(&'static str, &'static str)], peer: &str) -> Option<String> {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let peer = peer.parse().ok();
        let headers = headers(pairs);
        let found = requested_host(&headers, None, peer, &trusted).unwrap();
        found.map(str::to_owned)
    }

    #[test]
    fn a_strangers_forwarded_host_counts_for_nothing() {
        let pairs = [
            ("host", "acme.test:5556"),
            ("x-forwarded-host", "globex.test"),
        ];
        assert_eq!(host(&pairs, "203.0.113.9").unwrap(), "acme.test");
        assert_eq!(host(&pairs, "10.1.2.3").unwrap(), "globex.test");
    }

    #[test]
    fn the_nearest_proxy_is_believed_not_what_the_browser_sent_through_it() {
        let pairs = [
            ("host", "in.test"),
            ("x-forwarded-host", "evil.test, acme.test"),
        ];
        assert_eq!(host(&pairs, "10.1.2.3").unwrap(), "acme.test");
        let pairs = [
            ("host", "in.test"),
            ("forwarded", "host=evil.test, for=1;host=\"a.test:8\""),
        ];
        assert_eq!(host(&pairs, "10.1.2.3").unwrap(), "a.test");
    }

    #[test]
    fn a_proxy_is_known_whichever_way_its_address_is_written() {
        let pairs = [("host", "in.test"), ("x-forwarded-host", "acme.test")];
        assert_eq!(host(&pairs, "::ffff:10.1.2.3").unwrap(), "acme.test");
        assert_eq!(host(&pairs, "::ffff:203.0.113.9").unwrap(), "in.test");
    }

    #[test]
    fn what_a_proxy_leaves_empty_is_as_if_it_said_nothing() {
        for said in ["", " , ", "acme.test,"] {
            let mut map = headers(&[("host", "in.test")]);
            map.append(
                HeaderName::from_static("x-forwarded-host"),
                HeaderValue::from_str(said).unwrap(),
            );
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            let peer = "10.1.2.3".parse().ok();
            let found = requested_host(&map, None, peer, &trusted);
            assert_eq!(found, Ok(Some("in.test")));
        }
    }

    #[test]
    fn two_hosts_are_none() {
        let map = headers(&[("host", "a.test"), ("host", "b.test")]);
        assert_eq!(requested_host(&map, None, None, &[]), Err(TwoHosts));
    }

    #[test]
    fn the_authority_of_http_2_comes_before_the_host_header() {
        let map = headers(&[("host", "b.test")]);
        let found = requested_host(&map, Some("a.test"), None, &[]);
        assert_eq!(found, Ok(Some("a.test")));
    }

    #[test]
    fn a_port_is_no_part_of_the_name() {
        assert_eq!(
            host(&[("host", "acme.test:80")], "1.1.1.1").unwrap(),
            "acme.test"
        );
        assert_eq!(host(&[("host", "[::1]:80")], "1.1.1.1").unwrap(), "[::1]");
        assert_eq!(host(&[("host", "[::1]")], "1.1.1.1").unwrap(), "[::1]");
        assert_eq!(host(&[], "1.1.1.1"), None);
    }
}
