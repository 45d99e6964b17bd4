use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use insula_ambient::Monotonic;
use insula_model::{ClientId, Rate};

/// How many shares there are for addresses, and as many for clients. Those that fall on the same one have it together; which do, no
/// stranger can work out.
const SHARES: usize = 512;
/// Which part of the budget one address may use while the budget is scarce.
const PART: i64 = 8;

/// A tenant's limits as its requests arrive: counted without a lock, so that a flood costs its
/// tenant and nobody else.
///
/// The generic cell rate algorithm: one number says when the budget will be whole again. A burst
/// may use all of `count` at once; after that one request fits per `per / count`. ADR 0048 says what
/// the crate governor lacks for this.
///
/// While more than half of the budget is used, each address may use an eighth of it at most. So one
/// address alone can have nearly everything, and no address can leave nothing to the others. The
/// same holds for clients that proved who they are, from however many addresses they ask.
#[derive(Debug)]
pub struct TenantLimits {
    whole: Bucket,
    /// Made when the budget is scarce for the first time: most tenants never need them.
    shares: OnceLock<Box<[Bucket]>>,
    hasher: RandomState,
    /// What one request costs, in nanoseconds; zero where any number is admitted.
    cost: AtomicI64,
    /// The whole budget, in nanoseconds.
    budget: AtomicI64,
}

/// Whose share it is: addresses have the first half of them, clients the other.
#[derive(Debug, Clone, Copy)]
enum Whose {
    Address = 0,
    Client = 1,
}

/// When what was taken will have come back, in nanoseconds since the process began.
#[derive(Debug, Default)]
struct Bucket(AtomicI64);

impl TenantLimits {
    pub(crate) fn new(requests: Option<Rate>) -> Self {
        let limits = Self {
            whole: Bucket::default(),
            shares: OnceLock::new(),
            hasher: RandomState::new(),
            cost: AtomicI64::new(0),
            budget: AtomicI64::new(0),
        };
        limits.set(requests);
        limits
    }

    /// Swaps the budget; what was used of the old one stays used.
    pub(crate) fn set(&self, requests: Option<Rate>) {
        let budget = requests.map_or(0, |rate| nanos(rate.per));
        let cost = requests.map_or(0, |rate| {
            budget
                .checked_div(i64::from(rate.count))
                .unwrap_or(i64::MAX)
        });
        self.cost.store(cost, Ordering::Relaxed);
        self.budget.store(budget, Ordering::Relaxed);
    }

    /// Admits one request from an address, or says how long to wait (`Retry-After`, RFC 9110
    /// §10.2.3). A rate of nothing admits nobody. Requests of no known address count as one's.
    pub fn admit(&self, from: Option<IpAddr>, now: Monotonic) -> Result<(), Duration> {
        let now = nanos(now.since_start());
        let cost = self.cost.load(Ordering::Relaxed);
        let budget = self.budget.load(Ordering::Relaxed);
        if cost == 0 {
            return Ok(());
        }
        let is_scarce = self.whole.used(now) > budget / 2;
        let share = is_scarce.then(|| self.share(Whose::Address, from.map(network)));
        let part = part(cost, budget);
        if let Some(share) = share {
            share.take(now, part, budget)?;
        }
        let admitted = self.whole.take(now, cost, budget);
        if let (Err(_), Some(share)) = (admitted, share) {
            share.give_back(part);
        }
        admitted
    }

    /// Admits a request, which [`admit`](Self::admit) let in already, of a client that proved who it is;
    /// or says how long to wait and takes nothing of the budget for it.
    pub fn admit_client(&self, client: &ClientId, now: Monotonic) -> Result<(), Duration> {
        let now = nanos(now.since_start());
        let cost = self.cost.load(Ordering::Relaxed);
        let budget = self.budget.load(Ordering::Relaxed);
        if cost == 0 || self.whole.used(now) <= budget / 2 {
            return Ok(());
        }
        let share = self.share(Whose::Client, client);
        let admitted = share.take(now, part(cost, budget), budget);
        if admitted.is_err() {
            self.whole.give_back(cost);
        }
        admitted
    }

    fn share(&self, kind: Whose, whose: impl Hash) -> &Bucket {
        let make = || (0..2 * SHARES).map(|_| Bucket::default()).collect();
        let shares = self.shares.get_or_init(make);
        let index = self.hasher.hash_one(whose) % SHARES as u64;
        let share = usize::try_from(index)
            .ok()
            .and_then(|index| shares.get(index + kind as usize * SHARES));
        share.unwrap_or(&self.whole)
    }
}

impl Bucket {
    /// How much is used of it, in nanoseconds.
    fn used(&self, now: i64) -> i64 {
        self.0.load(Ordering::Relaxed).saturating_sub(now)
    }

    fn take(&self, now: i64, cost: i64, budget: i64) -> Result<(), Duration> {
        let mut whole_at = self.0.load(Ordering::Relaxed);
        loop {
            let next = whole_at.max(now).saturating_add(cost);
            let over = next.saturating_sub(now).saturating_sub(budget);
            if over > 0 {
                let wait = u64::try_from(over.min(budget.max(1_000_000_000))).unwrap_or(0);
                return Err(Duration::from_nanos(wait));
            }
            let swapped =
                self.0
                    .compare_exchange_weak(whole_at, next, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => return Ok(()),
                Err(seen) => whole_at = seen,
            }
        }
    }

    fn give_back(&self, cost: i64) {
        self.0.fetch_sub(cost, Ordering::Relaxed);
    }
}

/// What a request costs of a share, which is worth one request at least, however small the budget is.
fn part(cost: i64, budget: i64) -> i64 {
    cost.saturating_mul(PART).min(budget.max(cost))
}

/// What counts as one address: of IPv6 the 64 bits that a network is given (RFC 4291 §2.5.1), for
/// whoever has one has all addresses in it.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => (u128::from(v6) >> 64) | (1 << 127),
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
