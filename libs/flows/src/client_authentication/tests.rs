use std::sync::Mutex;
use std::time::Duration;

use insula_ambient::ManualClock;
use insula_engine::{ClientBudget, Refusal};
use insula_model::{ClientId, EventKind, Rate};
use insula_testkit::{a_client, a_tenant};

use super::*;
use crate::testing::{basic, elsewhere, refusal, view, watched};

const MINUTE: Duration = Duration::from_mins(1);

fn guarded() -> (TenantView, ManualClock) {
    view(a_tenant().with(|spec| {
        spec.limits.client_failures = Rate {
            count: 5,
            per: 10 * MINUTE,
        };
    }))
}

fn from(address: &str) -> Evidence<'static> {
    Evidence {
        address: Some(address.parse().unwrap()),
        ..Evidence::default()
    }
}

async fn presents(
    view: &TenantView,
    sender: &Evidence<'_>,
    id: &str,
    secret: &str,
) -> Result<ProvenClient, FlowError> {
    let header = basic(id, secret);
    let evidence = Evidence {
        authorization: vec![Some(&header)],
        ..sender.clone()
    };
    authenticated(view, &evidence).await
}

async fn guesses(view: &TenantView, sender: &Evidence<'_>, guess: usize) -> Refusal {
    refusal(presents(view, sender, "app", &format!("guess-{guess}")).await)
}

async fn is_let_in(view: &TenantView, sender: &Evidence<'_>) -> bool {
    presents(view, sender, "app", "app-secret").await.is_ok()
}

#[tokio::test]
async fn guesses_at_a_clients_secret_from_one_address_are_slowed_down_there_alone() {
    let (view, clock) = guarded();
    let (here, there) = (&from("192.0.2.1"), &from("192.0.2.2"));
    for guess in 0..5 {
        let told = guesses(&view, here, guess).await;
        assert_eq!(told, Refusal::ClientCredentials, "{guess}");
    }
    for (guess, seconds) in [(5, 120), (6, 240), (7, 480), (8, 900), (9, 900)] {
        let wait = Refusal::TooManyRequests {
            retry_after_s: seconds,
        };
        assert_eq!(guesses(&view, here, 99).await, wait);
        let right = presents(&view, here, "app", "app-secret").await;
        assert_eq!(refusal(right), wait, "a right secret is told the same");
        assert!(is_let_in(&view, there).await);
        clock.advance(Duration::from_secs(seconds));
        let told = guesses(&view, here, guess).await;
        assert_eq!(told, Refusal::ClientCredentials);
    }
    clock.advance(15 * MINUTE);
    assert!(is_let_in(&view, here).await);
}

#[tokio::test]
async fn that_a_client_is_slowed_down_is_an_event_and_a_flood_of_these_is_counted() {
    let (view, clock) = guarded();
    let sender = &from("192.0.2.1");
    let told = async || {
        let events = view.effects.store.events_after(0, 1_000).await.unwrap();
        let counts = events
            .into_iter()
            .filter_map(|placed| match placed.event.kind {
                EventKind::ClientSlowedDown { client, count } if client.as_str() == "app" => {
                    Some(count)
                }
                _ => None,
            });
        counts.collect::<Vec<_>>()
    };
    for guess in 0..4 {
        guesses(&view, sender, guess).await;
    }
    assert!(told().await.is_empty(), "it does not wait yet");
    guesses(&view, sender, 4).await;
    guesses(&view, sender, 5).await;
    assert_eq!(told().await, [1], "during a wait nothing is looked at");
    clock.advance(2 * MINUTE);
    guesses(&view, sender, 6).await;
    assert_eq!(told().await, [1, 2]);
    for n in 0..300 {
        let elsewhere = &from(&format!("198.51.{}.{}", n / 200, n % 200));
        for guess in 0..5 {
            guesses(&view, elsewhere, guess).await;
        }
    }
    let told = told().await;
    assert_eq!((told.len(), told.last()), (102, Some(&256)), "{told:?}");
}

#[tokio::test]
async fn nodes_that_share_a_cache_count_guesses_at_a_secret_together() {
    let (here, clock) = guarded();
    let there = elsewhere(&here);
    let sender = &from("192.0.2.1");
    for guess in 0..5 {
        guesses(&here, sender, guess).await;
    }
    guesses(&there, sender, 5).await;
    let told = guesses(&there, sender, 6).await;
    assert_eq!(told, Refusal::TooManyRequests { retry_after_s: 240 });
    clock.advance(2 * MINUTE);
    guesses(&here, sender, 7).await;
    let told = guesses(&here, sender, 8).await;
    assert_eq!(told, Refusal::TooManyRequests { retry_after_s: 480 });
}

#[tokio::test]
async fn a_program_that_was_left_with_an_old_secret_keeps_nobody_at_its_address_out() {
    let (view, _) = guarded();
    let office = &from("192.0.2.1");
    for _ in 0..100 {
        let old = presents(&view, office, "app", "old-secret").await;
        assert_eq!(refusal(old), Refusal::ClientCredentials);
    }
    assert!(is_let_in(&view, office).await);
}

#[tokio::test]
async fn a_client_that_makes_no_mistakes_costs_the_cache_nothing() {
    let (view, _) = guarded();
    let (view, _, cache) = watched(&view);
    assert!(is_let_in(&view, &from("192.0.2.1")).await);
    let nobody = presents(&view, &from("192.0.2.1"), "nobody", "secret").await;
    assert_eq!(refusal(nobody), Refusal::ClientCredentials);
    assert_eq!(cache.calls(), [""; 0]);
    guesses(&view, &Evidence::default(), 1).await;
    assert_eq!(cache.calls(), [""; 0], "everybody may come from there");
    guesses(&view, &from("192.0.2.1"), 1).await;
    assert_eq!(cache.calls(), ["count_failures"]);
}

/// Admits nobody, and notes who asked.
#[derive(Debug, Default)]
struct UsedUp(Mutex<Vec<String>>);

impl ClientBudget for UsedUp {
    fn admit(&self, client: &ClientId) -> Result<(), Duration> {
        self.0.lock().unwrap().push(client.to_string());
        Err(Duration::from_millis(1_200))
    }
}

#[tokio::test]
async fn only_a_client_that_proved_who_it_is_uses_its_part_of_the_tenants_requests() {
    let phone = a_client().named("phone").public().build();
    let (view, _) = view(a_tenant().with_client(phone));
    let used_up = UsedUp::default();
    let sender = &Evidence {
        budget: Some(&used_up),
        ..from("192.0.2.1")
    };
    let told = guesses(&view, sender, 1).await;
    assert_eq!(told, Refusal::ClientCredentials);
    let form = insula_oauth::Params::from_pairs([("client_id", "phone")]);
    let evidence = Evidence {
        form,
        ..sender.clone()
    };
    let phone = authenticated(&view, &evidence).await.unwrap();
    assert_eq!(phone.client().id.as_str(), "phone", "anybody may say so");
    assert_eq!(used_up.0.lock().unwrap().len(), 0);
    let told = refusal(presents(&view, sender, "app", "app-secret").await);
    assert_eq!(told, Refusal::TooManyRequests { retry_after_s: 2 });
    assert_eq!(*used_up.0.lock().unwrap(), ["app"]);
}
