use insula_config::ServiceUrl;
use insula_store_sql::SqlOptions;
use tokio::runtime::Handle;

use super::*;

async fn a_store() -> SqlStore {
    let options = SqlOptions::default();
    let store = SqlStore::connect("sqlite::memory:", &options, Handle::current()).await;
    let store = store.unwrap();
    store.migrate().await.unwrap();
    store
}

fn redis() -> CacheUrl {
    CacheUrl::Redis(ServiceUrl::new("redis://cache.test"))
}

async fn held(store: &SqlStore, holder: &str) {
    let now = store.time().await.unwrap();
    let hour = Duration::from_hours(1);
    assert!(store.lease(NAME, holder, now, hour).await.unwrap());
}

async fn take(store: &SqlStore, cache: &CacheUrl) -> Result<CacheLease> {
    CacheLease::take(store.clone(), cache, "p1", &"sqlite://insula.db").await
}

#[test]
fn a_process_of_this_machine_is_seen_to_be_gone_and_one_that_runs_is_not() {
    let mine = memory_of("p1");
    assert!(!is_gone(&mine), "{mine}");
    let pid = format!(" {} ", std::process::id());
    assert!(is_gone(&mine.replace(&pid, " 4194305 ")), "{mine}");
    for elsewhere in [
        "memory host 4194305 other/pid:[1] p1",
        "memory host 1 - p1",
        REDIS,
    ] {
        assert!(!is_gone(elsewhere), "{elsewhere}");
    }
}

#[tokio::test]
async fn a_holder_that_crashed_on_the_same_machine_is_not_waited_for() {
    let store = a_store().await;
    let pid = format!(" {} ", std::process::id());
    held(&store, &memory_of("p0").replace(&pid, " 4194305 ")).await;
    let began = Instant::now();
    let lease = take(&store, &CacheUrl::Memory).await.unwrap();
    assert!(began.elapsed() < TTL);
    let standing = store.lease_holder(NAME).await.unwrap().unwrap();
    assert_eq!(standing.holder, lease.holder);
}

#[tokio::test]
async fn processes_on_redis_share_the_lease_and_do_not_take_it_along() {
    let store = a_store().await;
    let one = take(&store, &redis()).await.unwrap();
    take(&store, &redis()).await.unwrap();
    one.release().await;
    assert!(served_by(&store).await.unwrap().is_some());
}

#[tokio::test]
async fn a_process_that_ended_leaves_the_lease_to_the_next() {
    let store = a_store().await;
    let one = take(&store, &CacheUrl::Memory).await.unwrap();
    one.release().await;
    assert_eq!(served_by(&store).await.unwrap(), None);
    take(&store, &redis()).await.unwrap();
}

#[tokio::test]
async fn what_to_set_is_told_to_whom_it_is_refused() {
    let store = a_store().await;
    let of = |holder: &str| CacheLease {
        store: store.clone(),
        holder: holder.to_owned(),
    };
    let memory = memory_of("p1");
    for (mine, standing, next) in [
        (
            memory.as_str(),
            memory.as_str(),
            "`cache: redis://...` at both",
        ),
        (memory.as_str(), REDIS, "that the others have"),
        (REDIS, memory.as_str(), "give that one the same"),
    ] {
        let said = of(mine).refused(standing, &"sqlite://insula.db");
        assert!(said.is::<Misconfigured>());
        let said = format!("{said:#}");
        assert!(said.contains(next), "{said}");
    }
}
