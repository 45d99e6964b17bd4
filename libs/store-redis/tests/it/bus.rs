use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use insula_model::TenantId;
use insula_store::{Change, ChangeBus as _, ChangeKind, ChangeStream};
use insula_store_redis::RedisBus;
use redis::AsyncCommands as _;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::server::{Redis, Server, eventually, options, talk_to};

fn change(tenant: &str, kind: ChangeKind) -> Change {
    Change {
        tenant: TenantId::parse(tenant).unwrap(),
        kind,
        origin: "process-1".into(),
    }
}

async fn hear(changes: &mut ChangeStream) -> Change {
    let heard = timeout(Duration::from_secs(20), changes.next()).await;
    heard.unwrap().unwrap()
}

#[tokio::test]
async fn a_change_reaches_every_listener_of_every_process_in_order() {
    let Some(redis) = Redis::any().await else {
        return;
    };
    let options = options();
    let url = redis.url();
    let connect = || RedisBus::connect(&url, &options, Handle::current());
    let (here, there) = (connect().await.unwrap(), connect().await.unwrap());
    let mut listeners = [
        here.subscribe().await.unwrap(),
        there.subscribe().await.unwrap(),
        there.subscribe().await.unwrap(),
    ];
    let told = [
        change("acme", ChangeKind::Keys),
        change("acme", ChangeKind::Spec),
        change("globex", ChangeKind::Keys),
    ];
    for change in &told {
        here.publish(change).await.unwrap();
    }
    for listener in &mut listeners {
        for change in &told {
            assert_eq!(hear(listener).await, *change);
        }
    }
}

#[tokio::test]
async fn installations_do_not_hear_each_other() {
    let Some(redis) = Redis::any().await else {
        return;
    };
    let ours = options();
    let our_bus = RedisBus::connect(&redis.url(), &ours, Handle::current()).await;
    let their_bus = RedisBus::connect(&redis.url(), &options(), Handle::current()).await;
    let (our_bus, their_bus) = (our_bus.unwrap(), their_bus.unwrap());
    let mut heard = our_bus.subscribe().await.unwrap();
    let theirs = change("theirs", ChangeKind::Keys);
    their_bus.publish(&theirs).await.unwrap();
    let mine = change("ours", ChangeKind::Keys);
    our_bus.publish(&mine).await.unwrap();
    assert_eq!(hear(&mut heard).await, mine);
}

#[tokio::test]
async fn word_that_is_no_change_is_passed_over() {
    let Some(redis) = Redis::any().await else {
        return;
    };
    let options = options();
    let bus = RedisBus::connect(&redis.url(), &options, Handle::current()).await;
    let bus = bus.unwrap();
    let mut heard = bus.subscribe().await.unwrap();
    let mut raw = talk_to(&redis.url()).await;
    let channel = format!("{}:changes", options.prefix);
    let listeners: u32 = raw.publish(channel, "noise").await.unwrap();
    assert_eq!(listeners, 1);
    let told = change("acme", ChangeKind::Spec);
    bus.publish(&told).await.unwrap();
    assert_eq!(hear(&mut heard).await, told);
}

#[tokio::test]
async fn a_bus_whose_redis_died_hears_again_when_it_is_back() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let bus = RedisBus::connect(&server.url(), &options(), Handle::current()).await;
    let bus = bus.unwrap();
    let mut heard = bus.subscribe().await.unwrap();
    server.kill();
    server.restart().await;
    let told = change("acme", ChangeKind::Keys);
    eventually("the bus hears again", async || {
        let _ = bus.publish(&told).await;
        heard.next().now_or_never().flatten().is_some()
    })
    .await;
}

#[tokio::test]
async fn the_stream_ends_with_the_bus() {
    let Some(redis) = Redis::any().await else {
        return;
    };
    let bus = RedisBus::connect(&redis.url(), &options(), Handle::current()).await;
    let bus = bus.unwrap();
    let mut heard = bus.subscribe().await.unwrap();
    drop(bus);
    let end = timeout(Duration::from_secs(20), heard.next()).await;
    assert_eq!(end.unwrap(), None);
}
