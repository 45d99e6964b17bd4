use std::process::{Child, Command, Stdio};
use std::time::Duration;

use insula_model::TokenHash;
use insula_store::{Cache as _, ClaimedCode};
use insula_store_redis::{RedisCache, RedisOptions};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::layout::{acme, grant};
use crate::server::{Server, eventually, free_port, options, talk_to};

struct Sentinel {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Sentinel {
    async fn watching(master: &Server) -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = dir.path().join("sentinel.conf");
        let at = master.port();
        let conf = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {at} 1\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n"
        );
        std::fs::write(&file, conf).unwrap();
        let child = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let sentinel = Self {
            child,
            port,
            _dir: dir,
        };
        eventually("the sentinel listens", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
        })
        .await;
        sentinel
    }

    /// How many replicas it knows of the service.
    async fn replicas(&self) -> usize {
        let mut raw = talk_to(&format!("redis://127.0.0.1:{}", self.port)).await;
        let known: redis::RedisResult<Vec<redis::Value>> = redis::cmd("SENTINEL")
            .arg("REPLICAS")
            .arg("main")
            .query_async(&mut raw)
            .await;
        known.map_or(0, |k| k.len())
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_way_of_sentinels_the_new_master_is_found_when_the_old_one_died() {
    let Some(mut master) = Server::start().await else {
        return;
    };
    let follow = ["--replicaof", "127.0.0.1", &master.port().to_string()];
    let Some(_replica) = Server::start_with(&follow).await else {
        return;
    };
    let sentinel = Sentinel::watching(&master).await;
    eventually("the sentinel knows the replica", async || {
        sentinel.replicas().await == 1
    })
    .await;
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port);
    let options = RedisOptions {
        command_timeout: Duration::from_secs(2),
        failures_to_open: 2,
        ..options()
    };
    let cache = RedisCache::connect(&url, &options, Handle::current()).await;
    let cache = cache.unwrap();
    let tenant = cache.tenant(&acme());
    tenant.count("key", Duration::from_mins(1)).await.unwrap();
    master.kill();
    let (code, grant) = (TokenHash::of("code"), grant());
    eventually("the new master takes writes", async || {
        tenant
            .put_code(&code, &grant, Duration::from_mins(1))
            .await
            .is_ok()
    })
    .await;
    let minute = Duration::from_mins(1);
    let claimed = tenant.claim_code(&code, &code, minute).await.unwrap();
    assert!(matches!(claimed, ClaimedCode::Claimed { claim: 1, .. }));
}
