//! Browsers in which somebody logged in before with a name and a password.
//!
//! Wrong passwords that strangers type hold up a name for browsers that never logged in with it. One
//! that did carries a cookie that says so, and is held up by its own mistakes alone, so that no
//! stranger locks anybody out of a browser they use. The cookie proves nothing else: it logs nobody
//! in. It is sealed under a key of the tenant, so that nobody makes one and none says whose it is.

use std::cmp::Reverse;

use data_encoding::BASE64URL_NOPAD;
use insula_ambient::Timestamp;
use insula_model::TokenHash;

use crate::{Browser, CookieChange, TenantView, sealed};

/// So many names are known in one browser; beyond it the one goes that ends first.
const MOST_NAMES: usize = 8;
const PURPOSE: &str = "known-device";

struct Device {
    id: String,
    /// Hashes of names, and until when each is known.
    names: Vec<(String, Timestamp)>,
}

/// Which known device the browser is to this name, if it is one.
pub(crate) fn device(
    view: &TenantView,
    browser: &Browser,
    connector: &str,
    username: &str,
) -> Option<String> {
    let hash = hash(connector, username);
    devices(view, browser)
        .find(|device| device.names.iter().any(|(name, _)| *name == hash))
        .map(|device| device.id)
}

/// Which known device the browser is, to whatever names.
pub(crate) fn of_anybody(view: &TenantView, browser: &Browser) -> Option<String> {
    devices(view, browser)
        .find(|device| !device.names.is_empty())
        .map(|device| device.id)
}

/// Has the browser be known to this name from now on, if the tenant knows browsers at all.
pub(crate) fn remember(
    view: &TenantView,
    browser: &Browser,
    connector: &str,
    username: &str,
) -> Option<CookieChange> {
    let max_age = view.spec.limits.known_devices;
    if max_age.is_zero() {
        return None;
    }
    let mut device = devices(view, browser).next().unwrap_or_else(|| Device {
        id: view.effects.entropy.word(20),
        names: Vec::new(),
    });
    let hash = hash(connector, username);
    device.names.retain(|(name, _)| *name != hash);
    device.names.sort_by_key(|(_, until)| Reverse(*until));
    device.names.truncate(MOST_NAMES - 1);
    device.names.push((hash, view.now() + max_age));
    let plain = serde_json::to_vec(&(device.id, device.names)).ok()?;
    let value = BASE64URL_NOPAD.encode(&sealed::seal_as(view, PURPOSE, &plain));
    Some(CookieChange::KnowDevice { value, max_age })
}

/// What its cookies say, without what has ended. One that we did not seal says nothing.
fn devices<'b>(view: &'b TenantView, browser: &'b Browser) -> impl Iterator<Item = Device> + 'b {
    let now = view.now();
    browser.devices.iter().filter_map(move |cookie| {
        let sealed = BASE64URL_NOPAD.decode(cookie.as_bytes()).ok()?;
        let plain = sealed::open_as(view, PURPOSE, &sealed)?;
        let (id, mut names): (String, Vec<(String, Timestamp)>) =
            serde_json::from_slice(&plain).ok()?;
        names.retain(|(_, until)| now < *until);
        Some(Device { id, names })
    })
}

/// The name as wrong passwords are counted against it.
pub(crate) fn hash(connector: &str, username: &str) -> String {
    let name = username.trim().to_lowercase();
    TokenHash::of(&format!("{connector}:{name}")).to_text()
}

#[cfg(test)]
mod tests;
