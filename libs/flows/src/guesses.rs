//! Wrong passwords, counted by name, by client address and for the whole tenant, and wrong codes of
//! devices, counted by client address and by tenant.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use insula_engine::device::{WRONG_CODES, WRONG_CODES_OF_ADDRESS};
use insula_model::{Limits, Rate, TokenHash};
use insula_store::{Failures, Pace};

use crate::{Browser, FlowError, TenantView, known_device};

/// A rate's tenth part more doubles the wait.
const STEPS: u32 = 10;

/// The counters a login with a password is held to.
///
/// By name, so that nobody tries many passwords on one; by address, so that nobody tries one
/// password on many names; and for the whole tenant, whoever many have joined
/// ([RFC 9700 §4.16](https://www.rfc-editor.org/rfc/rfc9700#section-4.16) leaves these to the server). An
/// IPv6 address counts with its network of 64 bits, which one customer has. A browser that is known to
/// the name has a counter of its own instead of these, so that strangers lock nobody out of it (ADR 0058).
pub(crate) struct Guesses<'v> {
    view: &'v TenantView,
    counters: Vec<(String, Pace)>,
}

impl<'v> Guesses<'v> {
    pub(crate) fn of(
        view: &'v TenantView,
        connector: &str,
        username: &str,
        browser: &Browser,
    ) -> Self {
        let limits = &view.spec.limits;
        if let Some(device) = known_device::device(view, browser, connector, username) {
            let pace = pace(limits.password_failures, limits);
            let counters = vec![(format!("password-failures-at:{device}"), pace)];
            return Self { view, counters };
        }
        let by_name = (
            by_name(connector, username),
            pace(limits.password_failures, limits),
        );
        let address = browser.address.filter(|_| !browser.address_is_shared);
        let by_address = address.map(|address| {
            let rate = limits.password_failures_per_address;
            (by_address(address), pace(rate, limits))
        });
        let of_all = of_all(limits.password_failures_per_tenant, limits);
        let of_all = ("password-failures-of-all".to_owned(), of_all);
        let counters = [by_name, of_all].into_iter().chain(by_address);
        Self {
            view,
            counters: counters.collect(),
        }
    }

    /// Those of codes of devices
    /// ([RFC 8628 §5.1](https://www.rfc-editor.org/rfc/rfc8628#section-5.1)): by address, and for the
    /// tenant as a whole, because codes are few and whoever has many addresses may guess from each. A
    /// browser in which somebody logged in with a password before waits for its own wrong codes and its
    /// address's, and not for the tenant's, so that strangers keep nobody from it who is known.
    pub(crate) fn of_user_codes(view: &'v TenantView, browser: &Browser) -> Self {
        let limits = &view.spec.limits;
        let address = browser.address.filter(|_| !browser.address_is_shared);
        let by_address = address.map(|address| {
            let key = format!("user-code-failures-from:{}", network(address));
            (key, pace(WRONG_CODES_OF_ADDRESS, limits))
        });
        let first = match known_device::of_anybody(view, browser) {
            Some(device) => {
                let key = format!("user-code-failures-at:{device}");
                (key, pace(WRONG_CODES_OF_ADDRESS, limits))
            }
            None => ("user-code-failures".to_owned(), of_all(WRONG_CODES, limits)),
        };
        Self {
            view,
            counters: std::iter::once(first).chain(by_address).collect(),
        }
    }

    /// How long to wait, if there were too many wrong ones.
    pub(crate) async fn exceeded(&self) -> Result<Option<Duration>, FlowError> {
        let standing = self.view.effects.cache.failures(&self.counters).await?;
        Ok(longest(standing.iter()))
    }

    /// Counts one more wrong one; answers how long to wait, if that was one too many.
    pub(crate) async fn count(&self) -> Result<Option<Duration>, FlowError> {
        let cache = &self.view.effects.cache;
        let standing = cache.count_failures(&self.counters).await?;
        let counters = self.counters.iter().zip(&standing);
        let beyond = counters.filter(|((_, pace), failures)| failures.count > pace.free.into());
        Ok(longest(beyond.map(|(_, failures)| failures)))
    }
}

fn longest<'f>(standing: impl Iterator<Item = &'f Failures>) -> Option<Duration> {
    let rests = standing.map(|failures| failures.rest);
    rests.max().filter(|rest| !rest.is_zero())
}

/// How failures at this rate are slowed down.
pub(crate) fn pace(rate: Rate, limits: &Limits) -> Pace {
    Pace {
        free: rate.count,
        within: rate.per.max(Duration::from_secs(1)),
        step: (rate.count / STEPS).max(1),
        longest: limits.longest_delay,
    }
}

/// The same for a whole tenant: everybody new waits for it, so it grows slower, with each whole count
/// more.
fn of_all(rate: Rate, limits: &Limits) -> Pace {
    Pace {
        step: rate.count,
        ..pace(rate, limits)
    }
}

/// The name is hashed, so that no key of the cache names a person.
fn by_name(connector: &str, username: &str) -> String {
    let name = known_device::hash(connector, username);
    format!("password-failures:{name}")
}

fn by_address(address: IpAddr) -> String {
    format!("password-failures-from:{}", network(address))
}

/// What counts as one address, hashed: of IPv6 the 64 bits that a network is given.
pub(crate) fn network(address: IpAddr) -> String {
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
mod tests;
