use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, io};

use async_trait::async_trait;
use insula_ambient::Entropy;
use insula_connector_kit::{ConnectorError, PasswordCheck, PasswordVerdict};
use insula_model::Password;
use tokio::time::timeout;

use super::stored::{is_dear, verify};
use super::threads::{Threads, priority};
use super::turns::{Places, Turn, Turns, Urgency};

/// How long somebody waits for a hash to begin. A person still looks at the page then, and no proxy
/// has given up.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Computes password hashes: a bounded number at once, and a bounded number waiting for a bounded
/// time.
///
/// One pool serves the process, so that logins cannot take the memory and the processors of
/// everything else: a hash costs 19 MiB and some 15 ms. Each tenant holds a
/// [share](Self::share) of it with a queue of its own; the queues are served in turn. What is not a
/// tenant's only hash is computed in the background, on threads of lower priority: a flood of
/// guesses at one tenant takes the processors that its neighbours leave.
pub struct HashingPool {
    urgent: Threads,
    background: Threads,
    turns: Arc<Turns>,
    longest_wait: Duration,
    entropy: Arc<dyn Entropy>,
}

impl HashingPool {
    /// A pool for a machine of so many `cores`, in which `room` hashes may wait. `entropy` salts
    /// the hashes that replace outdated ones.
    pub fn new(cores: usize, room: usize, entropy: Arc<dyn Entropy>) -> io::Result<Arc<Self>> {
        Self::with_places(places(cores), room, LONGEST_WAIT, entropy)
    }

    fn with_places(
        places: Places,
        room: usize,
        longest_wait: Duration,
        entropy: Arc<dyn Entropy>,
    ) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            urgent: Threads::start("hash", places.urgent)?,
            background: Threads::start_in_background("hash-background", places.background)?,
            turns: Turns::new(places, room),
            longest_wait,
            entropy,
        }))
    }

    /// A tenant's share: `tenant_limit` of its hashes are computed at once, eight times as many wait
    /// for that; one more is `Busy`.
    pub fn share(self: &Arc<Self>, tenant_limit: u32) -> Arc<dyn PasswordCheck> {
        let limit = usize::try_from(tenant_limit).unwrap_or(usize::MAX);
        Arc::new(TenantShare::new(self, limit.clamp(1, 4096)))
    }
}

impl fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashingPool").finish_non_exhaustive()
    }
}

/// One tenant's backlog may use all processors but for one place of those in the background. Where
/// threads do not differ in priority, it is given one processor less, so that its neighbours find
/// one.
fn places(cores: usize) -> Places {
    let cores = cores.max(1);
    let background = cores + usize::from(priority::IS_KNOWN);
    Places {
        urgent: cores,
        // With one place, none could be kept from a single tenant.
        background: background.max(2),
    }
}

/// How many of a tenant's logins wait for each hash it may compute at once.
const WAITING_PER_PLACE: usize = 8;

struct TenantShare {
    pool: Arc<HashingPool>,
    lane: u64,
    most_waiting: usize,
}

impl TenantShare {
    fn new(pool: &Arc<HashingPool>, limit: usize) -> Self {
        Self {
            pool: Arc::clone(pool),
            lane: pool.turns.open_lane(limit),
            most_waiting: limit * WAITING_PER_PLACE,
        }
    }

    async fn turn(&self, is_dear: bool) -> Result<Turn, ConnectorError> {
        let busy = || ConnectorError::Busy("too many password hashes are being computed");
        let (turns, most) = (&self.pool.turns, self.most_waiting);
        let entered = turns.enter(self.lane, is_dear, most, Instant::now());
        let waiting = entered.map_err(|_| busy())?;
        match timeout(self.pool.longest_wait, waiting).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

impl Drop for TenantShare {
    fn drop(&mut self) {
        self.pool.turns.close_lane(self.lane);
    }
}

#[async_trait]
impl PasswordCheck for TenantShare {
    async fn check(
        &self,
        password: Password,
        hash: Option<String>,
    ) -> Result<PasswordVerdict, ConnectorError> {
        let mut turn = self.turn(hash.as_deref().is_some_and(is_dear)).await?;
        let entropy = Arc::clone(&self.pool.entropy);
        let threads = match turn.urgency() {
            Urgency::Urgent => &self.pool.urgent,
            Urgency::Background => &self.pool.background,
        };
        // The turn goes along: the hash is computed to its end even if the asker has gone.
        let computation = threads.run(move || {
            let began = Instant::now();
            let verdict = verify(&password, hash.as_deref(), entropy.as_ref());
            turn.took(began.elapsed());
            drop(turn);
            verdict
        });
        computation
            .await
            .map_err(|_| ConnectorError::Busy("the hash could not be computed"))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_ambient::SeededEntropy;

    fn a_pool() -> Arc<HashingPool> {
        let entropy = Arc::new(SeededEntropy::new(1));
        HashingPool::new(2, 8, entropy).unwrap()
    }

    #[test]
    fn a_machine_with_one_processor_computes_one_hash_of_a_backlog_at_once() {
        let of_one = Places {
            urgent: 1,
            background: 2,
        };
        assert_eq!(places(1), of_one, "of two, one is kept from any tenant");
        assert_eq!(places(0), of_one);
    }

    #[tokio::test]
    async fn a_share_judges_passwords() {
        let share = a_pool().share(1);
        let hash = super::super::hash_password(&Password::new("p"), &SeededEntropy::new(2));
        let right = share.check(Password::new("p"), Some(hash.clone())).await;
        assert!(matches!(
            right,
            Ok(PasswordVerdict::Right { upgrade: None })
        ));
        let wrong = share.check(Password::new("q"), Some(hash)).await;
        assert!(matches!(wrong, Ok(PasswordVerdict::Wrong)));
        let nobody = share.check(Password::new("p"), None).await;
        assert!(matches!(nobody, Ok(PasswordVerdict::Wrong)));
    }

    #[tokio::test]
    async fn a_tenant_beyond_its_share_waits_then_is_busy_while_its_neighbour_is_served() {
        let pool = a_pool();
        let (loud, quiet) = (TenantShare::new(&pool, 1), TenantShare::new(&pool, 1));
        let _held = loud.turn(false).await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING_PER_PLACE)
            .map(|_| Box::pin(loud.turn(false)))
            .collect();
        for one in &mut waiting {
            assert!(futures_util::poll!(one.as_mut()).is_pending());
        }
        let refused = loud.check(Password::new("p"), None).await;
        assert!(matches!(refused, Err(ConnectorError::Busy(_))));
        let served = quiet.check(Password::new("p"), None).await;
        assert!(matches!(served, Ok(PasswordVerdict::Wrong)));
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_a_person_looks_at_the_page() {
        let entropy = Arc::new(SeededEntropy::new(1));
        let pool = HashingPool::with_places(places(2), 8, Duration::ZERO, entropy).unwrap();
        let _neighbour = pool.share(1);
        let share = TenantShare::new(&pool, 1);
        let _held = share.turn(false).await.unwrap();
        let gave_up = share.turn(false).await;
        assert!(matches!(gave_up, Err(ConnectorError::Busy(_))));
    }

    #[tokio::test]
    async fn a_share_that_is_dropped_keeps_no_place_from_its_neighbour() {
        let pool = a_pool();
        let quiet = TenantShare::new(&pool, 2);
        drop(TenantShare::new(&pool, 1));
        let _first = quiet.turn(false).await.unwrap();
        let second = quiet.turn(false);
        tokio::pin!(second);
        assert!(futures_util::poll!(second.as_mut()).is_ready());
    }
}
