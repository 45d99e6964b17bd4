//! Wrong passwords, counted by name and by client address, and wrong codes of devices, counted by
//! client address and by tenant.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use insula_engine::device::{WRONG_CODES, WRONG_CODES_OF_ADDRESS};
use insula_model::{Rate, TokenHash};

use crate::{Browser, FlowError, TenantView};

/// The counters a login with a password is held to.
///
/// By name, so that nobody tries many passwords on one; by address, so that nobody tries one
/// password on many names ([RFC 9700 §4.16](https://www.rfc-editor.org/rfc/rfc9700#section-4.16) leaves
/// both to the server). An IPv6 address counts with its network of 64 bits, which one customer has.
pub(crate) struct Guesses<'v> {
    view: &'v TenantView,
    counters: Vec<(String, Rate)>,
}

impl<'v> Guesses<'v> {
    pub(crate) fn of(
        view: &'v TenantView,
        connector: &str,
        username: &str,
        browser: &Browser,
    ) -> Self {
        let limits = &view.spec.limits;
        let by_name = (by_name(connector, username), limits.password_failures);
        let address = browser.address.filter(|_| !browser.address_is_shared);
        let by_address = address.map(|address| {
            let rate = limits.password_failures_per_address;
            (by_address(address), rate)
        });
        Self {
            view,
            counters: std::iter::once(by_name).chain(by_address).collect(),
        }
    }

    /// Those of codes of devices
    /// ([RFC 8628 §5.1](https://www.rfc-editor.org/rfc/rfc8628#section-5.1)): by address, and for the
    /// tenant as a whole, because codes are few and whoever has many addresses may guess from each.
    pub(crate) fn of_user_codes(view: &'v TenantView, browser: &Browser) -> Self {
        let address = browser.address.filter(|_| !browser.address_is_shared);
        let by_address = address.map(|address| {
            let key = format!("user-code-failures-from:{}", network_of(address));
            (key, WRONG_CODES_OF_ADDRESS)
        });
        let all = ("user-code-failures".to_owned(), WRONG_CODES);
        Self {
            view,
            counters: std::iter::once(all).chain(by_address).collect(),
        }
    }

    /// How long to wait, if there were too many wrong ones.
    pub(crate) async fn exceeded(&self) -> Result<Option<Duration>, FlowError> {
        for (key, rate) in &self.counters {
            let counted = self.view.effects.cache.counted(key).await?;
            if counted >= u64::from(rate.count) {
                return Ok(Some(rate.per));
            }
        }
        Ok(None)
    }

    /// Counts one more wrong one; answers how long to wait, if that was one too many.
    pub(crate) async fn count(&self) -> Result<Option<Duration>, FlowError> {
        let mut wait = None;
        for (key, rate) in &self.counters {
            let window = rate.per.max(Duration::from_secs(1));
            let cache = &self.view.effects.cache;
            let counted = cache.count(key, window).await?;
            if counted > u64::from(rate.count) {
                wait = wait.max(Some(rate.per));
            }
        }
        Ok(wait)
    }
}

/// The name is hashed, so that no key of the cache names a person.
fn by_name(connector: &str, username: &str) -> String {
    let name = TokenHash::of(&username.trim().to_lowercase()).to_text();
    format!("password-failures:{connector}:{name}")
}

fn by_address(address: IpAddr) -> String {
    format!("password-failures-from:{}", network_of(address))
}

fn network_of(address: IpAddr) -> String {
    let network = match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(bits))
        }
        v4 @ IpAddr::V4(_) => v4,
    };
    TokenHash::of(&network.to_string()).to_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_counted_by_its_hash_whatever_its_case_and_spaces() {
        let key = by_name("mock", "jane@example.test");
        assert!(!key.contains("jane"), "{key}");
        assert_eq!(key, by_name("mock", " Jane@Example.test "));
        assert_ne!(key, by_name("other", "jane@example.test"));
    }

    #[test]
    fn an_ipv6_address_counts_with_its_network_and_an_ipv4_one_alone() {
        let key = |address: &str| by_address(address.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    }
}
