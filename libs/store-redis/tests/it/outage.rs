use std::time::{Duration, Instant};

use insula_ambient::{Clock as _, SystemClock};
use insula_model::TokenHash;
use insula_store::{Cache as _, RedeemedCode, StoreError};
use insula_store_redis::{RedisCache, RedisOptions};
use tokio::runtime::Handle;

use crate::layout::{acme, grant};
use crate::server::{Server, eventually, free_port, options};

const MINUTE: Duration = Duration::from_mins(1);
/// A command's time, and what a busy machine may add to it.
const SOON: Duration = Duration::from_millis(1500);

fn impatient() -> RedisOptions {
    RedisOptions {
        command_timeout: Duration::from_millis(150),
        failures_to_open: 3,
        retry_max: Duration::from_millis(200),
        ..options()
    }
}

async fn connect(server: &Server) -> RedisCache {
    RedisCache::connect(&server.url(), &impatient(), Handle::current())
        .await
        .unwrap()
}

/// Every call fails in time, and after a few nobody asks any more.
async fn fails_fast(cache: &RedisCache) {
    for _ in 0..5 {
        let started = Instant::now();
        let outcome = cache.ping().await;
        assert!(
            matches!(outcome, Err(StoreError::Unavailable { .. })),
            "{outcome:?}"
        );
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    }
    let sent = cache.round_trips();
    for _ in 0..20 {
        cache.ping().await.unwrap_err();
    }
    assert_eq!(cache.round_trips(), sent, "the breaker is open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_died_fails_fast_and_is_found_again_when_it_is_back() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let cache = connect(&server).await;
    cache.ping().await.unwrap();
    server.kill();
    fails_fast(&cache).await;
    server.restart().await;
    eventually("redis is found again", async || cache.ping().await.is_ok()).await;

    let (tenant, now) = (cache.tenant(&acme()), SystemClock.now());
    let (code, grant) = (TokenHash::of("code"), grant(now));
    tenant.put_code(&code, &grant, now).await.unwrap();
    let before = cache.round_trips();
    let taken = tenant.take_code(&code, now, MINUTE).await.unwrap();
    assert_eq!(taken, RedeemedCode::Fresh(Box::new(grant)));
    assert_eq!(
        cache.round_trips(),
        before + 1,
        "the scripts were loaded when it was found again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_fails_fast_and_serves_on_when_it_wakes() {
    let Some(server) = Server::start().await else {
        return;
    };
    let cache = connect(&server).await;
    cache.ping().await.unwrap();
    server.signal("STOP");
    fails_fast(&cache).await;
    server.signal("CONT");
    eventually("redis serves on", async || cache.ping().await.is_ok()).await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_at_the_start_is_an_error_that_names_it() {
    let port = free_port();
    let url = format!("redis://:s3cret@127.0.0.1:{port}");
    let refused = RedisCache::connect(&url, &impatient(), Handle::current()).await;
    let said = refused.err().unwrap().to_string();
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_does_not_repeat_it() {
    let Some(server) =
        Server::start_with(&["--requirepass", "right", "--protected-mode", "no"]).await
    else {
        return;
    };
    let url = format!("redis://:s3cret@127.0.0.1:{}", server.port());
    let refused = RedisCache::connect(&url, &impatient(), Handle::current()).await;
    let said = refused.err().unwrap().to_string();
    assert!(!said.contains("s3cret"), "{said}");
    let url = format!("redis://:right@127.0.0.1:{}", server.port());
    let cache = RedisCache::connect(&url, &impatient(), Handle::current()).await;
    cache.unwrap().ping().await.unwrap();
}
