use insula_model::{ClientAddressHeader, Cors, CorsOrigins, Dialect, HttpPolicy};
use url::Url;

use crate::Severity;
use crate::defaults::Defaults;
use crate::reading::{Reading, Spot, quote};
use crate::section::Section;
use crate::server::network;
use crate::tree::{Kind, Node};

/// The headers that dex's `web.headers` can set.
const DEX_HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
];
/// What a browser asks for beyond the safelisted ones, where a dex file names nothing.
const DEX_ALLOWED: &str = "Authorization";
/// Headers that say what an answer is and how it may be kept: another value would break it.
const OURS: [&str; 22] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-max-age",
    "age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "keep-alive",
    "location",
    "pragma",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
];
const LONGEST_VALUE: usize = 4096;

/// Reads `cors` and `headers`, or dex's `web`.
pub(super) fn read(
    top: &mut Section<'_>,
    defaults: &Defaults,
    reading: &mut Reading<'_>,
) -> HttpPolicy {
    if reading.lenient {
        return of_dex(top.section("web", reading), reading);
    }
    let mut section = top.section("cors", reading);
    let by_default = match defaults.dialect {
        Dialect::Standard => CorsOrigins::Any,
        Dialect::Dex => CorsOrigins::None,
    };
    let origins = match section.node("allowedOrigins") {
        Some(_) => origins(&mut section, reading),
        None => by_default,
    };
    let named = section.node("allowedHeaders").is_some();
    let headers = named.then(|| allowed_headers(&mut section, reading));
    section.finish(reading);
    let headers_node = top.node("headers");
    HttpPolicy {
        cors: Cors { origins, headers },
        headers: headers_node.map_or_else(Vec::new, |node| sent_headers(node, "headers", reading)),
        client_address: None,
    }
}

fn of_dex(mut web: Section<'_>, reading: &mut Reading<'_>) -> HttpPolicy {
    for key in [
        "http",
        "https",
        "tlsCert",
        "tlsKey",
        "tlsMinVersion",
        "tlsMaxVersion",
    ] {
        // The server's; told in one line with the rest of its settings.
        web.entry(key);
    }
    let origins = origins(&mut web, reading);
    let named = web.node("allowedHeaders").is_some();
    let headers = if named {
        Some(allowed_headers(&mut web, reading))
    } else if origins == CorsOrigins::Any {
        None
    } else {
        Some(vec![DEX_ALLOWED.to_ascii_lowercase()])
    };
    let path = web.key("headers");
    let sent = web.node("headers");
    let sent = sent.map_or_else(Vec::new, |node| sent_headers(node, &path, reading));
    let client_address = client_address(web.section("clientRemoteIP", reading), reading);
    web.finish(reading);
    HttpPolicy {
        cors: Cors { origins, headers },
        headers: sent,
        client_address,
    }
}

fn origins(section: &mut Section<'_>, reading: &mut Reading<'_>) -> CorsOrigins {
    let mut listed = Vec::new();
    for origin in section.texts("allowedOrigins", reading) {
        if origin.value == "*" {
            return CorsOrigins::Any;
        }
        if is_origin(&origin.value) {
            listed.push(origin.value);
        } else {
            let cause = format!("{} is no origin, so no browser sends it", origin.shown);
            let next = "write scheme, host and port alone, such as https://spa.example, or \"*\"";
            reading.object(origin.at, &origin.key, cause, next);
        }
    }
    if listed.is_empty() {
        CorsOrigins::None
    } else {
        CorsOrigins::Listed(listed)
    }
}

fn is_origin(text: &str) -> bool {
    let url = Url::parse(text).ok().filter(Url::has_host);
    url.is_some_and(|url| url.origin().ascii_serialization() == text)
}

fn allowed_headers(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for name in section.texts("allowedHeaders", reading) {
        if is_header_name(&name.value) {
            names.push(name.value.to_ascii_lowercase());
        } else {
            let cause = format!("{} is no name of a header", name.shown);
            reading.object(name.at, &name.key, cause, "write such as X-Requested-With");
        }
    }
    names
}

/// The headers that answers carry. An empty value is none, as in dex.
fn sent_headers(node: &Node, path: &str, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let Kind::Map(entries) = &node.kind else {
        let cause = format!("is {} where a mapping belongs", node.noun());
        reading.error(node.at, path, cause, "write Name: value lines below it");
        return Vec::new();
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    for entry in entries {
        let key = format!("{path}.{}", entry.key);
        let Some(value) = reading.text(&entry.value, &key) else {
            continue;
        };
        let name = entry.key.to_ascii_lowercase();
        if value.value.is_empty() {
            continue;
        }
        if reading.lenient
            && !DEX_HEADERS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name))
        {
            let next = format!("known are {}", DEX_HEADERS.join(", "));
            reading.unknown_key(entry.at, &key, "nobody knows this key", &next);
        } else if !is_header_name(&name) {
            let cause = format!("{} is no name of a header", quote(&entry.key));
            reading.object(
                entry.at,
                &key,
                cause,
                "write such as Strict-Transport-Security",
            );
        } else if OURS.contains(&name.as_str()) {
            let cause = "is set by the answer itself";
            let next = if name.starts_with("access-control") {
                "write `cors` instead"
            } else {
                "remove it"
            };
            reading.object(entry.at, &key, cause, next);
        } else if is_header_value(&value) {
            tell_of_pages(&name, &value, reading);
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value.value));
        } else {
            let cause = "holds what cannot stand in a header";
            let next = "write one line of visible ASCII";
            reading.object(value.at, &key, cause, next);
        }
    }
    headers
}

/// A page comes with the policy it was written for, which is as strict as one can be.
fn tell_of_pages(name: &str, value: &Spot<String>, reading: &mut Reading<'_>) {
    if matches!(name, "content-security-policy" | "x-frame-options") {
        let cause = "goes to every answer but pages, which keep the strict policy they are \
                     written for and can be framed by nobody";
        reading.tell(Severity::Info, value.at, &value.key, cause, "");
    }
}

/// A `token` of RFC 9110 §5.6.2.
fn is_header_name(name: &str) -> bool {
    let is_tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= 128 && name.bytes().all(is_tchar)
}

fn is_header_value(value: &Spot<String>) -> bool {
    let text = &value.value;
    let is_fit = |b: u8| (b' '..=b'~').contains(&b) || b == b'\t';
    text.trim() == text && text.len() <= LONGEST_VALUE && text.bytes().all(is_fit)
}

/// dex's `web.clientRemoteIP`: which header names the client, and whose word counts.
fn client_address(
    mut section: Section<'_>,
    reading: &mut Reading<'_>,
) -> Option<ClientAddressHeader> {
    let header = section.text("header", reading);
    let trusted_proxies = network::networks(&mut section, "trustedProxies", reading);
    section.finish(reading);
    let header = header.filter(|header| !header.value.is_empty())?;
    if !is_header_name(&header.value) {
        let cause = format!("{} is no name of a header", header.shown);
        reading.object(
            header.at,
            &header.key,
            cause,
            "write such as X-Forwarded-For",
        );
        return None;
    }
    if trusted_proxies.is_empty() {
        let cause = "is believed from the server's trusted proxies alone: this file names none";
        let next = "write web.clientRemoteIP.trustedProxies, or trustedProxies in insula.yaml";
        reading.warn(header.at, &header.key, cause, next);
    }
    Some(ClientAddressHeader {
        header: header.value.to_ascii_lowercase(),
        trusted_proxies,
    })
}
