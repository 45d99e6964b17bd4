use std::net::Ipv4Addr;

use insula_model::{Client, DeviceForm, LoopbackRedirects, TenantSpec};

use super::reply_to::OUT_OF_BAND;
use crate::device;

/// No honest loopback URI is longer.
const LONGEST: usize = 2048;

/// Whether `presented` is a redirect URI of `client`.
///
/// Compared as text ([RFC 9700 §2.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1)). Two
/// exceptions, both for loopback addresses, where no other host can listen: a native client's
/// registered loopback URI may come with another port
/// ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)); and in dex's dialect a
/// public client without any registered URI may use every plain-http loopback URI, or have the code
/// shown.
///
/// In dex's dialect the login of a device ends at a callback of ours, which clients register in one
/// of two spellings; either stands for the other. A public client without any needs none.
pub(super) fn is_registered(presented: &str, client: &Client, spec: &TenantSpec) -> bool {
    let loopback = spec.rules.loopback_redirects;
    if client.redirect_uris.iter().any(|uri| uri == presented) {
        return true;
    }
    if spec.rules.devices == DeviceForm::Dex && device::is_callback(presented, spec) {
        let mut uris = client.redirect_uris.iter();
        let needs_none = client.public && client.redirect_uris.is_empty();
        return needs_none || uris.any(|uri| device::is_callback(uri, spec));
    }
    if !client.public {
        return false;
    }
    let may_use_any =
        loopback == LoopbackRedirects::AnyWhereNoneIsRegistered && client.redirect_uris.is_empty();
    if presented == OUT_OF_BAND {
        return may_use_any;
    }
    let Some(presented) = Loopback::of(presented) else {
        return false;
    };
    match loopback {
        LoopbackRedirects::RegisteredWithAnyPort => client
            .redirect_uris
            .iter()
            .any(|uri| Loopback::of(uri).is_some_and(|known| known == presented)),
        LoopbackRedirects::AnyWhereNoneIsRegistered => may_use_any,
    }
}

/// Whether whatever runs on the person's own machine may answer at `uri`: a loopback address, or a
/// scheme that is not the web's ([RFC 8252 §7](https://www.rfc-editor.org/rfc/rfc8252#section-7)).
pub(super) fn is_of_a_native_app(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return true;
    };
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return true;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let host = host.to_ascii_lowercase();
    is_loopback(&host) || host.ends_with(".localhost")
}

/// A plain-http URI of this machine, without its port.
///
/// Read as text, by a grammar so narrow that browsers and libraries cannot disagree about it: a URL
/// parser would forgive odd spellings (`http:\\`, `127.1`, `/a/../b`, a line break), and what is
/// sent to the browser later is the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Loopback<'a> {
    host: &'a str,
    path_and_query: &'a str,
}

impl<'a> Loopback<'a> {
    fn of(uri: &'a str) -> Option<Self> {
        let is_plain = |b: u8| b.is_ascii_graphic() && b != b'\\' && b != b'#';
        let rest = uri.strip_prefix("http://")?;
        if uri.len() > LONGEST || !uri.bytes().all(is_plain) {
            return None;
        }
        let (authority, path_and_query) =
            rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let is_port =
            |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
        (is_loopback(host) && port.is_none_or(is_port)).then_some(Self {
            host,
            path_and_query,
        })
    }
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "[::1]")
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
