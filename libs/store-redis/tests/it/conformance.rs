use std::time::Duration;

use async_trait::async_trait;
use insula_store::conformance::cache::CacheOnTrial;
use insula_store::{Cache, cache_conformance};
use insula_store_redis::RedisCache;
use redis::AsyncCommands as _;
use tokio::runtime::Handle;

use crate::server::{Redis, options, pass, talk_to};

struct Trial {
    cache: RedisCache,
    prefix: String,
    redis: Redis,
}

#[async_trait]
impl CacheOnTrial for Trial {
    fn cache(&self) -> &dyn Cache {
        &self.cache
    }

    async fn advance(&self, by: Duration) {
        pass(&self.redis, &self.prefix, by).await;
    }

    async fn entries_without_end(&self) -> Vec<String> {
        let mut redis = talk_to(&self.redis.url()).await;
        let keys: Vec<String> = redis.keys(format!("{}:*", self.prefix)).await.unwrap();
        assert_eq!(
            keys.len(),
            23,
            "one of each kind and state, and the lists: {keys:?}"
        );
        let mut endless = vec![];
        for key in keys {
            let ttl: i64 = redis.pttl(&key).await.unwrap();
            if ttl <= 0 {
                endless.push(key);
            }
        }
        endless
    }
}

async fn a_trial() -> Option<Trial> {
    let (redis, options) = (Redis::any().await?, options());
    let cache = RedisCache::connect(&redis.url(), &options, Handle::current()).await;
    Some(Trial {
        cache: cache.unwrap(),
        prefix: options.prefix,
        redis,
    })
}

cache_conformance!(a_trial);
