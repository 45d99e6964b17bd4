use std::sync::Arc;

use insula_store::TenantFacts;
use insula_testkit::{TenantBuilder, a_tenant};

use super::*;
use crate::testing::view;
use crate::{CookieChange, Effects};

const MINUTE: Duration = Duration::from_mins(1);

fn a_rate(count: u32) -> Rate {
    Rate {
        count,
        per: 10 * MINUTE,
    }
}

fn tenant(change: impl FnOnce(&mut Limits)) -> TenantBuilder {
    a_tenant().with(|spec| change(&mut spec.limits))
}

fn from(address: &str) -> Browser {
    Browser {
        address: Some(address.parse().unwrap()),
        ..Browser::default()
    }
}

async fn wait(view: &TenantView, name: &str, browser: &Browser) -> Option<Duration> {
    let guesses = Guesses::of(view, "mock", name, browser);
    guesses.exceeded().await.unwrap()
}

async fn wrong(view: &TenantView, name: &str, browser: &Browser) {
    let guesses = Guesses::of(view, "mock", name, browser);
    guesses.count().await.unwrap();
}

#[test]
fn a_name_is_counted_by_its_hash_whatever_its_case_and_spaces() {
    let key = by_name("mock", "jane@example.test");
    assert!(!key.contains("jane"), "{key}");
    assert_eq!(key, by_name("mock", " Jane@Example.test "));
    assert_ne!(key, by_name("other", "jane@example.test"));
}

#[test]
fn an_ipv6_address_counts_with_its_network_and_an_ipv4_one_alone() {
    let key = |address: &str| by_address(address.parse().unwrap());
    assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
    assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
}

#[tokio::test]
async fn each_further_wrong_password_doubles_the_wait_up_to_the_longest() {
    let (view, clock) = view(tenant(|limits| {
        limits.password_failures = a_rate(10);
        limits.longest_delay = 7 * MINUTE;
    }));
    for n in 0..9 {
        let stranger = from(&format!("192.0.2.{n}"));
        wrong(&view, "jane", &stranger).await;
        assert_eq!(wait(&view, "jane", &stranger).await, None, "{n}");
    }
    for (n, minutes) in [(9, 1), (10, 2), (11, 4), (12, 7), (13, 7)] {
        let stranger = from(&format!("192.0.2.{n}"));
        wrong(&view, "jane", &stranger).await;
        let told = wait(&view, "jane", &stranger).await.unwrap();
        assert_eq!(told, minutes * MINUTE);
        assert_eq!(wait(&view, "john", &stranger).await, None);
        clock.advance(told);
        assert_eq!(wait(&view, "jane", &stranger).await, None);
    }
    clock.advance(10 * MINUTE);
    for n in 0..9 {
        wrong(&view, "jane", &from("198.51.100.1")).await;
        assert_eq!(
            wait(&view, "jane", &from("198.51.100.1")).await,
            None,
            "{n}"
        );
    }
}

#[tokio::test]
async fn nodes_that_share_a_cache_count_together() {
    let (here, _) = view(tenant(|limits| limits.password_failures = a_rate(4)));
    let there = TenantView {
        effects: Effects {
            facts: Arc::new(TenantFacts::alone(here.spec.id.clone())),
            ..here.effects.clone()
        },
        ..here.clone()
    };
    for _ in 0..2 {
        wrong(&here, "jane", &from("192.0.2.1")).await;
        wrong(&there, "jane", &from("192.0.2.2")).await;
    }
    for node in [&here, &there] {
        let told = wait(node, "jane", &from("192.0.2.3")).await;
        assert_eq!(told, Some(10 * MINUTE / 4));
    }
}

#[tokio::test]
async fn one_address_that_sprays_a_password_over_names_is_slowed_down_and_no_other_is() {
    let (view, clock) = view(tenant(|limits| {
        limits.password_failures_per_address = a_rate(20);
    }));
    let sprayer = from("2001:db8:1:2::1");
    for n in 0..20 {
        assert_eq!(wait(&view, &format!("{n}"), &sprayer).await, None, "{n}");
        wrong(&view, &format!("{n}"), &sprayer).await;
    }
    let moved = from("2001:db8:1:2:ffff::9");
    assert_eq!(wait(&view, "x", &moved).await, Some(MINUTE / 2));
    assert_eq!(wait(&view, "x", &from("2001:db8:1:3::1")).await, None);
    clock.advance(MINUTE / 2);
    for _ in 0..2 {
        wrong(&view, "y", &moved).await;
    }
    assert_eq!(wait(&view, "x", &sprayer).await, Some(MINUTE));
    let behind_an_unnamed_proxy = Browser {
        address_is_shared: true,
        ..sprayer
    };
    assert_eq!(wait(&view, "x", &behind_an_unnamed_proxy).await, None);
}

fn known_to(view: &TenantView, name: &str, browser: Browser) -> Browser {
    let Some(CookieChange::KnowDevice { value, .. }) =
        known_device::remember(view, &browser, "mock", name)
    else {
        panic!("the tenant knows no browsers");
    };
    Browser {
        devices: vec![value],
        ..browser
    }
}

#[tokio::test]
async fn beyond_the_tenants_wrong_passwords_unknown_browsers_wait_and_known_ones_do_not() {
    let (view, clock) = view(tenant(|limits| {
        limits.password_failures_per_tenant = a_rate(100);
    }));
    for n in 0..100 {
        wrong(&view, &format!("{n}"), &from(&format!("192.0.2.{n}"))).await;
    }
    let (new, home) = (from("198.51.100.1"), from("198.51.100.2"));
    let home = known_to(&view, "jane", home);
    assert_eq!(wait(&view, "jane", &new).await, Some(MINUTE / 10));
    assert_eq!(wait(&view, "jane", &home).await, None);
    assert_eq!(
        wait(&view, "john", &home).await,
        Some(MINUTE / 10),
        "to another name it is unknown"
    );
    clock.advance(MINUTE / 10);
    for _ in 0..99 {
        wrong(&view, "x", &from("203.0.113.1")).await;
    }
    assert_eq!(wait(&view, "jane", &new).await, Some(MINUTE / 10));
    wrong(&view, "x", &from("203.0.113.1")).await;
    assert_eq!(wait(&view, "jane", &new).await, Some(MINUTE / 5));
}

#[tokio::test]
async fn no_stranger_locks_anybody_out_of_a_browser_they_use() {
    let (view, _) = view(tenant(|limits| {
        limits.password_failures = a_rate(3);
        limits.password_failures_per_address = a_rate(3);
        limits.password_failures_per_tenant = a_rate(3);
    }));
    let office = from("192.0.2.1");
    for _ in 0..50 {
        wrong(&view, "jane", &office).await;
    }
    let home = known_to(&view, "jane", office.clone());
    assert_eq!(wait(&view, "jane", &home).await, None);
    for _ in 0..3 {
        wrong(&view, "jane", &home).await;
    }
    assert_eq!(
        wait(&view, "jane", &home).await,
        Some(10 * MINUTE / 3),
        "its own mistakes hold it up, should it be stolen"
    );
    let other = known_to(&view, "jane", Browser::default());
    assert_eq!(wait(&view, "jane", &other).await, None);
}
