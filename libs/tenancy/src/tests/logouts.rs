//! Clients of many tenants are told of logouts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use insula_connector_kit::{NotPosted, PostForm};
use insula_model::{BrowserSession, Client, ClientId, ConnectorId, SessionId, TenantId, TokenHash};
use insula_store::{Changes, Durable as _, EndedSession, LogoutAudience};
use insula_testkit::{NOW, a_client, a_tenant, jane};
use tokio::sync::Semaphore;

use super::world::{World, in_world, quick};
use crate::logout_delivery::LogoutDelivery;

/// Hears what is posted. Where it is told to hang, nobody hears anything before it is let go.
struct Hears {
    heard: Mutex<BTreeMap<String, usize>>,
    hanging: Mutex<Option<String>>,
    let_go: Semaphore,
    most_at_once: Mutex<(usize, usize)>,
    /// Whether the next post panics.
    panics: AtomicBool,
    /// What is answered.
    status: AtomicU16,
}

impl Hears {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            heard: Mutex::default(),
            hanging: Mutex::default(),
            let_go: Semaphore::new(0),
            most_at_once: Mutex::default(),
            panics: AtomicBool::new(false),
            status: AtomicU16::new(200),
        })
    }

    fn heard(&self, url: &str) -> usize {
        self.heard.lock().unwrap().get(url).copied().unwrap_or(0)
    }
}

