//! When a server may have been set back, and whether it says so.

use std::time::Duration;

use insula_model::{CacheEpoch, TokenHash};
use insula_store::{Cache as _, ClaimedCode, LeaveToAnswer, TenantCache};
use insula_store_redis::RedisCache;
use tokio::runtime::Handle;

use crate::layout::{acme, grant};
use crate::server::{Server, eventually, options, talk_to};

const MINUTE: Duration = Duration::from_mins(1);

/// The epoch that claiming and answering a new code tells, which is one.
async fn told(url: &str) -> Option<CacheEpoch> {
    let options = options();
    let cache = RedisCache::connect(url, &options, Handle::current());
    let tenant = cache.await.unwrap().tenant(&acme());
    let code = TokenHash::of("code");
    tenant.put_code(&code, &grant(), MINUTE).await.unwrap();
    let epoch = claimed_in(&*tenant, &code).await;
    let leave = tenant.answer_code(&code, 1, MINUTE).await.unwrap();
    assert_eq!(leave, LeaveToAnswer::Given(epoch.clone()));
    epoch
}

async fn claimed_in(tenant: &dyn TenantCache, code: &TokenHash) -> Option<CacheEpoch> {
    let claimed = tenant.claim_code(code, code, MINUTE).await.unwrap();
    let is_claimed = matches!(claimed, ClaimedCode::Claimed { .. });
    assert!(is_claimed, "{claimed:?}");
    match claimed {
        ClaimedCode::Claimed { epoch, .. } => epoch,
        ClaimedCode::Replayed(_) | ClaimedCode::Unknown => None,
    }
}

/// Sends one command past the crate under test.
async fn send(server: &Server, command: &str) {
    let mut raw = talk_to(&server.url()).await;
    let (name, rest) = command.split_once(' ').unwrap();
    let mut command = redis::cmd(name);
    command.arg(rest.split(' ').collect::<Vec<_>>());
    let sent: redis::RedisResult<()> = command.query_async(&mut raw).await;
    sent.unwrap();
}

async fn has_role(server: &Server, role: &str) -> bool {
    let mut raw = talk_to(&server.url()).await;
    let told: redis::RedisResult<String> = redis::cmd("INFO")
        .arg("replication")
        .query_async(&mut raw)
        .await;
    let told = told.unwrap_or_default();
    told.contains(&format!("role:{role}"))
        && (role == "master" || told.contains("master_link_status:up"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epoch_ends_when_the_server_is_started_again() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let (first, again) = (told(&server.url()).await, told(&server.url()).await);
    assert!(first.is_some());
    assert_eq!(first, again, "all connections hear of one");
    server.kill();
    server.restart().await;
    let restarted = told(&server.url()).await;
    assert!(restarted.is_some() && restarted != first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epoch_ends_at_each_change_of_masters_also_for_a_master_that_comes_back() {
    let (Some(one), Some(two)) = (Server::start().await, Server::start().await) else {
        return;
    };
    let mut epochs = vec![told(&one.url()).await, told(&two.url()).await];
    for (follower, master) in [(&two, &one), (&one, &two)] {
        let follow = format!("REPLICAOF 127.0.0.1 {}", master.port());
        send(follower, &follow).await;
        eventually("the replica follows", async || {
            has_role(follower, "slave").await
        })
        .await;
        send(follower, "REPLICAOF NO ONE").await;
        eventually("it leads", async || has_role(follower, "master").await).await;
        epochs.push(told(&follower.url()).await);
    }
    for (n, epoch) in epochs.iter().enumerate() {
        assert!(epoch.is_some());
        assert!(!epochs[..n].contains(epoch), "{epochs:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_may_not_be_asked_tells_no_epoch_and_serves_all_the_same() {
    let Some(server) = Server::start().await else {
        return;
    };
    send(&server, "ACL SETUSER app on >word ~* &* +@all").await;
    let url = format!("redis://app:word@127.0.0.1:{}", server.port());
    assert!(told(&url).await.is_some());
    send(&server, "ACL SETUSER app -info").await;
    assert_eq!(told(&url).await, None);
}
