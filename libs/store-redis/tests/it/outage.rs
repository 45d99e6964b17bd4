use std::time::{Duration, Instant};

use insula_model::TokenHash;
use insula_store::{Cache as _, ClaimedCode, StoreError};
use insula_store_redis::{RedisCache, RedisOptions};
use tokio::runtime::Handle;

use crate::layout::{acme, grant};
use crate::server::{Server, eventually, free_port, options, talk_to};

/// A command's time, and what a busy machine may add to it.
const SOON: Duration = Duration::from_secs(15);

fn impatient() -> RedisOptions {
    RedisOptions {
        // A server that answers must not be taken for one that hangs, however busy the machine is.
        command_timeout: Duration::from_secs(1),
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

    let tenant = cache.tenant(&acme());
    let (code, grant) = (TokenHash::of("code"), grant());
    tenant
        .put_code(&code, &grant, Duration::from_mins(1))
        .await
        .unwrap();
    let before = cache.round_trips();
    let minute = Duration::from_mins(1);
    let claimed = tenant.claim_code(&code, &code, minute).await.unwrap();
    assert!(matches!(claimed, ClaimedCode::Claimed { claim: 1, .. }));
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

/// What the probe says, and that the server answers all the same.
async fn refused_write(cache: &RedisCache, code: &str) {
    eventually(code, async || {
        let said = cache.probe().await.err().map(|error| error.to_string());
        said.is_some_and(|said| said.contains("takes no writes") && said.contains(code))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_answers_but_takes_no_writes_is_told_with_the_cause() {
    let Some(server) = Server::start().await else {
        return;
    };
    let cache = connect(&server).await;
    cache.probe().await.unwrap();
    let mut admin = talk_to(&server.url()).await;
    let set = async |name: &str, value: &str, admin: &mut _| {
        let mut config = redis::cmd("CONFIG");
        config.arg("SET").arg(name).arg(value);
        config.exec_async(admin).await.unwrap();
    };
    set("maxmemory", "1", &mut admin).await;
    refused_write(&cache, "OOM").await;
    cache.ping().await.unwrap();
    set("maxmemory", "0", &mut admin).await;
    cache.probe().await.unwrap();

    let replica_of = |host: &str, port: &str| {
        let mut replica = redis::cmd("REPLICAOF");
        replica.arg(host).arg(port);
        replica
    };
    let nobody = free_port().to_string();
    replica_of("127.0.0.1", &nobody)
        .exec_async(&mut admin)
        .await
        .unwrap();
    refused_write(&cache, "READONLY").await;
    replica_of("NO", "ONE")
        .exec_async(&mut admin)
        .await
        .unwrap();
    eventually("it takes writes again", async || {
        cache.probe().await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_cannot_save_is_told_with_the_cause() {
    let Some(server) = Server::start_with(&["--save", "3600 1"]).await else {
        return;
    };
    let cache = connect(&server).await;
    cache.probe().await.unwrap();
    std::fs::remove_dir_all(server.folder()).unwrap();
    let mut admin = talk_to(&server.url()).await;
    redis::cmd("BGSAVE").exec_async(&mut admin).await.unwrap();
    refused_write(&cache, "MISCONF").await;
}