#[async_trait]
impl PostForm for Hears {
    async fn post_form(&self, url: &str, _: String) -> Result<u16, NotPosted> {
        assert!(!self.panics.swap(false, Ordering::Relaxed), "as asked");
        {
            let mut at_once = self.most_at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        let hangs = self.hanging.lock().unwrap().clone();
        if hangs.is_some_and(|hangs| url.starts_with(&hangs)) {
            let _turn = self.let_go.acquire().await.unwrap();
        }
        self.most_at_once.lock().unwrap().0 -= 1;
        *self
            .heard
            .lock()
            .unwrap()
            .entry(url.to_owned())
            .or_default() += 1;
        Ok(self.status.load(Ordering::Relaxed))
    }
}

fn client(id: &str, tenant: &str) -> Client {
    let mut client = a_client().named(id).build();
    let uri = format!("https://{tenant}.test/{id}");
    client.logout.backchannel_logout_uri = Some(uri);
    client
}

/// Ends a session of these clients at a tenant.
async fn logs_out(world: &World, tenant: &str, session: &str, clients: &[&str]) {
    let store = world.store.tenant(&TenantId::parse(tenant).unwrap());
    let row = BrowserSession {
        id: SessionId::parse(session).unwrap(),
        connector_id: ConnectorId::parse("mock").unwrap(),
        claims: jane(),
        auth_time: NOW,
        amr: Vec::new(),
        acr: None,
        clients: clients
            .iter()
            .map(|id| ClientId::parse(id).unwrap())
            .collect(),
        earlier: Vec::new(),
        last_seen_at: NOW,
        expires_at: NOW + Duration::from_hours(1),
    };
    let cookie = TokenHash::of(session);
    store.save_session(&cookie, &row).await.unwrap();
    let audience = LogoutAudience {
        except: Vec::new(),
        at: NOW,
    };
    let ended = EndedSession {
        cookie,
        event: None,
        audience: Some(audience),
    };
    let changes = Changes {
        ended: vec![ended],
        ..Changes::default()
    };
    store.commit(&changes).await.unwrap();
}

fn with_clients(world: &World, tenant: &str, clients: &[&str]) {
    let issuer = format!("https://{tenant}.test");
    let mut built = a_tenant().at(tenant, &issuer);
    for id in clients {
        built = built.with_client(client(id, tenant));
    }
    world.files.write(built.build());
}

async fn delivery(world: &World, name: &str, post: &Arc<Hears>) -> LogoutDelivery {
    let tenancy = world.process(name, quick()).await;
    tenancy.logout_delivery(Arc::clone(post) as _)
}

#[test]
fn clients_of_sleeping_tenants_are_told_each_once() {
    in_world(|world| async move {
        for tenant in ["acme", "globex"] {
            with_clients(&world, tenant, &["app", "shop"]);
            logs_out(&world, tenant, "one", &["app", "shop"]).await;
            logs_out(&world, tenant, "two", &["app"]).await;
        }
        let post = Hears::new();
        let delivery = delivery(&world, "one", &post).await;
        for task in delivery.round().await {
            task.await.unwrap();
        }
        for tenant in ["acme", "globex"] {
            assert_eq!(post.heard(&format!("https://{tenant}.test/app")), 2);
            assert_eq!(post.heard(&format!("https://{tenant}.test/shop")), 1);
        }
        assert_eq!(delivery.round().await.len(), 0, "nothing is left");
    });
}

#[test]
fn a_client_that_hangs_keeps_neither_its_neighbours_nor_other_tenants_waiting() {
    in_world(|world| async move {
        with_clients(&world, "acme", &["app", "shop"]);
        with_clients(&world, "globex", &["app"]);
        let post = Hears::new();
        *post.hanging.lock().unwrap() = Some("https://acme.test/app".to_owned());
        let delivery = delivery(&world, "one", &post).await;
        logs_out(&world, "acme", "one", &["app"]).await;
        let hanging = delivery.round().await;
        assert_eq!(hanging.len(), 1);
        for n in 0..20 {
            logs_out(&world, "acme", &format!("s{n}"), &["app", "shop"]).await;
            logs_out(&world, "globex", &format!("s{n}"), &["app"]).await;
        }
        let others = delivery.round().await;
        assert_eq!(others.len(), 2, "the one that hangs is not asked twice");
        for task in others {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://acme.test/shop"), 20);
        assert_eq!(post.heard("https://globex.test/app"), 20);
        assert_eq!(post.heard("https://acme.test/app"), 0);
        post.let_go.add_permits(100);
        for task in hanging {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://acme.test/app"), 21);
    });
}

#[test]
fn a_tenant_whose_clients_all_hang_leaves_room_for_others() {
    in_world(|world| async move {
        let many: Vec<String> = (0..40).map(|n| format!("app{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        with_clients(&world, "acme", &many);
        with_clients(&world, "globex", &["app"]);
        let post = Hears::new();
        *post.hanging.lock().unwrap() = Some("https://acme.test/".to_owned());
        let delivery = delivery(&world, "one", &post).await;
        logs_out(&world, "acme", "one", &many).await;
        let hanging = delivery.round().await;
        assert_eq!(hanging.len(), 40);
        logs_out(&world, "globex", "one", &["app"]).await;
        for task in delivery.round().await {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://globex.test/app"), 1);
        assert!(post.most_at_once.lock().unwrap().1 <= 9);
        post.let_go.add_permits(100);
        for task in hanging {
            task.await.unwrap();
        }
    });
}

#[test]
fn clients_that_failed_before_keep_one_that_did_not_waiting_for_nothing() {
    in_world(|world| async move {
        let dead: Vec<String> = (0..9).map(|n| format!("dead{n}")).collect();
        let dead: Vec<&str> = dead.iter().map(String::as_str).collect();
        let all: Vec<&str> = dead.iter().copied().chain(["good"]).collect();
        with_clients(&world, "acme", &all);
        let post = Hears::new();
        post.status.store(503, Ordering::Relaxed);
        let delivery = delivery(&world, "one", &post).await;
        logs_out(&world, "acme", "one", &dead).await;
        for task in delivery.round().await {
            task.await.unwrap();
        }
        post.status.store(200, Ordering::Relaxed);
        *post.hanging.lock().unwrap() = Some("https://acme.test/dead".to_owned());
        world.clock.advance(Duration::from_hours(1));
        let hanging = delivery.round().await;
        assert_eq!(hanging.len(), dead.len());
        logs_out(&world, "acme", "two", &["good"]).await;
        for task in delivery.round().await {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://acme.test/good"), 1);
        post.let_go.add_permits(100);
        for task in hanging {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://acme.test/dead8"), 2);
    });
}

#[test]
fn a_client_that_refuses_a_logout_hears_of_the_next_at_once() {
    in_world(|world| async move {
        with_clients(&world, "acme", &["app"]);
        let post = Hears::new();
        post.status.store(400, Ordering::Relaxed);
        let delivery = delivery(&world, "one", &post).await;
        for n in 0..3 {
            logs_out(&world, "acme", &format!("s{n}"), &["app"]).await;
        }
        for task in delivery.round().await {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://acme.test/app"), 3);
        post.status.store(200, Ordering::Relaxed);
        logs_out(&world, "acme", "next", &["app"]).await;
        for task in delivery.round().await {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://acme.test/app"), 4);
    });
}

#[test]
fn of_several_processes_one_tells_a_client() {
    in_world(|world| async move {
        with_clients(&world, "acme", &["app"]);
        let post = Hears::new();
        let one = delivery(&world, "one", &post).await;
        let two = delivery(&world, "two", &post).await;
        for n in 0..10 {
            logs_out(&world, "acme", &format!("s{n}"), &["app"]).await;
        }
        let (first, second) = tokio::join!(one.round(), two.round());
        for task in first.into_iter().chain(second) {
            task.await.unwrap();
        }
        for task in one.round().await {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://acme.test/app"), 10);
    });
}

#[test]
fn a_panic_while_a_client_is_told_keeps_nobody_from_being_told_later() {
    in_world(|world| async move {
        with_clients(&world, "acme", &["app"]);
        logs_out(&world, "acme", "one", &["app"]).await;
        let post = Hears::new();
        post.panics.store(true, Ordering::Relaxed);
        let delivery = delivery(&world, "one", &post).await;
        for task in delivery.round().await {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://acme.test/app"), 0);
        world.clock.advance(Duration::from_hours(1));
        for task in delivery.round().await {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://acme.test/app"), 1);
    });
}

#[test]
fn very_many_clients_that_hang_are_looked_past() {
    in_world(|world| async move {
        let many: Vec<String> = (0..1_000).map(|n| format!("app{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        with_clients(&world, "acme", &many);
        with_clients(&world, "globex", &["app"]);
        logs_out(&world, "acme", "one", &many).await;
        logs_out(&world, "globex", "one", &["app"]).await;
        let post = Hears::new();
        *post.hanging.lock().unwrap() = Some("https://acme.test/".to_owned());
        let delivery = delivery(&world, "one", &post).await;
        let hanging = delivery.round().await;
        assert_eq!(hanging.len(), 1_000, "as many as a look finds");
        for task in delivery.round().await {
            task.await.unwrap();
        }
        assert_eq!(post.heard("https://globex.test/app"), 1);
        for task in hanging {
            task.abort();
        }
    });
}
