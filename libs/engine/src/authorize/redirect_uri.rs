use insula_model::{Client, Dialect};
use url::{Host, Url};

/// Whether `presented` is a redirect URI of `client`.
///
/// Compared as text ([RFC 9700 §2.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1)). Two
/// exceptions, both for loopback addresses, where no other host can listen: a native client's
/// registered loopback URI may come with another port
/// ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)); and in dex's dialect a
/// public client without any registered URI may use every plain-http loopback URI.
pub(super) fn is_registered(presented: &str, client: &Client, dialect: Dialect) -> bool {
    if client.redirect_uris.iter().any(|uri| uri == presented) {
        return true;
    }
    if !client.public {
        return false;
    }
    match dialect {
        Dialect::Standard => client
            .redirect_uris
            .iter()
            .any(|uri| differ_in_port(uri, presented)),
        Dialect::Dex => client.redirect_uris.is_empty() && loopback(presented).is_some(),
    }
}

/// Whether both are plain-http URIs of the same loopback address that differ in nothing but port.
fn differ_in_port(registered: &str, presented: &str) -> bool {
    let (Some(mut registered), Some(mut presented)) = (loopback(registered), loopback(presented))
    else {
        return false;
    };
    let cleared = registered.set_port(None).is_ok() && presented.set_port(None).is_ok();
    cleared && registered == presented
}

/// The URI, if it is plain http to a loopback address and hides no user name or fragment.
fn loopback(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let is_loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    let is_plain = url.scheme() == "http"
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    (is_loopback && is_plain).then_some(url)
}
