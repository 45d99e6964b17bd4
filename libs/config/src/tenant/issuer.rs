use insula_model::Issuer;
use insula_model::address::is_this_machine;
use url::Url;

use crate::reading::Reading;
use crate::section::Section;

/// Reads `issuer`.
pub(super) fn issuer(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Issuer> {
    let Some(text) = top.text("issuer", reading) else {
        let dex = "no issuer specified in config file";
        let next = "write the URL people reach this tenant at, such as https://login.example.com";
        reading.refuse(top.at(), "issuer", dex, "is missing", next);
        return None;
    };
    if reading.refuse_odd_address(&text) {
        return None;
    }
    let issuer = match Issuer::parse(&text.value) {
        Ok(issuer) => issuer,
        Err(error) => {
            reading.error(text.at, &text.key, error.to_string(), "");
            return None;
        }
    };
    if !issuer.is_https() && !is_this_machine(issuer.host()) {
        let cause = format!("{} sends tokens over the network unencrypted", text.shown);
        let next = "write https://, also where a proxy in front does the TLS";
        if !reading.lenient {
            reading.warn(text.at, &text.key, cause, next);
        }
    }
    Some(issuer)
}

/// Reads `hosts`: bare host names, which a dex file does not have.
pub(super) fn hosts(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    if reading.lenient {
        return Vec::new();
    }
    let mut hosts: Vec<String> = Vec::new();
    for host in top.texts("hosts", reading) {
        let lower = host.value.to_ascii_lowercase();
        if !is_host(&lower) {
            let cause = format!("{} is not a host name", host.shown);
            let next = "write a bare name such as login.acme.example, without scheme, port or path";
            reading.error(host.at, &host.key, cause, next);
        } else if hosts.contains(&lower) {
            let cause = format!("{} stands here twice", host.shown);
            reading.error(host.at, &host.key, cause, "remove one of the two");
        } else {
            hosts.push(lower);
        }
    }
    hosts
}

/// Reads `default`, which a dex file does not have: whether hosts that nobody has lead here.
pub(super) fn is_default(top: &mut Section<'_>, reading: &mut Reading<'_>) -> bool {
    const KEY: &str = "default";
    if reading.lenient {
        return false;
    }
    let is_default = top.flag(KEY, reading).unwrap_or(false);
    if is_default {
        reading.default_at = top.entry(KEY).map(|entry| entry.at);
    }
    is_default
}

/// Whether a text is a host and nothing but a host.
pub(super) fn is_host(text: &str) -> bool {
    let as_url = Url::parse(&format!("https://{text}/"));
    as_url.is_ok_and(|url| url.host_str() == Some(text))
}
