use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use insula_ambient::Entropy;
use insula_connector_kit::{ConnectorError, PasswordCheck, PasswordVerdict};
use insula_model::Password;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::stored::verify;

/// Computes password hashes: as many at once as there are processors, and a bounded number waiting.
///
/// One pool serves the process, so that logins cannot take the memory and the processors of
/// everything else: a hash costs 19 MiB and some 40 ms. Each tenant holds a
/// [share](Self::share) of it; a flood of logins at one tenant fills that tenant's share and stops
/// there.
pub struct HashingPool {
    io: Handle,
    computing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    entropy: Arc<dyn Entropy>,
}

impl HashingPool {
    /// A pool that computes `permits` hashes at once on the blocking threads of `io`, and lets
    /// `queue` more wait. `entropy` salts the hashes that replace outdated ones.
    pub fn new(io: Handle, permits: usize, queue: usize, entropy: Arc<dyn Entropy>) -> Arc<Self> {
        let permits = permits.max(1);
        Arc::new(Self {
            io,
            computing: Arc::new(Semaphore::new(permits)),
            waiting: Arc::new(Semaphore::new(permits.saturating_add(queue))),
            entropy,
        })
    }

    /// A tenant's share: `tenant_limit` of its hashes may stand in the pool, eight times as many
    /// wait outside for them; one more is `Busy`.
    pub fn share(self: &Arc<Self>, tenant_limit: u32) -> Arc<dyn PasswordCheck> {
        let limit = usize::try_from(tenant_limit).unwrap_or(usize::MAX);
        Arc::new(TenantShare::new(self, limit.clamp(1, 4096)))
    }
}

impl fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashingPool")
            .field("free", &self.computing.available_permits())
            .finish_non_exhaustive()
    }
}

/// How many of a tenant's logins wait for each hash it may compute.
const WAITING_PER_PLACE: usize = 8;

struct TenantShare {
    pool: Arc<HashingPool>,
    own: Arc<Semaphore>,
    outside: Arc<Semaphore>,
}

/// What a computation holds while it is under way. Moved to the blocking thread, because the hash
/// is computed to its end even if the asker has gone.
struct Place {
    _outside: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _queued: OwnedSemaphorePermit,
    _computing: OwnedSemaphorePermit,
}

impl TenantShare {
    fn new(pool: &Arc<HashingPool>, limit: usize) -> Self {
        Self {
            pool: Arc::clone(pool),
            own: Arc::new(Semaphore::new(limit)),
            outside: Arc::new(Semaphore::new(limit + limit * WAITING_PER_PLACE)),
        }
    }

    /// Waits first for the tenant's own places, so that what waits in the pool is never more than
    /// the tenant's share.
    async fn place(&self) -> Result<Place, ConnectorError> {
        let outside = Arc::clone(&self.outside).try_acquire_owned().map_err(|_| {
            ConnectorError::Busy("this tenant's share of password hashes is in use")
        })?;
        let own = Arc::clone(&self.own)
            .acquire_owned()
            .await
            .map_err(|_| ConnectorError::Busy("the server is stopping"))?;
        let queued = Arc::clone(&self.pool.waiting)
            .try_acquire_owned()
            .map_err(|_| ConnectorError::Busy("the queue of password hashes is full"))?;
        let computing = Arc::clone(&self.pool.computing)
            .acquire_owned()
            .await
            .map_err(|_| ConnectorError::Busy("the server is stopping"))?;
        Ok(Place {
            _outside: outside,
            _own: own,
            _queued: queued,
            _computing: computing,
        })
    }
}

#[async_trait]
impl PasswordCheck for TenantShare {
    async fn check(
        &self,
        password: Password,
        hash: Option<String>,
    ) -> Result<PasswordVerdict, ConnectorError> {
        let place = self.place().await?;
        let entropy = Arc::clone(&self.pool.entropy);
        let computation = self.pool.io.spawn_blocking(move || {
            let verdict = verify(&password, hash.as_deref(), entropy.as_ref());
            drop(place);
            verdict
        });
        computation
            .await
            .map_err(|_| ConnectorError::Busy("the server is stopping"))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_ambient::SeededEntropy;

    fn a_pool(permits: usize, queue: usize) -> Arc<HashingPool> {
        let entropy = Arc::new(SeededEntropy::new(1));
        HashingPool::new(Handle::current(), permits, queue, entropy)
    }

    fn share(pool: &Arc<HashingPool>, limit: usize) -> TenantShare {
        TenantShare::new(pool, limit)
    }

    #[tokio::test]
    async fn a_share_judges_passwords() {
        let share = a_pool(1, 1).share(1);
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
        let pool = a_pool(4, 4);
        let (loud, quiet) = (share(&pool, 1), share(&pool, 1));
        let _held = loud.place().await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING_PER_PLACE)
            .map(|_| Box::pin(loud.place()))
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
    async fn beyond_the_queue_everybody_is_busy_and_a_freed_place_goes_to_who_waits() {
        let pool = a_pool(1, 1);
        let (first, second, third) = (share(&pool, 9), share(&pool, 9), share(&pool, 9));
        let held = first.place().await.unwrap();
        let waiting = second.place();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        assert!(matches!(third.place().await, Err(ConnectorError::Busy(_))));
        drop(held);
        assert!(waiting.await.is_ok());
        assert!(third.place().await.is_ok());
    }

    #[tokio::test]
    async fn who_gives_up_waiting_frees_the_share() {
        let pool = a_pool(1, 1);
        let tenant = share(&pool, 2);
        let _held = tenant.place().await.unwrap();
        {
            let waiting = tenant.place();
            tokio::pin!(waiting);
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        }
        assert_eq!(tenant.own.available_permits(), 1);
        assert_eq!(pool.waiting.available_permits(), 1);
    }
}
